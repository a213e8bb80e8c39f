"""Flags of readings, and what their rules remember. Messages are read in the order of the log, each one once.

with connection.transaction():
    for leaf in leaves(connection, place, limit=500): ...
    put(connection, outcome, reached=place)

The order of the log is the only one that never changes: numbers of messages are given before their commit, so that a
lower one may come to be seen after a higher one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from wayproof.plausibility.copies import Holder
from wayproof.plausibility.judge import Flag, Heard, Measured, Memory
from wayproof.plausibility.profile import RuleSet
from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("flags")

LOCK = 0x666C6167
"""Advisory lock of the one process that flags."""

_RULES = TypeAdapter(RuleSet)
_MEMORY: TypeAdapter[Memory] = TypeAdapter(dict[str, tuple[int, ...]])


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A leaf of the log: the next one that is judged."""

    epoch: int
    leaf_index: int


BEGIN = Place(1, 0)
"""The log's first leaf."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the log: the message to be judged, None where it was refused or is gone; `is_erased` tells lawfully."""

    place: Place
    ingest_id: int
    is_erased: bool
    heard: Heard | None


@dataclass(frozen=True, slots=True)
class StoredFlag:
    """A flag as it stands in the table."""

    stream_id: int
    observed_at_ms: int
    ingest_id: int
    ordinal: int
    code: str
    rule_version: int
    detail: str

    @classmethod
    def of(cls, heard: Heard, flag: Flag) -> Self:
        """Return the row of a message's flag."""
        return cls(
            stream_id=heard.stream_id,
            observed_at_ms=flag.observed_at_ms,
            ingest_id=heard.ingest_id,
            ordinal=flag.ordinal,
            code=flag.code,
            rule_version=flag.rule_version,
            detail=flag.detail,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of judging: the flags, and what is remembered now of each stream that was judged."""

    flags: list[StoredFlag] = field(default_factory=list)
    memories: dict[int, Memory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _LeafRow:
    epoch: int
    leaf_index: int
    ingest_id: int
    stream_id: int | None
    device_id: str | None
    model: str
    boot: int | None
    sequence: int | None
    after_boot: int | None
    after_sequence: int | None
    received_at_ms: int | None
    is_erased: bool
    contradicts: bool | None


@dataclass(frozen=True, slots=True)
class _ReadingRow:
    ingest_id: int
    ordinal: int
    name: str
    unit: str
    value: int | None
    scale: int | None
    observed_at_ms: int


@dataclass(frozen=True, slots=True)
class _RunRow:
    fingerprint: int
    device_id: str
    stream_id: int
    observed_at_ms: int


def become_flagger(connection: Connection) -> bool:
    """Take the lock of the one flagging process, for as long as the connection lasts; False if another has it."""
    with store_errors():
        row = connection.execute(QUERIES["become_flagger"], {"lock": LOCK}).fetchone()
    return row is not None and row["taken"] is True


def checkpoint(connection: Connection) -> Place | None:
    """Return the next leaf to judge: the first one at the beginning, None where the log was cut before it."""
    with store_errors():
        row = connection.execute(QUERIES["checkpoint"]).fetchone()
    if row is None:
        return BEGIN
    return Place(int(str(row["epoch"])), int(str(row["leaf_index"]))) if row["is_reached"] else None


def rules(connection: Connection) -> list[tuple[Place, RuleSet]]:
    """Return all rules ever in force, each with the first leaf that they judged."""
    with store_errors():
        rows = connection.execute(QUERIES["rules"]).fetchall()
    return [
        (Place(int(str(row["epoch"])), int(str(row["leaf_index"]))), _RULES.validate_json(str(row["rules"])))
        for row in rows
    ]


def put_rules(connection: Connection, in_force: RuleSet, *, since: Place) -> None:
    """Judge by other rules from a leaf on; they begin with empty memories. Within a transaction."""
    with store_errors():
        document = Jsonb(_RULES.dump_python(in_force, mode="json"))
        connection.execute(
            QUERIES["put_rules"], {"epoch": since.epoch, "leaf_index": since.leaf_index, "rules": document}
        )
        connection.execute(QUERIES["forget_memories"])
        connection.execute(QUERIES["put_checkpoint"], {"epoch": since.epoch, "leaf_index": since.leaf_index})


def forget(connection: Connection) -> None:
    """Remove all flags and memories: everything is judged again from the log's beginning. Within a transaction."""
    with store_errors():
        for part in ("flags", "memories", "runs", "rules", "checkpoint"):
            connection.execute(QUERIES[f"forget_{part}"])


def waiting(connection: Connection) -> int:
    """Return how many leaves of the log are not judged yet."""
    return behind(connection, checkpoint(connection) or BEGIN)


def behind(connection: Connection, place: Place) -> int:
    """Return how many leaves from a place on the log has."""
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        count = cursor.execute(QUERIES["behind"], {"epoch": place.epoch, "leaf_index": place.leaf_index}).fetchone()
    return int(str(count))


def leaves(connection: Connection, place: Place, *, limit: int) -> list[Leaf]:
    """Return at most `limit` leaves from a place on, in the order of the log, each with its readings."""
    with store_errors():
        with connection.cursor(row_factory=class_row(_LeafRow), binary=True) as cursor:
            asked = {"epoch": place.epoch, "leaf_index": place.leaf_index, "limit": limit}
            rows = cursor.execute(QUERIES["leaves"], asked).fetchall()
        measured = _readings(connection, [row.ingest_id for row in rows if row.stream_id is not None])
    return [Leaf(Place(row.epoch, row.leaf_index), row.ingest_id, row.is_erased, _heard(row, measured)) for row in rows]


def memories(connection: Connection, stream_ids: Iterable[int]) -> dict[int, Memory]:
    """Return what is remembered of streams: nothing where nothing is."""
    wanted = sorted(set(stream_ids))
    found: dict[int, Memory] = {stream_id: {} for stream_id in wanted}
    with store_errors():
        for row in connection.execute(QUERIES["memories"], {"stream_ids": wanted}):
            found[int(str(row["stream_id"]))] = _MEMORY.validate_python(row["memory"])
    return found


def all_memories(connection: Connection) -> dict[int, Memory]:
    """Return what is remembered of every stream."""
    with store_errors():
        rows = connection.execute(QUERIES["all_memories"]).fetchall()
    return {int(str(row["stream_id"])): _MEMORY.validate_python(row["memory"]) for row in rows}


def claim(connection: Connection, claimed: Mapping[int, Holder]) -> dict[int, Holder]:
    """Enter where runs were seen, unless they were seen before; return where each was seen first. In a transaction."""
    if not claimed:
        return {}
    columns = {
        "fingerprints": list(claimed),
        "stream_ids": [it.stream_id for it in claimed.values()],
        "observed_at_ms": [it.observed_at_ms for it in claimed.values()],
    }
    with store_errors(), connection.cursor(row_factory=class_row(_RunRow), binary=True) as cursor:
        connection.execute(QUERIES["claim_runs"], columns)
        rows = cursor.execute(QUERIES["runs"], {"fingerprints": list(claimed)}).fetchall()
    return {row.fingerprint: Holder(row.device_id, row.stream_id, row.observed_at_ms) for row in rows}


def all_runs(connection: Connection) -> dict[int, tuple[int, int]]:
    """Return stream and time of every run that was seen, by its fingerprint."""
    with store_errors():
        rows = connection.execute(QUERIES["all_runs"]).fetchall()
    return {int(str(row["fingerprint"])): (int(str(row["stream_id"])), int(str(row["observed_at_ms"]))) for row in rows}


def put(connection: Connection, outcome: Outcome, *, reached: Place) -> None:
    """Enter what came of judging, and the next leaf to judge. Within a transaction."""
    with store_errors():
        if outcome.flags:
            connection.execute(QUERIES["insert_flags"], _columns(outcome.flags))
        if outcome.memories:
            remembered = {
                "stream_ids": list(outcome.memories),
                "memories": [_MEMORY.dump_json(memory).decode() for memory in outcome.memories.values()],
            }
            connection.execute(QUERIES["put_memories"], remembered)
        connection.execute(QUERIES["put_checkpoint"], {"epoch": reached.epoch, "leaf_index": reached.leaf_index})


def flags_of(connection: Connection, ingest_ids: Sequence[int]) -> list[StoredFlag]:
    """Return the flags of messages, by message, place in the pack, and code."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredFlag), binary=True) as cursor:
        return cursor.execute(QUERIES["flags_of"], {"ingest_ids": list(ingest_ids)}).fetchall()


def unjudged_flags(connection: Connection, place: Place) -> list[StoredFlag]:
    """Return the flags of messages that are not judged before a place."""
    asked = {"epoch": place.epoch, "leaf_index": place.leaf_index}
    with store_errors(), connection.cursor(row_factory=class_row(StoredFlag), binary=True) as cursor:
        return cursor.execute(QUERIES["unjudged_flags"], asked).fetchall()


def _readings(connection: Connection, ingest_ids: Sequence[int]) -> dict[int, list[Measured]]:
    found: dict[int, list[Measured]] = {}
    with connection.cursor(row_factory=class_row(_ReadingRow), binary=True) as cursor:
        for row in cursor.execute(QUERIES["readings"], {"ingest_ids": list(ingest_ids)}):
            measured = Measured(row.ordinal, row.name, row.unit, row.value, row.scale, row.observed_at_ms)
            found.setdefault(row.ingest_id, []).append(measured)
    return found


def _heard(row: _LeafRow, measured: Mapping[int, Sequence[Measured]]) -> Heard | None:
    if row.stream_id is None:
        return None
    after = None if row.after_boot is None or row.after_sequence is None else (row.after_boot, row.after_sequence)
    return Heard(
        ingest_id=row.ingest_id,
        stream_id=row.stream_id,
        device_id=row.device_id or "",
        model=row.model,
        boot=row.boot or 0,
        sequence=row.sequence or 0,
        after=after,
        received_at_ms=row.received_at_ms or 0,
        contradicts=bool(row.contradicts),
        readings=measured.get(row.ingest_id, ()),
    )


def _columns(flags: Sequence[StoredFlag]) -> dict[str, list[Any]]:
    return {
        "stream_ids": [it.stream_id for it in flags],
        "observed_at_ms": [it.observed_at_ms for it in flags],
        "ingest_ids": [it.ingest_id for it in flags],
        "ordinals": [it.ordinal for it in flags],
        "codes": [it.code for it in flags],
        "rule_versions": [it.rule_version for it in flags],
        "details": [it.detail for it in flags],
    }
