"""How much an organisation's database holds, for people who look."""

from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("totals")

EXACTLY = 100_000
"""Up to this many readings are counted; beyond, PostgreSQL's own estimate is near enough."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of rows. Refused payloads count as often as they came."""

    shipments_open: int
    shipments_closed: int
    messages: int
    readings: int
    rejections: int


@dataclass(frozen=True, slots=True)
class _Row:
    shipments_open: int
    shipments_closed: int
    messages: int
    readings_counted: int
    readings_estimated: int
    rejections: int


def totals(connection: Connection) -> Totals:
    """Return how much there is."""
    with store_errors(), connection.cursor(row_factory=class_row(_Row)) as cursor:
        (row,) = cursor.execute(QUERIES["totals"], {"exactly": EXACTLY}).fetchall()
    is_exact = row.readings_counted < EXACTLY
    return Totals(
        shipments_open=row.shipments_open,
        shipments_closed=row.shipments_closed,
        messages=row.messages,
        readings=row.readings_counted if is_exact else max(row.readings_counted, row.readings_estimated),
        rejections=row.rejections,
    )
