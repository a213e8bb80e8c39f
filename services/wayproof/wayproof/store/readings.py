"""Messages and readings of the intervals that belong to a shipment, as far as this organisation holds them.

Every question begins with the messages of an interval and goes on to their readings, so that its cost grows with the
interval and not with the life of the device. Values for drawing come as arrays of numbers, not as rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row, dict_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("readings")

Position = tuple[int, int]
"""`(boot, sequence)`."""

BEYOND: Position = (2**62, 0)
"""After every message: where an interval that is open ends."""

LAST_MESSAGES = 50
"""Among how many of a stream's last messages the latest reading of each measurement is looked for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The messages of a stream after `start` up to `end`; `anchored` is (epoch, size) of its log when it began.

    `attached` is the version of the shipment event that attached the device: it names the interval.
    """

    attached: int
    device_id: str
    stream: str
    start: Position
    end: Position
    anchored: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream by name: its device's model, the organisation that keeps its log, the last message held here."""

    device_id: str
    stream: str
    model: str | None
    keeper: str | None
    boot: int | None
    sequence: int | None
    message_hash: bytes | None
    received_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Contents:
    """What is held of an interval; `last_*` is its last message held, or the one that it starts after."""

    attached: int
    messages: int
    sealed: int
    anchored: int
    retrospective: int
    readings: int
    first_observed_at_ms: int | None
    last_observed_at_ms: int | None
    last_received_at_ms: int
    last_boot: int
    last_sequence: int
    last_ingest_id: int


@dataclass(frozen=True, slots=True)
class Break:
    """A message (boot, sequence) that names another one as its predecessor than the one held before it.

    The same place twice is an equivocation; a later place named is a gap, observed between the two times.
    """

    attached: int
    boot: int
    sequence: int
    held_boot: int
    held_sequence: int
    named_boot: int
    named_sequence: int
    from_ms: int | None
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Gathered:
    """One measurement of an interval: instants, and numbers (kind v) or texts (kind vb) of the same places."""

    attached: int
    name: str
    unit: str
    kind: str
    observed_at_ms: list[int]
    numbers: list[float]
    texts: list[str] | None


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A single reading with its message's place, its leaf once sealed, and the first anchor above that."""

    device_id: str
    stream: str
    name: str
    unit: str
    kind: str
    value: int | None
    scale: int | None
    text: str | None
    observed_at_ms: int
    received_at_ms: int
    boot: int
    sequence: int
    message_hash: bytes
    ingest_id: int
    ordinal: int
    epoch: int | None
    leaf_index: int | None
    log_id: str | None
    counter: int | None
    size: int | None
    tx_id: str | None
    tx_timestamp_ms: int | None
    block_number: int | None


@dataclass(frozen=True, slots=True)
class LatestReading:
    """The latest number of a measurement: value · 10^-scale."""

    device_id: str
    stream: str
    name: str
    value: int
    scale: int
    unit: str
    observed_at_ms: int


@dataclass(frozen=True, slots=True)
class _ObservedAt:
    place: int
    observed_at_ms: int | None


def find_streams(connection: Connection, names: Iterable[tuple[str, str]]) -> list[Stream]:
    """Return these streams by (device id, name), with what is known of each, in their order."""
    wanted = sorted(set(names))
    columns = {"device_ids": [name for name, _ in wanted], "streams": [name for _, name in wanted]}
    with store_errors(), connection.cursor(row_factory=class_row(Stream), binary=True) as cursor:
        return cursor.execute(QUERIES["streams"], columns).fetchall()


def contents(connection: Connection, intervals: Sequence[Interval]) -> dict[int, Contents]:
    """Return what is held of each interval that any message is held of, by `attached`."""
    columns = {
        **spanned(connection, intervals),
        "epochs": [it.anchored[0] for it in intervals],
        "sizes": [it.anchored[1] for it in intervals],
    }
    with store_errors(), connection.cursor(row_factory=class_row(Contents), binary=True) as cursor:
        return {row.attached: row for row in cursor.execute(QUERIES["interval_contents"], columns)}


def breaks(connection: Connection, intervals: Sequence[Interval]) -> list[Break]:
    """Return where messages of the intervals do not follow each other, in order."""
    with store_errors(), connection.cursor(row_factory=class_row(Break), binary=True) as cursor:
        return cursor.execute(QUERIES["interval_breaks"], bounds(intervals)).fetchall()


def gather(connection: Connection, intervals: Sequence[Interval]) -> list[Gathered]:
    """Return every measurement of the intervals, whole: numbers, and the states of doors."""
    with store_errors(), connection.cursor(row_factory=class_row(Gathered), binary=True) as cursor:
        return cursor.execute(QUERIES["interval_series"], spanned(connection, intervals)).fetchall()


def page_of_readings(
    connection: Connection,
    intervals: Sequence[Interval],
    *,
    name: str | None,
    after: tuple[int, int, int],
    limit: int,
) -> list[StoredReading]:
    """Return single readings, newest first, after a place (observed_at_ms, ingest_id, ordinal)."""
    observed_at_ms, ingest_id, ordinal = after
    asked = {"observed_at_ms": observed_at_ms, "ingest_id": ingest_id, "ordinal": ordinal, "name": name, "limit": limit}
    with store_errors(), connection.cursor(row_factory=class_row(StoredReading), binary=True) as cursor:
        return cursor.execute(QUERIES["readings"], {**spanned(connection, intervals), **asked}).fetchall()


def latest_readings(connection: Connection, intervals: Sequence[Interval]) -> list[LatestReading]:
    """Return the latest number of each measurement of each stream, by device, stream and name."""
    asked = {**spanned(connection, intervals), "messages": LAST_MESSAGES}
    with store_errors(), connection.cursor(row_factory=class_row(LatestReading), binary=True) as cursor:
        return cursor.execute(QUERIES["latest_readings"], asked).fetchall()


def observed_at(connection: Connection, positions: Sequence[tuple[str, str, Position]]) -> list[int | None]:
    """Return when the message at each (device id, stream, position) was observed; None where it is not held."""
    columns = {
        "places": list(range(len(positions))),
        "device_ids": [device_id for device_id, _, _ in positions],
        "streams": [stream for _, stream, _ in positions],
        "boots": [boot for _, _, (boot, _) in positions],
        "sequences": [sequence for _, _, (_, sequence) in positions],
    }
    found: list[int | None] = [None] * len(positions)
    with store_errors(), connection.cursor(row_factory=class_row(_ObservedAt), binary=True) as cursor:
        for row in cursor.execute(QUERIES["observed_at"], columns):
            found[row.place] = row.observed_at_ms
    return found


def spanned(connection: Connection, intervals: Sequence[Interval]) -> dict[str, Any]:
    """Return intervals as columns, and from when to when their messages measured."""
    columns = bounds(intervals)
    with store_errors(), connection.cursor(row_factory=dict_row, binary=True) as cursor:
        return {**columns, **(cursor.execute(QUERIES["interval_span"], columns).fetchone() or {})}


def bounds(intervals: Sequence[Interval]) -> dict[str, list[Any]]:
    """Return intervals as columns, the way that every question about them takes them."""
    return {
        "attached": [it.attached for it in intervals],
        "device_ids": [it.device_id for it in intervals],
        "streams": [it.stream for it in intervals],
        "start_boots": [it.start[0] for it in intervals],
        "start_sequences": [it.start[1] for it in intervals],
        "end_boots": [it.end[0] for it in intervals],
        "end_sequences": [it.end[1] for it in intervals],
    }
