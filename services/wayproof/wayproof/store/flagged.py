"""Flags as people see them: with what was measured, within the intervals of a shipment, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.readings import Interval, spanned

QUERIES = queries.load("flagged")


@dataclass(frozen=True, slots=True)
class FlaggedReading:
    """A reading by its message and place, and one reason why it is not plausible."""

    device_id: str
    stream: str
    name: str
    observed_at_ms: int
    ingest_id: int
    ordinal: int
    code: str
    rule_version: int
    detail: str


@dataclass(frozen=True, slots=True)
class FlagCount:
    """How many readings have a flag of a code, and of how many devices they are."""

    code: str
    readings: int
    devices: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a reading is not plausible."""

    code: str
    rule_version: int
    detail: str


@dataclass(frozen=True, slots=True)
class _OfMessage:
    ingest_id: int
    ordinal: int
    code: str
    rule_version: int
    detail: str


@dataclass(frozen=True, slots=True)
class _At:
    place: int
    code: str
    rule_version: int
    detail: str


def within(connection: Connection, intervals: Sequence[Interval], *, limit: int) -> list[FlaggedReading]:
    """Return the first flags of intervals, at most `limit`, in the order of observation."""
    with store_errors(), connection.cursor(row_factory=class_row(FlaggedReading), binary=True) as cursor:
        return cursor.execute(QUERIES["within"], {**spanned(connection, intervals), "limit": limit}).fetchall()


def of_messages(connection: Connection, ingest_ids: Sequence[int]) -> dict[tuple[int, int], list[Reason]]:
    """Return the flags of messages' readings, by message and place in the pack."""
    found: dict[tuple[int, int], list[Reason]] = {}
    with store_errors(), connection.cursor(row_factory=class_row(_OfMessage), binary=True) as cursor:
        for it in cursor.execute(QUERIES["of_messages"], {"ingest_ids": list(ingest_ids)}):
            found.setdefault((it.ingest_id, it.ordinal), []).append(Reason(it.code, it.rule_version, it.detail))
    return found


def at(connection: Connection, readings: Sequence[tuple[str, str, int]]) -> list[list[Reason]]:
    """Return the flags of readings by (device id, name, observed_at_ms), in the order given."""
    found: list[list[Reason]] = [[] for _ in readings]
    columns = {
        "places": list(range(len(readings))),
        "device_ids": [device_id for device_id, _, _ in readings],
        "names": [name for _, name, _ in readings],
        "observed_at_ms": [at_ms for _, _, at_ms in readings],
        "from_ms": min((at_ms for _, _, at_ms in readings), default=0),
        "until_ms": max((at_ms for _, _, at_ms in readings), default=-1),
    }
    with store_errors(), connection.cursor(row_factory=class_row(_At), binary=True) as cursor:
        for it in cursor.execute(QUERIES["at"], columns):
            found[it.place].append(Reason(it.code, it.rule_version, it.detail))
    return found


def counts(connection: Connection) -> list[FlagCount]:
    """Return how many readings are flagged, by code."""
    with store_errors(), connection.cursor(row_factory=class_row(FlagCount)) as cursor:
        return cursor.execute(QUERIES["counts"]).fetchall()
