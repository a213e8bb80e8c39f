"""Messages in the order of the log, with what they measured: what is judged, each one once.

The order of the log is the only one that never changes: numbers of messages are given before their commit, so that a
lower one may come to be seen after a higher one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from psycopg.rows import args_row, scalar_row, tuple_row

from wayproof.plausibility.judge import Heard, Measured
from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("log_messages")


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


class _LeafRow(NamedTuple):
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
    first_observed_at_ms: int | None
    last_observed_at_ms: int | None
    is_erased: bool
    contradicts: bool | None


def behind(connection: Connection, place: Place) -> int:
    """Return how many leaves from a place on the log has."""
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        count = cursor.execute(QUERIES["behind"], {"epoch": place.epoch, "leaf_index": place.leaf_index}).fetchone()
    return int(str(count))


def leaves(connection: Connection, place: Place, *, limit: int) -> list[Leaf]:
    """Return at most `limit` leaves from a place on, in the order of the log, each with its readings."""
    with store_errors():
        with connection.cursor(row_factory=args_row(_LeafRow), binary=True) as cursor:
            asked = {"epoch": place.epoch, "leaf_index": place.leaf_index, "limit": limit}
            rows = cursor.execute(QUERIES["leaves"], asked).fetchall()
        measured = _readings(connection, rows)
    return [Leaf(Place(row.epoch, row.leaf_index), row.ingest_id, row.is_erased, _heard(row, measured)) for row in rows]


def _readings(connection: Connection, rows: Sequence[_LeafRow]) -> dict[int, list[Measured]]:
    spans = [
        (row.first_observed_at_ms, row.last_observed_at_ms)
        for row in rows
        if row.first_observed_at_ms is not None and row.last_observed_at_ms is not None
    ]
    asked = {
        "ingest_ids": [row.ingest_id for row in rows if row.first_observed_at_ms is not None],
        "from_ms": min((first for first, _ in spans), default=0),
        "until_ms": max((last for _, last in spans), default=-1),
    }
    found: dict[int, list[Measured]] = {}
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        for ingest_id, *measured in cursor.execute(QUERIES["readings"], asked):
            found.setdefault(ingest_id, []).append(Measured(*measured))
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
