"""Which messages a seal, an anchor or a block was about, as far as they are followed by traces."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row, scalar_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("traced")

MOST = 1_000
"""Messages of one step that are followed; with more, the rate is too high for what arrives."""


@dataclass(frozen=True, slots=True)
class NewHead:
    """A head of our log as a block brought it; the head before it had `size_before` leaves."""

    epoch: int
    size: int
    size_before: int


def followed_leaves(connection: Connection, *, epoch: int, first: int, end: int, below: int) -> Sequence[bytes]:
    """Return the hashes of the messages with leaves from `first` up to before `end` whose draw is below the bound.

    The draw is that of `wayproof.observability.tracing`. At most `MOST`, the first ones.
    """
    asked = {"epoch": epoch, "first": first, "end": end, "below": below, "limit": MOST}
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(QUERIES["followed_leaves"], asked).fetchall()


def heads_between(connection: Connection, *, log_id: str, first: int, end: int) -> Sequence[NewHead]:
    """Return the log's heads that the blocks from `first` up to before `end` brought."""
    with store_errors(), connection.cursor(row_factory=class_row(NewHead)) as cursor:
        return cursor.execute(QUERIES["heads_between"], {"log_id": log_id, "first": first, "end": end}).fetchall()
