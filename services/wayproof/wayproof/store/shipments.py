"""Shipments as the projection keeps them, with the monitor's view beside: lists, heads, events, anchors around them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg.rows import class_row, tuple_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("shipments")

Record = Mapping[str, Any]


class OpenPlace(NamedTuple):
    """Where an open shipment stands in the list: urgency is 0 (critical) to 3 (fine), the most urgent first."""

    urgency: int
    due_at_ms: int
    gsin: str


class UnwatchedShipment(NamedTuple):
    """What decides an open shipment's place where no monitor has judged it. There can be many: a tuple."""

    gsin: str
    due_at_ms: int
    offer_to: str | None
    excursions: list[Record] | None
    """All recorded verdicts; None where there is none."""


class ClosedShipment(NamedTuple):
    """A closed shipment's place in the list."""

    gsin: str
    changed_block: int


@dataclass(frozen=True, slots=True)
class StoredShipment:
    """A shipment's head, and the monitor's view of an open one; everything from `urgency` on is None without a view.

    `ledger_latest` are the readings of the last handover that has any, and only looked for without a view.
    """

    gsin: str
    head: Record
    created_at_ms: int
    urgency: int | None
    reasons: list[Record] | None
    latest: Record | None
    missing: int | None
    last_observed_at_ms: int | None
    last_received_at_ms: int | None
    judged_at_ms: int | None
    ledger_latest: list[Record] | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of a shipment: what its client claimed of the time, its block, and the record itself."""

    version: int
    kind: str
    organisation: str
    tx_id: str
    tx_timestamp_ms: int
    block_number: int
    event: Record


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """An anchor of a log, as it stands on the ledger."""

    log_id: str
    epoch: int
    counter: int
    size: int
    root: bytes
    tx_timestamp_ms: int
    block_number: int
    tx_id: str


@dataclass(frozen=True, slots=True)
class LatestAnchor:
    """What a log has anchored in its present epoch: counter and size are 0 before its first anchor."""

    log_id: str
    epoch: int
    counter: int
    size: int
    tx_timestamp_ms: int | None = None


def watched_shipments(connection: Connection, *, after: OpenPlace, limit: int) -> list[OpenPlace]:
    """Return the places after one of open shipments that the monitor has judged, the most urgent first."""
    with store_errors(), connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        rows = cursor.execute(QUERIES["watched_shipments"], {**after._asdict(), "limit": limit})
        return list(map(OpenPlace._make, rows))


def unwatched_shipments(connection: Connection) -> list[UnwatchedShipment]:
    """Return all open shipments that no monitor has judged, in no order."""
    with store_errors(), connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        return list(map(UnwatchedShipment._make, cursor.execute(QUERIES["unwatched_shipments"])))


def closed_shipments(connection: Connection, *, after: ClosedShipment, limit: int) -> list[ClosedShipment]:
    """Return closed shipments after a place, those that changed last first."""
    with store_errors(), connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(QUERIES["closed_shipments"], {**after._asdict(), "limit": limit})
        return list(map(ClosedShipment._make, rows))


def find_shipments(connection: Connection, gsins: Sequence[str]) -> list[StoredShipment]:
    """Return the shipments of these that are known here, in the order asked."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredShipment), binary=True) as cursor:
        rows = cursor.execute(QUERIES["shipments"], {"gsins": list(gsins)}).fetchall()
    found = {row.gsin: row for row in rows}
    return [found[gsin] for gsin in gsins if gsin in found]


def events(connection: Connection, gsin: str) -> list[StoredEvent]:
    """Return a shipment's events in order; none where it is not known here."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredEvent), binary=True) as cursor:
        return cursor.execute(QUERIES["events"], {"gsin": gsin}).fetchall()


def nearest_anchors(connection: Connection, *, log_ids: Iterable[str], blocks: Iterable[int]) -> list[StoredAnchor]:
    """Return, ascending, the anchors of these logs just before and just after each of these blocks."""
    wanted = {"log_ids": sorted(set(log_ids)), "blocks": sorted(set(blocks))}
    with store_errors(), connection.cursor(row_factory=class_row(StoredAnchor), binary=True) as cursor:
        return cursor.execute(QUERIES["nearest_anchors"], wanted).fetchall()


def latest_anchors(connection: Connection, log_ids: Iterable[str]) -> list[LatestAnchor]:
    """Return the latest anchor of each of these logs that is registered, by log id."""
    with store_errors(), connection.cursor(row_factory=class_row(LatestAnchor)) as cursor:
        return cursor.execute(QUERIES["latest_anchors"], {"log_ids": sorted(set(log_ids))}).fetchall()
