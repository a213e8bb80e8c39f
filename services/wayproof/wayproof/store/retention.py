"""Weeks of readings that grow old: compressed, let go of. Messages never are: readings can be derived from them again.

for week in expired(storage.weeks(connection), keep_weeks=52, now_ms=now_ms):
    if needed_by(connection, week):
        break
    with connection.transaction():
        drop_week(connection, week)
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.weeks import WEEK_MS, week_of

QUERIES = queries.load("retention")


@dataclass(frozen=True, slots=True)
class DroppedWeek:
    """A week whose readings were let go of: its number since 1970-01-01, when (last), how many they were."""

    week: int
    dropped_at_ms: int
    rows: int


def dropped(connection: Connection) -> frozenset[int]:
    """Return the weeks whose readings were let go of."""
    with store_errors():
        return frozenset(int(str(row["week"])) for row in connection.execute(QUERIES["dropped"]))


def dropped_weeks(connection: Connection) -> Sequence[DroppedWeek]:
    """Return the same in order, each with when it was and how many readings."""
    with store_errors(), connection.cursor(row_factory=class_row(DroppedWeek)) as cursor:
        return cursor.execute(QUERIES["dropped_rows"]).fetchall()


def spans(weeks: Collection[int], *, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Return from when to when weeks lie within a span of time, neighbours as one. Pure."""
    found: list[tuple[int, int]] = []
    for week in sorted(week for week in weeks if week_of(from_ms) <= week <= week_of(until_ms)):
        begin, end = max(week * WEEK_MS, from_ms), min((week + 1) * WEEK_MS - 1, until_ms)
        if found and found[-1][1] + 1 == begin:
            begin = found.pop()[0]
        found.append((begin, end))
    return found


def expired(weeks: Sequence[int], *, keep_weeks: int, now_ms: int) -> Sequence[int]:
    """Return which of the weeks are older than the `keep_weeks` whole ones before this one, in order. Pure."""
    return [week for week in sorted(weeks) if week < week_of(now_ms) - keep_weeks]


def needed_by(connection: Connection, week: int) -> str:
    """Return who needs a week's readings still: an open shipment, the rollups, the flags; nothing where nobody does."""
    with store_errors():
        row = connection.execute(QUERIES["needed_by"], {"week": week}).fetchone()
    return str(row["needed_by"]) if row and row["needed_by"] is not None else ""


def drop_week(connection: Connection, week: int) -> int:
    """Let a week's readings go, noted in the same transaction; return how many they were. Within a transaction.

    Raises StoreBusy, for a week that is needed still, too.
    """
    return _count(connection, "drop_week", {"week": week})


def compress_week(connection: Connection, week: int) -> bool | None:
    """Compress a week's readings; return whether there were any that were not, None where that cannot be done here.

    Within a transaction. Raises StoreBusy.
    """
    with store_errors():
        row = connection.execute(QUERIES["compress_week"], {"week": week}).fetchone()
    return None if row is None or row["is_done"] is None else bool(row["is_done"])


def drop_late(connection: Connection) -> int:
    """Let go of what came late for weeks that are dropped; return how many readings. Within a transaction."""
    return _count(connection, "drop_late", {})


def wait_at_most(connection: Connection, milliseconds: int) -> None:
    """Raise StoreBusy in this transaction instead of waiting for others, and keeping them waiting, any longer."""
    with store_errors():
        connection.execute(QUERIES["lock_timeout"], {"milliseconds": f"{milliseconds}ms"})


def _count(connection: Connection, query: str, parameters: dict[str, int]) -> int:
    with store_errors():
        row = connection.execute(QUERIES[query], parameters).fetchone()
    return int(str(row["rows"])) if row else 0
