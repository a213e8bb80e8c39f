"""The ledger as the projection keeps it: its rows, its checkpoint, and waiting until it has come far enough.

with connection.transaction():
    put_rows(connection, "shipment", rows)
    put_checkpoint(connection, checkpoint)      # others hear of it when this is committed
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from wayproof.store import queries
from wayproof.store.connection import Connection, Row
from wayproof.store.errors import store_errors
from wayproof_contract import canonical

QUERIES = queries.load("ledger_view")

WRITER_LOCK = 0x776C6564
"""Advisory lock of the one process that projects into this database."""

RELISTEN_S = 1.0
"""How long one wait for a notification lasts before the checkpoint is looked at again."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the ledger has been taken in: `height` blocks, and the hashes of the first and the last one's header."""

    height: int
    genesis_hash: bytes
    last_block_hash: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """When a record was written: the number of its block, and what its client claimed, in epoch milliseconds."""

    block_number: int
    tx_timestamp_ms: int


def checkpoint(connection: Connection) -> Checkpoint | None:
    """Return how far the projection is, None before the first block."""
    with store_errors(), connection.cursor(row_factory=class_row(Checkpoint)) as cursor:
        return cursor.execute(QUERIES["checkpoint"]).fetchone()


def put_checkpoint(connection: Connection, reached: Checkpoint) -> None:
    """Move the checkpoint; whoever waits hears of it once this transaction is committed."""
    with store_errors():
        connection.execute(QUERIES["put_checkpoint"], asdict(reached))
        connection.execute(QUERIES["notify"], {"height": str(reached.height)})


def put_rows(connection: Connection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Enter rows of one table, each replacing the one with its key, if there is one. Dicts, lists: as jsonb."""
    with store_errors(), connection.cursor() as cursor:
        cursor.executemany(QUERIES[f"put_{table}"], [_adapted(row) for row in rows])


def rows(connection: Connection, table: str) -> Iterator[Row]:
    """Yield every row of a projected table, as `put_rows` takes it. Within a transaction: it is read as a stream."""
    with store_errors(), connection.cursor(name=f"rows_of_{table}") as cursor:
        yield from cursor.execute(QUERIES[f"all_{table}"])


def moment(connection: Connection, key: str) -> Moment | None:
    """Return when the record at a key of the contract was written, None if it is not here."""
    with store_errors():
        row = connection.execute(QUERIES["record"], {"key": key}).fetchone()
    if row is None:
        return None
    record = canonical.decode_object(_bytes(row["value"]))
    return Moment(_integer(row["block_number"]), _integer(record["tx_timestamp_ms"]))


def become_writer(connection: Connection) -> bool:
    """Take the lock of the one projecting process, for as long as the connection lasts; False if another has it."""
    with store_errors():
        row = connection.execute(QUERIES["become_writer"], {"lock": WRITER_LOCK}).fetchone()
    return row is not None and row["taken"] is True


def wait_until_height(connection: Connection, height: int, within_s: float) -> bool:
    """Wait until `height` blocks are taken in; tell whether they are.

    Needs a connection outside a transaction, and nothing else may be done with it meanwhile.
    """
    deadline = time.monotonic() + within_s
    with store_errors():
        connection.execute(QUERIES["listen"])
        try:
            while not _has_reached(connection, height):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                for _ in connection.notifies(timeout=min(left_s, RELISTEN_S), stop_after=1):
                    pass
        finally:
            if not connection.broken:
                connection.execute(QUERIES["unlisten"])
    return True


def _has_reached(connection: Connection, height: int) -> bool:
    reached = checkpoint(connection)
    return reached is not None and reached.height >= height


def _adapted(row: Mapping[str, object]) -> dict[str, object]:
    return {name: Jsonb(value) if isinstance(value, dict | list) else value for name, value in row.items()}


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database answered {value!r} where a number stands")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"the database answered {value!r} where bytes stand")
    return value
