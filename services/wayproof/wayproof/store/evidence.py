"""What evidence reads of the store: records with their place on the ledger, and the sealed messages of intervals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row, scalar_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("evidence")

NO_END = 2**63 - 1
"""Beyond every boot and sequence."""

FETCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """The last value of a state key, and the transaction that wrote it."""

    key: str
    block_number: int
    tx_index: int
    tx_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """The messages of a stream after `start` up to `end`, both (boot, sequence); without end, all that follow."""

    device_id: str
    stream: str
    start: tuple[int, int]
    end: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A sealed message as the store has it; salt, topic and payload are None once it is erased."""

    leaf_index: int
    entry: bytes
    salt: bytes | None
    topic: str | None
    payload: bytes | None
    received_at_ms: int
    device_id: str
    stream: str
    boot: int
    sequence: int
    message_hash: bytes
    previous: bytes | None


def records(connection: Connection, *, keys: Iterable[str] = (), prefixes: Iterable[str] = ()) -> list[StoredRecord]:
    """Return the projected records at these keys, and below these prefixes, which end with a slash."""
    starts = sorted(set(prefixes))
    ends = [prefix.removesuffix("/") + "0" for prefix in starts]  # "0" is the character after the slash
    parameters = {"keys": sorted(set(keys)), "starts": starts, "ends": ends}
    with store_errors(), connection.cursor(row_factory=class_row(StoredRecord)) as cursor:
        return cursor.execute(QUERIES["records"], parameters).fetchall()


def nearest_anchors(
    connection: Connection, *, log_ids: Iterable[str], moments: Iterable[tuple[int, int]]
) -> list[StoredRecord]:
    """Return of each log the anchors before and from each moment (block, index) on, and the outermost of each epoch.

    An epoch begins after the one before it has ended, so these are the nearest ones within each epoch too.
    """
    places = sorted(set(moments))
    parameters = {
        "log_ids": sorted(set(log_ids)),
        "block_numbers": [place[0] for place in places],
        "tx_indices": [place[1] for place in places],
    }
    with store_errors(), connection.cursor(row_factory=class_row(StoredRecord)) as cursor:
        return cursor.execute(QUERIES["nearest_anchors"], parameters).fetchall()


def envelopes(connection: Connection, tx_ids: Sequence[str]) -> list[bytes]:
    """Return the envelopes of these transactions in ledger order."""
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(QUERIES["envelopes"], {"tx_ids": list(tx_ids)}).fetchall()


def config_blocks(connection: Connection) -> list[bytes]:
    """Return the channel's config blocks, signed parts only, the genesis block first."""
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(QUERIES["config_blocks"]).fetchall()


def leaves(connection: Connection, *, epoch: int, size: int, spans: Sequence[Span]) -> Iterator[Leaf]:
    """Yield those of an epoch's first `size` leaves that lie in a span, in the order of their indices.

    Within a transaction: they are read as a stream.
    """
    ends = [span.end or (NO_END, NO_END) for span in spans]
    parameters = {
        "epoch": epoch,
        "size": size,
        "device_ids": [span.device_id for span in spans],
        "streams": [span.stream for span in spans],
        "start_boots": [span.start[0] for span in spans],
        "start_sequences": [span.start[1] for span in spans],
        "end_boots": [boot for boot, _ in ends],
        "end_sequences": [sequence for _, sequence in ends],
    }
    with store_errors(), connection.cursor(name="evidence_leaves", row_factory=class_row(Leaf)) as cursor:
        cursor.itersize = FETCH_ROWS
        yield from cursor.execute(QUERIES["leaves"], parameters)
