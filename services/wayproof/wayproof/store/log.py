"""The organisation's log in the store: what waits is sealed once; the head is a function of tiles and size.

with connection.transaction():
    seal(connection, epoch=1, limit=10_000)
tree(connection, epoch=1).root()

Only a head that the ledger has is published (`published_head`); tiles and entries of it: `wayproof.store.tiles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

from psycopg.rows import class_row, scalar_row, tuple_row

from wayproof.log import LogError, LogRow, LogTree
from wayproof.log import seal as in_log_order
from wayproof.store import packing, queries, tiles
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.tiles import StoredSubtrees
from wayproof_contract.merkle import leaf_hash

QUERIES = queries.load("log")


@dataclass(frozen=True, slots=True)
class Epoch:
    """An uninterrupted life of a log: its number, the log, and how many leaves it has."""

    epoch: int
    log_id: str
    size: int


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """The newest head of a log that the ledger has: what a checkpoint of it says."""

    epoch: int
    counter: int
    size: int
    root: bytes


def begin_epoch(connection: Connection, *, log_id: str, epoch: int) -> None:
    """Open an epoch, empty, unless it is there. Raises LogError if it is another log's: a database keeps one."""
    with store_errors():
        connection.execute(QUERIES["begin_epoch"], {"log_id": log_id, "epoch": epoch})
    others = {it.log_id for it in epochs(connection)} - {log_id}
    if others:
        raise LogError(f"this database keeps the log {', '.join(sorted(others))}; {log_id} needs one of its own")


def epochs(connection: Connection) -> list[Epoch]:
    """Return the log's epochs in order; the last one is open. Empty if no log is registered."""
    with store_errors(), connection.cursor(row_factory=class_row(Epoch)) as cursor:
        return cursor.execute(QUERIES["epochs"]).fetchall()


def seal(connection: Connection, *, epoch: int, limit: int) -> tuple[int, int]:
    """Give at most `limit` waiting messages their index; return how many they were, and the epoch's size then.

    Within a transaction; another sealer waits for its end. Raises LogError where the stored tiles are not those of
    the log's leaves: `wayproof fsck` says which.
    """
    with store_errors():
        size = _size(connection, "lock_epoch", epoch)
        if epochs(connection)[-1].epoch != epoch:  # seen only now: whoever opens the next one holds the lock meanwhile
            raise LogError(f"epoch {epoch} is closed; seal into the next one")
        with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            waiting = cursor.execute(QUERIES["take_waiting"], {"limit": limit}).fetchall()
        sealed = in_log_order(starmap(LogRow, waiting), size=size)
        if sealed:
            _write(connection, sealed, epoch=epoch, size=size)
    return len(sealed), size + len(sealed)


def tree(connection: Connection, *, epoch: int, size: int | None = None) -> LogTree:
    """Return the tree of an epoch's first `size` leaves, or of all that it has now."""
    with store_errors():
        leaves = _size(connection, "epoch_size", epoch) if size is None else size
    return LogTree(StoredSubtrees(connection, epoch, leaves), leaves)


def published_head(connection: Connection, *, log_id: str) -> PublishedHead | None:
    """Return the newest head that the ledger has, None before the first. Nothing beyond it may be published."""
    with store_errors(), connection.cursor(row_factory=class_row(PublishedHead)) as cursor:
        return cursor.execute(QUERIES["latest_anchor"], {"log_id": log_id}).fetchone()


def cut(connection: Connection, *, epoch: int, size: int) -> None:
    """Shorten an epoch that is closed to what the ledger has of it; the messages beyond wait for the next epoch.

    Within a transaction. Raises LogError if the epoch is shorter.
    """
    with store_errors():
        stored = _size(connection, "lock_epoch", epoch)
        if size > stored:
            raise LogError(f"epoch {epoch} has {stored} leaves here and cannot be cut to {size}")
        if size < stored:
            connection.execute(QUERIES["cut_leaves"], {"epoch": epoch, "size": size})
            tiles.cut(connection, epoch=epoch, size=size)
            connection.execute(QUERIES["set_size"], {"epoch": epoch, "size": size})


def _write(connection: Connection, sealed: Sequence[LogRow], *, epoch: int, size: int) -> None:
    with connection.cursor() as cursor, cursor.copy(QUERIES["copy_leaves"]) as copy:
        for block in packing.file([packing.leaves(epoch, size, [row.ingest_id for row in sealed])]):
            copy.write(block)
    tiles.append(connection, [leaf_hash(row.entry) for row in sealed], epoch=epoch, size=size)
    connection.execute(QUERIES["set_size"], {"epoch": epoch, "size": size + len(sealed)})


def _size(connection: Connection, query: str, epoch: int) -> int:
    with connection.cursor(row_factory=scalar_row) as cursor:
        size = cursor.execute(QUERIES[query], {"epoch": epoch}).fetchone()
    if not isinstance(size, int):
        raise LogError(f"epoch {epoch} is not open here: run `wayproof log register`")
    return size
