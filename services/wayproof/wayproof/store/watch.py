"""What the monitor reads of a shipment, and what it leaves for people: one row of `watch` for each open shipment.

for interval in intervals:
    state = interval_state(connection, interval)
    readings = limited_readings(connection, interval, measurements=["temperature"])
with connection.transaction():
    put_watch(connection, watch)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof_verifier.telemetry import Reading

QUERIES = queries.load("watch")

_LAST_POSITION = (2**63 - 1, 2**63 - 1)

StreamKey = tuple[str, str]
"""Device id and name of a stream."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Messages of a stream after `start` up to `end` (None while it is open), each `(boot, sequence)`."""

    device_id: str
    stream: str
    start: tuple[int, int]
    end: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences of a boot that are missing, both ends included."""

    boot: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class IntervalState:
    """What is held of an interval. Times are epoch milliseconds; the observed ones are the device's.

    `equivocations` counts places with two messages; `median_step_ms` lies between the observations of the latest
    hundred messages (None below two); `latest` has the newest number of each name.
    """

    messages: int = 0
    last_received_at_ms: int | None = None
    equivocations: int = 0
    gaps: tuple[Gap, ...] = ()
    median_step_ms: int | None = None
    latest: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchedShipment:
    """A shipment as projected: its record, and by version of the event when a stream was attached."""

    changed_block: int
    created_at_ms: int
    head: dict[str, Any]
    attached_at_ms: dict[str, int]


@dataclass(frozen=True, slots=True)
class Watch:
    """A row of `watch`: see `schema.sql` and docs/reference/api.md. Urgency 0 is critical, 3 is fine."""

    gsin: str
    urgency: int
    reasons: list[dict[str, str]]
    latest: dict[str, Any]
    missing: int
    last_observed_at_ms: int | None
    last_received_at_ms: int | None
    judged_at_ms: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that came in, and its stream."""

    ingest_id: int
    device_id: str
    stream: str


@dataclass(frozen=True, slots=True)
class _Tally:
    messages: int
    last_received_at_ms: int | None
    equivocations: int


def latest_ingest_id(connection: Connection) -> int:
    """Return the last number given to a message, 0 if there is none."""
    with store_errors():
        row = connection.execute(QUERIES["latest_ingest_id"]).fetchone()
    return int(str(row["ingest_id"])) if row else 0


def arrived(connection: Connection, *, above: int) -> list[Arrival]:
    """Return the accepted messages whose number is above this one."""
    with store_errors(), connection.cursor(row_factory=class_row(Arrival)) as cursor:
        return cursor.execute(QUERIES["arrived"], {"above": above}).fetchall()


def open_shipments(connection: Connection) -> Mapping[str, int]:
    """Return the shipments under way: GSIN to the block of its last event."""
    with store_errors():
        rows = connection.execute(QUERIES["open_shipments"]).fetchall()
    return {str(row["gsin"]): int(str(row["changed_block"])) for row in rows}


def watched_shipment(connection: Connection, gsin: str) -> WatchedShipment | None:
    """Return a shipment, None where it is not projected."""
    with store_errors(), connection.cursor(row_factory=class_row(WatchedShipment)) as cursor:
        return cursor.execute(QUERIES["shipment"], {"gsin": gsin}).fetchone()


def interval_state(connection: Connection, interval: Interval) -> IntervalState:
    """Return what is held of an interval."""
    bounds = _bounds(connection, interval)
    if bounds is None:
        return IntervalState(gaps=_nothing_held(interval))
    with store_errors():
        with connection.cursor(row_factory=class_row(_Tally)) as tallies:
            tally = tallies.execute(QUERIES["tally"], bounds).fetchone() or _Tally(0, None, 0)
        with connection.cursor(row_factory=class_row(Gap)) as gaps:
            missing = gaps.execute(QUERIES["gaps"], bounds).fetchall()
        with connection.cursor(row_factory=class_row(Reading)) as readings:
            latest = readings.execute(QUERIES["latest"], bounds).fetchall()
        cadence = connection.execute(QUERIES["cadence"], bounds).fetchone()
    step_ms = cadence["median_step_ms"] if cadence else None
    return IntervalState(
        messages=tally.messages,
        last_received_at_ms=tally.last_received_at_ms,
        equivocations=tally.equivocations,
        gaps=tuple(missing),
        median_step_ms=None if step_ms is None else int(str(step_ms)),
        latest=tuple(latest),
    )


def limited_readings(connection: Connection, interval: Interval, *, measurements: Sequence[str]) -> list[Reading]:
    """Return an interval's numbers of some measurements, in no order."""
    bounds = _bounds(connection, interval)
    if bounds is None:
        return []
    with store_errors(), connection.cursor(row_factory=class_row(Reading)) as cursor:
        return cursor.execute(QUERIES["readings"], {**bounds, "measurements": list(measurements)}).fetchall()


def put_watch(connection: Connection, watch: Watch) -> None:
    """Enter what is to be seen of a shipment."""
    row = {**asdict(watch), "reasons": Jsonb(watch.reasons), "latest": Jsonb(watch.latest)}
    with store_errors():
        connection.execute(QUERIES["put_watch"], row)


def watches(connection: Connection, gsins: Iterable[str]) -> Mapping[str, Watch]:
    """Return what is to be seen of these shipments, by GSIN; nothing for those that the monitor has not judged."""
    with store_errors(), connection.cursor(row_factory=class_row(Watch)) as cursor:
        rows = cursor.execute(QUERIES["watches"], {"gsins": list(gsins)}).fetchall()
    return {row.gsin: row for row in rows}


def forget_closed(connection: Connection) -> None:
    """Remove the rows of shipments that are no longer under way."""
    with store_errors():
        connection.execute(QUERIES["forget_closed"])


def _bounds(connection: Connection, interval: Interval) -> dict[str, Any] | None:
    """Return an interval as parameters, None where nothing of its stream was ever held."""
    end = interval.end or _LAST_POSITION
    bounds = {
        "start_boot": interval.start[0],
        "start_sequence": interval.start[1],
        "end_boot": end[0],
        "end_sequence": end[1],
        "is_ended": interval.end is not None,
    }
    asked = {**bounds, "device_id": interval.device_id, "stream": interval.stream}
    with store_errors():
        row = connection.execute(QUERIES["find_stream"], asked).fetchone()
    return row and {**bounds, **row}


def _nothing_held(interval: Interval) -> tuple[Gap, ...]:
    start, end = interval.start, interval.end
    if end is None or end <= start:
        return ()
    return (Gap(end[0], start[1] + 1 if start[0] == end[0] else 1, end[1]),)
