"""Flags as people see them: with what was measured, within the intervals of a shipment, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.readings import Interval, bounds

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
class ReadingFlag:
    """A flag of a reading that is known by its message and its place in the pack."""

    ingest_id: int
    ordinal: int
    code: str
    rule_version: int
    detail: str


def within(connection: Connection, intervals: Sequence[Interval], *, limit: int) -> list[FlaggedReading]:
    """Return the first flags of intervals, at most `limit`, in the order of observation."""
    with store_errors(), connection.cursor(row_factory=class_row(FlaggedReading), binary=True) as cursor:
        return cursor.execute(QUERIES["within"], {**bounds(intervals), "limit": limit}).fetchall()


def of_messages(connection: Connection, ingest_ids: Sequence[int]) -> dict[tuple[int, int], list[ReadingFlag]]:
    """Return the flags of messages' readings, by message and place in the pack."""
    found: dict[tuple[int, int], list[ReadingFlag]] = {}
    with store_errors(), connection.cursor(row_factory=class_row(ReadingFlag), binary=True) as cursor:
        for flag in cursor.execute(QUERIES["of_messages"], {"ingest_ids": list(ingest_ids)}):
            found.setdefault((flag.ingest_id, flag.ordinal), []).append(flag)
    return found


def counts(connection: Connection) -> list[FlagCount]:
    """Return how many readings are flagged, by code."""
    with store_errors(), connection.cursor(row_factory=class_row(FlagCount)) as cursor:
        return cursor.execute(QUERIES["counts"]).fetchall()
