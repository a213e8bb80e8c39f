"""Numbers by the hour, and up to which leaf of the log readings are in them: each reading once, late or not.

with connection.transaction():
    count = roll_up(connection, limit=10_000)
"""

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.log_messages import BEGIN, Place, behind

QUERIES = queries.load("rollups")

LOCK = 0x6B656570
"""Advisory lock of the one process that keeps the store."""


def become_keeper(connection: Connection) -> bool:
    """Take the lock of the one process that keeps the store, while the connection lasts; False if another has it."""
    with store_errors():
        row = connection.execute(QUERIES["become_keeper"], {"lock": LOCK}).fetchone()
    return row is not None and row["taken"] is True


def checkpoint(connection: Connection) -> Place | None:
    """Return the next leaf to sum up: the first one at the beginning, None where the log was cut before it."""
    with store_errors():
        row = connection.execute(QUERIES["checkpoint"]).fetchone()
    if row is None:
        return BEGIN
    return Place(int(str(row["epoch"])), int(str(row["leaf_index"]))) if row["is_reached"] else None


def roll_up(connection: Connection, *, limit: int) -> int:
    """Add what at most `limit` leaves measured to their hours; return how many leaves. Within a transaction.

    Where the log was cut, it begins anew; the hours of dropped weeks stay as they are.
    """
    with store_errors():
        place = checkpoint(connection)
        if place is None:
            connection.execute(QUERIES["forget"])
            place = BEGIN
        at = {"epoch": place.epoch, "leaf_index": place.leaf_index}
        last = connection.execute(QUERIES["last_of"], {**at, "limit": limit}).fetchone()
        if last is None:
            _put(connection, place)
            return 0
        reached = Place(int(str(last["epoch"])), int(str(last["leaf_index"])))
        until = {"last_epoch": reached.epoch, "last_leaf_index": reached.leaf_index}
        span = {"from_ms": last["from_ms"], "until_ms": last["until_ms"]}
        connection.execute(QUERIES["add"], {**at, **until, **span})
        _put(connection, Place(reached.epoch, reached.leaf_index + 1))
        return int(str(last["leaves"]))


def again(connection: Connection) -> int:
    """Sum up again what erasures removed; return how many of them it was for. Within a transaction."""
    with store_errors():
        place = checkpoint(connection) or BEGIN
        rows = connection.execute(QUERIES["take_again"]).fetchall()
        for row in rows:
            connection.execute(QUERIES["remove_hours"], row)
            connection.execute(QUERIES["add_again"], {**row, "epoch": place.epoch, "leaf_index": place.leaf_index})
    return len(rows)


def waiting(connection: Connection) -> int:
    """Return how many leaves of the log are not summed up yet."""
    return behind(connection, checkpoint(connection) or BEGIN)


def _put(connection: Connection, place: Place) -> None:
    connection.execute(QUERIES["put_checkpoint"], {"epoch": place.epoch, "leaf_index": place.leaf_index})
