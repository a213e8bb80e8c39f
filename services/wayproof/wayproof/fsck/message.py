"""What the rows of a message must be, computed again from its bytes by the verifier's own code. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from wayproof.fsck.finding import Mismatch, shown
from wayproof.store.fsck import StoredMessage, StoredReading
from wayproof.store.key_end import KeyEnd, is_beyond
from wayproof.store.weeks import week_of
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.telemetry import Message, PublicKey, Reading, Rejection, TextReading, decode, verify
from wayproof_verifier.telemetry.envelope import KEY_ID
from wayproof_verifier.telemetry.topic import Topic, parse_topic

NOT_SIGNED = "not_signed"
WRONG_KEY = "wrong_key"
KEY_ENDED = "key_ended"
REGISTER_LAG_MS = 15 * 60_000
"""How far the register that ingest judged by may have been behind the ledger: so long a new key may be `wrong_key`."""


@dataclass(frozen=True, slots=True)
class Key:
    """A registered key: when its client says that it was registered, and up to where one that ended counts."""

    public: PublicKey
    registered_at_ms: int
    end: KeyEnd | None = None


Keys = Mapping[bytes, Key]
"""A device's keys by key id."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored message against its bytes: what differs, the readings it has, its stream (device, name) if any."""

    mismatches: tuple[Mismatch, ...]
    readings: tuple[Reading | TextReading, ...] = ()
    stream: tuple[str, str] | None = None


def message_key(row: StoredMessage) -> str:
    """Return how a message is named: by its row, and its leaf where it has one."""
    leaf = "" if row.leaf_index is None else f", leaf {row.epoch}/{row.leaf_index}"
    return f"ingest_id {row.ingest_id}{leaf}"


def is_erased(row: StoredMessage) -> bool:
    """Tell whether salt, topic and payload are gone, all three."""
    return row.salt is None and row.topic is None and row.payload is None


def computed_entry(row: StoredMessage) -> bytes | None:
    """Return the entry that salt, topic, payload and time of arrival make, None where they make none."""
    if row.salt is None or row.topic is None or row.payload is None:
        return None
    try:
        return entry_hash(row.salt, topic=row.topic, payload=row.payload, received_at_ms=row.received_at_ms)
    except ValueError:
        return None


def judge(row: StoredMessage, *, keys: Keys) -> Judged:
    """Compare a message that is not erased with its bytes. The entry is not looked at here."""
    if row.topic is None or row.payload is None:
        gone = " and ".join(name for name in ("topic", "payload") if getattr(row, name) is None)
        return Judged((Mismatch("message", message_key(row), gone, shown(None), "what was published"),))
    message = decode(row.payload, topic=row.topic)
    if row.stream_id is None:
        expected = _refused(row, message, keys=keys)
        return Judged(tuple(_different(row, expected)))
    if isinstance(message, Rejection):
        mismatch = Mismatch("message", message_key(row), "rejection", shown(row.rejection), message.code)
        return Judged((mismatch, *_different(row, {"message_hash": sha256(row.payload).digest()})))
    expected = {**_accepted(message, keys=keys), **_observed(message)}
    return Judged(
        tuple(_different(row, expected)),
        readings=message.readings,
        stream=(message.device_id, message.stream),
    )


def judge_erased(row: StoredMessage, *, record: Mapping[str, object] | None) -> Judged:
    """Compare an erased message with the ledger's record of its erasure: its place in the chain must stay.

    Its time of arrival is beyond any check, and of `after` only whether it may stand.
    """
    if record is None:
        stored = "no salt, topic and payload"
        return Judged((Mismatch("message", message_key(row), "", stored, "whole: the ledger has no erasure of it"),))
    position = record["position"]
    assert isinstance(position, Mapping)  # noqa: S101 - the contract's shape
    previous = bytes.fromhex(str(record["previous_hash"]))
    expected: dict[str, object] = {
        "device_id": position["device_id"],
        "boot": position["boot"],
        "sequence": position["sequence"],
        "message_hash": bytes.fromhex(position["hash"]),
        "previous": previous,
        "rejection": None,
        "first_observed_at_ms": None,
        "last_observed_at_ms": None,
    }
    if position["sequence"] != 1 or not any(previous):
        expected |= {"after_boot": None, "after_sequence": None}
    mismatches = tuple(_different(row, expected))
    return Judged(mismatches, stream=(position["device_id"], position["stream"]))


def judge_readings(
    row: StoredMessage,
    stored: Sequence[StoredReading],
    *,
    expected: Sequence[Reading | TextReading],
    dropped: Collection[int] = (),
) -> Iterator[Mismatch]:
    """Yield how the stored readings of a message differ from those of its bytes; quantities are not looked at here.

    Those of the weeks that were `dropped` need not be there.
    """
    for ordinal, reading in enumerate(expected):
        found = [it for it in stored if it.ordinal == ordinal]
        key = f"ingest_id {row.ingest_id}, ordinal {ordinal}"
        if not found and week_of(reading.observed_at_ms) in dropped:
            continue
        if not found:
            yield Mismatch("reading", key, "", "no row", _described(reading))
            continue
        columns = {
            "stream_id": row.stream_id,
            "observed_at_ms": reading.observed_at_ms,
            "value": reading.value if isinstance(reading, Reading) else None,
            "scale": reading.scale if isinstance(reading, Reading) else None,
            "text": None if isinstance(reading, Reading) else reading.text,
        }
        for column, value in columns.items():
            if getattr(found[0], column) != value:
                yield Mismatch("reading", key, column, shown(getattr(found[0], column)), shown(value))
        for extra in found[1:]:
            yield Mismatch("reading", key, "", f"a second row, observed at {extra.observed_at_ms}", "no row")
    for extra in stored:
        if not 0 <= extra.ordinal < len(expected):
            key = f"ingest_id {row.ingest_id}, ordinal {extra.ordinal}"
            value = extra.text if extra.value is None else extra.value
            yield Mismatch("reading", key, "", shown(value), f"no row: the message has {len(expected)} readings")


def quantity_of(reading: Reading | TextReading) -> tuple[str, str, str]:
    """Return what is measured: name, unit, kind of value."""
    if isinstance(reading, Reading):
        return reading.name, reading.unit, "v"
    return reading.name, "", reading.kind


def _accepted(message: Message, *, keys: Keys) -> dict[str, object]:
    """Return the columns of an accepted message."""
    before, after = message.after or (None, None)
    refusal = None
    if message.envelope is not None:
        key = keys.get(message.envelope.header[KEY_ID])
        rejection = verify(message, key=key.public) if key else None
        refusal = WRONG_KEY if key is None else rejection.code if rejection else None
    return {
        "device_id": message.device_id,
        "message_hash": message.message_hash,
        "boot": message.boot,
        "sequence": message.sequence,
        "previous": message.previous if message.is_signed else None,
        "after_boot": before,
        "after_sequence": after,
        "rejection": refusal,
    }


def _observed(message: Message) -> dict[str, object]:
    """Return from when to when a message measured."""
    times = [reading.observed_at_ms for reading in message.readings]
    return {
        "first_observed_at_ms": min(times, default=None),
        "last_observed_at_ms": max(times, default=None),
    }


def _refused(row: StoredMessage, message: Message | Rejection, *, keys: Keys) -> dict[str, object]:
    """Return the columns of a refused message."""
    topic = parse_topic(row.topic or "")
    return {
        "device_id": topic.device_id if isinstance(topic, Topic) else row.device_id,
        "message_hash": sha256(row.payload or b"").digest(),
        "boot": 0,
        "sequence": 0,
        "previous": None,
        "after_boot": None,
        "after_sequence": None,
        "rejection": _refusal(row, message, keys=keys),
        "first_observed_at_ms": None,
        "last_observed_at_ms": None,
    }


def _refusal(row: StoredMessage, message: Message | Rejection, *, keys: Keys) -> str:
    """Return why a refused message was refused.

    What the bytes decide, and a signature under a known key, has one answer. A key that is registered may not have been
    known yet when the message came; one that ended refuses what lies beyond its end, once ingest knows.
    """
    if isinstance(message, Rejection):
        return message.code
    if message.envelope is None:
        return NOT_SIGNED
    key = keys.get(message.envelope.header[KEY_ID])
    if key is None:
        return WRONG_KEY
    rejection = verify(message, key=key.public)
    is_past = key.end is not None and is_beyond(
        key.end, stream=message.stream, position=(message.boot, message.sequence)
    )
    if rejection is None and is_past and row.rejection == KEY_ENDED:
        return KEY_ENDED
    was_new = row.received_at_ms < key.registered_at_ms + REGISTER_LAG_MS
    if rejection is None or (row.rejection == WRONG_KEY and was_new):
        return WRONG_KEY
    return rejection.code


def _different(row: StoredMessage, expected: Mapping[str, object]) -> Iterator[Mismatch]:
    for column, value in expected.items():
        stored = getattr(row, column)
        if stored != value:
            yield Mismatch("message", message_key(row), column, shown(stored), shown(value))


def _described(reading: Reading | TextReading) -> str:
    if isinstance(reading, Reading):
        return f"{reading.name} {reading.value} at scale {reading.scale}"
    return f"{reading.name} {shown(reading.text)}"
