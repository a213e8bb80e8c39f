"""Weeks of readings as chunks of a hypertable of TimescaleDB, whatever its licence.

TimescaleDB makes a chunk for every week that a row lies in: one device with a wild clock could make thousands. So two
chunks take all that is before the first week and all that is after the last one, and only what is between is cut into
weeks. The Apache edition has no call that makes such a chunk: it comes of a row that is written while the interval is
as long as all of time; TimescaleDB cuts it where it meets the chunks of the first and the last week.
"""

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.weeks import WEEK_MS

QUERIES = queries.load("weeks")

ALL_TIME_MS = 1 << 53
"""Times of readings are below (`wayproof_verifier.telemetry`)."""


def weeks(connection: Connection) -> list[int]:
    """Return the weeks that have a chunk, in order."""
    return [int(str(row["week"])) for row in connection.execute(QUERIES["chunks"], {"week_ms": WEEK_MS})]


def bound(connection: Connection) -> int | None:
    """Return the first week that lies with all later ones in one chunk; None where no chunk takes them."""
    row = connection.execute(QUERIES["latest_chunk"], {"all_time_ms": ALL_TIME_MS}).fetchone()
    return None if row is None else int(str(row["start_ms"])) // WEEK_MS


def make(connection: Connection, wanted: range) -> list[int]:
    """Let these weeks have chunks; return those that could have none before.

    Within a transaction, which waits for readers. The first time the weeks before them get one chunk together; the
    weeks after them always have one.
    """
    end = bound(connection)
    if end is not None and end >= wanted.stop:
        return []
    edges = [wanted.stop - 1] if end is not None else [wanted.start, wanted.stop - 1]
    extremes = [ALL_TIME_MS - 1] if end is not None else [0, ALL_TIME_MS - 1]
    connection.execute("LOCK TABLE reading IN ACCESS EXCLUSIVE MODE")
    connection.execute("DROP TABLE IF EXISTS pg_temp.moved")
    connection.execute("CREATE TEMPORARY TABLE moved (LIKE reading) ON COMMIT DROP")
    if end is not None:
        connection.execute(QUERIES["move_late"], {"start_ms": end * WEEK_MS})
        connection.execute(QUERIES["drop_late"], {"start_ms": end * WEEK_MS})
    _touch(connection, [week * WEEK_MS for week in edges], interval_ms=WEEK_MS)
    _touch(connection, extremes, interval_ms=ALL_TIME_MS)
    connection.execute(QUERIES["set_interval"], {"interval_ms": WEEK_MS})
    connection.execute("DELETE FROM reading WHERE ingest_id = 0")
    connection.execute("INSERT INTO reading SELECT * FROM moved")
    return list(range(wanted.start if end is None else end, wanted.stop))


def drop(connection: Connection, week: int) -> None:
    """Remove a week's chunk with all its readings. Within a transaction."""
    connection.execute(QUERIES["drop_chunk"], {"start_ms": week * WEEK_MS, "end_ms": (week + 1) * WEEK_MS})


def _touch(connection: Connection, times_ms: list[int], *, interval_ms: int) -> None:
    """Make the chunks of these times, of the length of the interval: by rows that are deleted again."""
    connection.execute(QUERIES["set_interval"], {"interval_ms": interval_ms})
    connection.execute(QUERIES["touch"], {"times_ms": times_ms})
