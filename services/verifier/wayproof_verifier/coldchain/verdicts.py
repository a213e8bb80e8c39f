"""Verdicts on the ledger: identifiers, records, and which record stands when late readings gave another verdict.

Nothing is overwritten. A later verdict supersedes an earlier one of the same series and direction that it overlaps in
time; the earlier one stays readable. Records are dicts as `record_excursion` takes them and the shipment's head lists
them (docs/reference/contract.md).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from wayproof_verifier.coldchain.excursions import Excursion

Record = Mapping[str, Any]

_KEY_DIGITS = 24  # 96 bits: no two excursions of all shipments meet by chance
_LARGEST = 2**53 - 1  # what the contract's canonical JSON holds
_MAX_NUMBER_DIGITS = 9


def excursion_key(gsin: str, *, device_id: str, stream: str, name: str, direction: str, started_at_ms: int) -> str:
    """Name an excursion by what it is: the same on every machine. A record's identifier is `{key}.{n}`."""
    identity = json.dumps([gsin, device_id, stream, name, direction, started_at_ms], separators=(",", ":"))
    return f"{direction}-{sha256(identity.encode()).hexdigest()[:_KEY_DIGITS]}"


def next_excursion_id(excursion: Excursion, *, gsin: str, recorded: Iterable[Record]) -> str:
    """Return the excursion's identifier with the next free number, from 1."""
    key = excursion_key(
        gsin,
        device_id=excursion.device_id,
        stream=excursion.stream,
        name=excursion.name,
        direction=excursion.direction,
        started_at_ms=excursion.started_at_ms,
    )
    numbers = [_number(record) for record in recorded if record["excursion_id"].rpartition(".")[0] == key]
    return f"{key}.{max(numbers, default=0) + 1}"


def to_record(excursion: Excursion, *, excursion_id: str) -> dict[str, Any]:
    """Return the argument of `record_excursion` without `gsin`.

    A peak with more digits than canonical JSON holds exactly is cut, toward zero.
    """
    value, scale = _cut(excursion.peak.value, excursion.peak.scale)
    record = {
        "excursion_id": excursion_id,
        "device_id": excursion.device_id,
        "stream": excursion.stream,
        "name": excursion.name,
        "direction": excursion.direction,
        "started_at_ms": excursion.started_at_ms,
        "peak": {"value": value, "scale": scale, "unit": excursion.peak.unit},
        "rule": excursion.rule,
        "as_of_ms": excursion.as_of_ms,
    }
    return record if excursion.ended_at_ms is None else {**record, "ended_at_ms": excursion.ended_at_ms}


def supersedes(new: Record, old: Record) -> bool:
    """Whether one recorded verdict takes the place of another: same series and direction, overlapping, and later."""
    return _series(new) == _series(old) and _overlap(new, old) and _rank(new) > _rank(old)


def standing(recorded: Iterable[Record]) -> tuple[Record, ...]:
    """Return the records that no other one supersedes, in their order."""
    recorded = tuple(recorded)
    return tuple(old for old in recorded if not any(supersedes(new, old) for new in recorded))


def unrecorded(found: Iterable[Excursion], *, gsin: str, recorded: Sequence[Record]) -> tuple[dict[str, Any], ...]:
    """Return the records that say what the ledger does not say yet, given all verdicts of a shipment.

    An excursion is recorded when it is found, and again when it has ended or late readings moved it; not for a higher
    peak while it lasts. A resolved one comes back only if it began or peaked otherwise, or outlasted its resolution.
    """
    stand = standing(recorded)
    new = [
        to_record(excursion, excursion_id=next_excursion_id(excursion, gsin=gsin, recorded=recorded))
        for excursion in found
        if not any(_says(record, excursion) for record in stand)
    ]
    return tuple(new)


def _says(record: Record, excursion: Excursion) -> bool:
    own = to_record(excursion, excursion_id="")
    if _series(record) != _series(own) or record["started_at_ms"] != excursion.started_at_ms:
        return False
    has_same_peak: bool = record["peak"] == own["peak"]
    ended_at_ms: int | None = record.get("ended_at_ms")
    if "resolution" in record:
        return has_same_peak and ended_at_ms is not None and ended_at_ms >= excursion.last_outside_at_ms
    return ended_at_ms == excursion.ended_at_ms and (has_same_peak or ended_at_ms is None)


def _series(record: Record) -> tuple[str, ...]:
    return record["device_id"], record["stream"], record["name"], record["direction"]


def _overlap(one: Record, other: Record) -> bool:
    """An open verdict speaks up to its as-of time; each covers at least the instant of its start."""
    (start, end), (other_start, other_end) = _covered_ms(one), _covered_ms(other)
    return start < other_end and other_start < end


def _covered_ms(record: Record) -> tuple[int, int]:
    start: int = record["started_at_ms"]
    return start, max(record.get("ended_at_ms", record["as_of_ms"]), start + 1)


def _rank(record: Record) -> tuple[int, int, str]:
    return record["as_of_ms"], _number(record), record["excursion_id"]


def _number(record: Record) -> int:
    """Return the n of `{key}.{n}`; 0 where others named the record."""
    text = record["excursion_id"].rpartition(".")[2]
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MAX_NUMBER_DIGITS else 0


def _cut(value: int, scale: int) -> tuple[int, int]:
    sign, magnitude = (-1 if value < 0 else 1), abs(value)
    while scale > 0 and (magnitude > _LARGEST or magnitude % 10 == 0):
        magnitude //= 10
        scale -= 1
    return sign * min(magnitude, _LARGEST), scale
