"""Flags of readings, what their rules remember, and up to which leaf of the log readings are judged.

place = checkpoint(connection)
with connection.transaction():
    put(connection, outcome, reached=place)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from wayproof.plausibility.copies import Claimed, Holder, Runs, Seen
from wayproof.plausibility.judge import Flag, Heard, Memory
from wayproof.plausibility.profile import RuleSet
from wayproof.store import queries, retention
from wayproof.store.connection import Connection
from wayproof.store.errors import StoreError, store_errors
from wayproof.store.log_messages import BEGIN, Place, behind

QUERIES = queries.load("flags")

LOCK = 0x666C6167
"""Advisory lock of the one process that flags."""

_RULES = TypeAdapter(RuleSet)
_MEMORY: TypeAdapter[Memory] = TypeAdapter(dict[str, tuple[int, ...]])


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
class _RunRow:
    fingerprint: int
    device_id: str
    stream_id: int
    observed_at_ms: int
    number: int

    @property
    def seen(self) -> Seen:
        """Where the run was seen first."""
        return Seen(Holder(self.device_id, self.stream_id, self.observed_at_ms), self.number)


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
    """Remove all flags and memories: everything is judged again from the log's beginning. Within a transaction.

    Raises StoreError (readings_dropped) where readings that were judged are no more.
    """
    if weeks := retention.dropped(connection):
        raise StoreError(
            f"{len(weeks)} weeks of readings were dropped (the last is {max(weeks)}), so not all can be judged again: "
            "bring them back first (wayproof store restore-week), or let their flags stay",
            code="readings_dropped",
        )
    with store_errors():
        for part in ("flags", "memories", "runs", "rules", "checkpoint"):
            connection.execute(QUERIES[f"forget_{part}"])


def waiting(connection: Connection) -> int:
    """Return how many leaves of the log are not judged yet."""
    return behind(connection, checkpoint(connection) or BEGIN)


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


def claim(connection: Connection, claims: Sequence[Claimed], *, most: int) -> Sequence[Holder]:
    """Enter where runs were seen, in this order, unless they are among the newest `most`; throw older ones away.

    Returns where each was seen first. Within a transaction.
    """
    if not claims:
        return []
    asked = {"fingerprints": sorted({fingerprint for fingerprint, _ in claims})}
    with store_errors(), connection.cursor(row_factory=class_row(_RunRow), binary=True) as cursor:
        known = {row.fingerprint: row.seen for row in cursor.execute(QUERIES["runs"], asked)}
        row = connection.execute(QUERIES["entered_runs"]).fetchone() or {}
        before = int(str(row["entered"]))
        runs = Runs(known, before)
        first = runs.claim(claims, most=most)
        entered = {fingerprint: seen for fingerprint, seen in runs.known.items() if seen.number >= before}
        connection.execute(QUERIES["enter_runs"], _run_columns(entered))
        connection.execute(QUERIES["let_runs_go"], {"first": runs.entered - most})
    return first


def all_runs(connection: Connection) -> dict[int, tuple[int, int, int]]:
    """Return stream, time and number of every run that is known, by its fingerprint."""
    with store_errors():
        rows = connection.execute(QUERIES["all_runs"]).fetchall()
    return {
        int(str(row["fingerprint"])): (
            int(str(row["stream_id"])), int(str(row["observed_at_ms"])), int(str(row["number"]))
        )
        for row in rows
    }  # fmt: skip


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


def _run_columns(runs: Mapping[int, Seen]) -> dict[str, list[int]]:
    return {
        "fingerprints": list(runs),
        "stream_ids": [it.holder.stream_id for it in runs.values()],
        "observed_at_ms": [it.holder.observed_at_ms for it in runs.values()],
        "numbers": [it.number for it in runs.values()],
    }
