"""Weeks of readings as partitions of a plain table.

What lies in no week's partition lies in the default one. To make a week's partition, its rows are moved out of there:
one scan of the default partition, and one that shows PostgreSQL that nothing of these weeks is left in it.
"""

from collections.abc import Sequence

from psycopg import sql

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.weeks import WEEK_MS, runs

QUERIES = queries.load("weeks")


def weeks(connection: Connection) -> list[int]:
    """Return the weeks that have a partition, in order."""
    return [int(str(row["week"])) for row in connection.execute(QUERIES["partitions"])]


def make(connection: Connection, wanted: Sequence[int]) -> list[int]:
    """Make partitions for the weeks that have none; return which. Within a transaction, which waits for readers."""
    missing = sorted(set(wanted) - set(weeks(connection)))
    for run in runs(missing):
        _make_run(connection, run)
    return missing


def drop(connection: Connection, week: int) -> None:
    """Remove a week's partition with all its readings. Within a transaction."""
    connection.execute(sql.SQL("DROP TABLE {}").format(_partition(week)))


def _make_run(connection: Connection, run: range) -> None:
    start, end = sql.Literal(run.start * WEEK_MS), sql.Literal(run.stop * WEEK_MS)
    connection.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
    connection.execute("DROP TABLE IF EXISTS pg_temp.moved")
    connection.execute("CREATE TEMPORARY TABLE moved (LIKE reading) ON COMMIT DROP")
    connection.execute(
        sql.SQL(
            "WITH gone AS (DELETE FROM reading_default WHERE observed_at_ms >= {} AND observed_at_ms < {} RETURNING *) "
            "INSERT INTO moved SELECT * FROM gone"
        ).format(start, end)
    )
    connection.execute(
        sql.SQL(
            "ALTER TABLE reading_default ADD CONSTRAINT elsewhere CHECK (observed_at_ms < {} OR observed_at_ms >= {})"
        ).format(start, end)
    )
    for week in run:
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF reading FOR VALUES FROM ({}) TO ({})").format(
                _partition(week), sql.Literal(week * WEEK_MS), sql.Literal((week + 1) * WEEK_MS)
            )
        )
    connection.execute("ALTER TABLE reading_default DROP CONSTRAINT elsewhere")
    connection.execute("INSERT INTO reading SELECT * FROM moved")


def _partition(week: int) -> sql.Identifier:
    return sql.Identifier(f"reading_{week}")
