"""What `wayproof fsck` reads: everything once, as a stream, in one snapshot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row, scalar_row, tuple_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.log_messages import Place

QUERIES = queries.load("fsck")

FETCH_ROWS = 200
"""Rows of a stream in memory: payloads have up to 256 KiB."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it stands in the tables, nothing believed: with its leaf if it has one, its stream's row if any."""

    epoch: int | None
    leaf_index: int | None
    ingest_id: int
    is_there: bool
    is_waiting: bool
    device_id: str
    received_at_ms: int
    topic: str | None
    payload: bytes | None
    salt: bytes | None
    entry: bytes
    message_hash: bytes
    stream_id: int | None
    boot: int
    sequence: int
    previous: bytes | None
    after_boot: int | None
    after_sequence: int | None
    rejection: str | None
    first_observed_at_ms: int | None
    last_observed_at_ms: int | None
    stream_device_id: str | None
    stream_name: str | None


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading as it stands in the tables, with its quantity's row if there is one."""

    ingest_id: int
    ordinal: int
    stream_id: int
    observed_at_ms: int
    quantity_id: int
    value: int | None
    scale: int | None
    text: str | None
    name: str | None
    unit: str | None
    kind: str | None


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of a device: key id, SubjectPublicKeyInfo DER, and when its client says that it was registered.

    `last_positions` are those up to which a key that ended counts.
    """

    device_id: str
    key_id: bytes
    public_key: bytes
    registered_at_ms: int
    last_positions: Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """An anchored head of the log, as it was projected."""

    epoch: int
    counter: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class WrongHour:
    """An hour of numbers with what is stored and what should be: count, sum, minimum, maximum; empty for no row."""

    stream_id: int
    quantity_id: int
    hour_ms: int
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Orphan:
    """A row that belongs to nothing: its table and key."""

    name: str
    key: str


@contextmanager
def one_snapshot(connection: Connection) -> Iterator[None]:
    """Open a transaction in which everything is read as it stands at its begin."""
    with store_errors(), connection.transaction():
        connection.execute(QUERIES["one_snapshot"])
        yield


def count_messages(connection: Connection) -> int:
    """Return how many messages there are."""
    return _number(connection, "count_messages", {}) or 0


def leaves(connection: Connection) -> Iterator[StoredMessage]:
    """Yield sealed messages by epoch and index. Within a transaction."""
    yield from _messages(connection, "leaves")


def unsealed(connection: Connection) -> Iterator[StoredMessage]:
    """Yield messages without an index. Within a transaction."""
    yield from _messages(connection, "unsealed")


def readings(connection: Connection, ingest_ids: Sequence[int]) -> Mapping[int, list[StoredReading]]:
    """Return the readings of messages by ingest id, each in the order of the pack."""
    found: dict[int, list[StoredReading]] = {}
    with connection.cursor(row_factory=class_row(StoredReading)) as cursor:
        span = {"first": min(ingest_ids, default=0), "last": max(ingest_ids, default=0)}
        for reading in cursor.execute(QUERIES["readings"], {"ingest_ids": list(ingest_ids), **span}):
            found.setdefault(reading.ingest_id, []).append(reading)
    return found


def keys(connection: Connection, device_ids: Iterable[str]) -> list[StoredKey]:
    """Return every key that these devices ever had."""
    with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(QUERIES["keys"], {"device_ids": sorted(device_ids)}).fetchall()


def stream_number(connection: Connection, *, device_id: str, name: str) -> int | None:
    """Return the number of a stream."""
    return _number(connection, "has_stream", {"device_id": device_id, "name": name})


def quantity_number(connection: Connection, *, name: str, unit: str, kind: str) -> int | None:
    """Return the number of a quantity."""
    return _number(connection, "has_quantity", {"name": name, "unit": unit, "kind": kind})


def record(connection: Connection, key: str) -> bytes | None:
    """Return the projected record at a key."""
    return _bytes(connection, "record", {"key": key})


def tile(connection: Connection, *, epoch: int, level: int, index: int) -> bytes | None:
    """Return what is stored of a tile, None if there is no row."""
    return _bytes(connection, "tile", {"epoch": epoch, "level": level, "tile_index": index})


def extra_tile(connection: Connection, *, epoch: int, size: int) -> tuple[int, int] | None:
    """Return level and index of the first tile that a tree of `size` leaves does not have."""
    row = connection.execute(QUERIES["extra_tile"], {"epoch": epoch, "size": size}).fetchone()
    return (int(str(row["level"])), int(str(row["tile_index"]))) if row else None


def anchors(connection: Connection, *, log_id: str, epoch: int) -> Iterator[StoredAnchor]:
    """Yield the anchored heads of an epoch from the smallest on. Within a transaction."""
    with connection.cursor(name="fsck_anchors", row_factory=class_row(StoredAnchor)) as cursor:
        cursor.itersize = FETCH_ROWS
        yield from cursor.execute(QUERIES["anchors"], {"log_id": log_id, "epoch": epoch})


def orphans(connection: Connection) -> list[Orphan]:
    """Return the first row of each table that belongs to nothing."""
    with connection.cursor(row_factory=class_row(Orphan)) as cursor:
        return cursor.execute(QUERIES["orphans"]).fetchall()


def unused(connection: Connection) -> dict[str, int]:
    """Return how many streams and quantities have a number and no row that uses it."""
    row = connection.execute(QUERIES["unused"]).fetchone() or {}
    return {name: int(str(count)) for name, count in row.items()}


def hours(connection: Connection, place: Place) -> Iterator[WrongHour]:
    """Yield every hour that is not what the readings before a leaf make. Within a transaction."""
    with connection.cursor(name="fsck_hours", row_factory=class_row(WrongHour)) as cursor:
        cursor.itersize = FETCH_ROWS
        yield from cursor.execute(QUERIES["hours"], {"epoch": place.epoch, "leaf_index": place.leaf_index})


def count_hours(connection: Connection) -> tuple[int, int]:
    """Return how many hours there are, and how many of them are of dropped weeks."""
    row = connection.execute(QUERIES["count_hours"]).fetchone() or {"hours": 0, "kept": 0}
    return int(str(row["hours"])), int(str(row["kept"]))


def payloads(connection: Connection, ingest_ids: Sequence[int]) -> Mapping[int, tuple[str, bytes]]:
    """Return topic and payload of those of these messages that measured in a dropped week, by ingest id."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(QUERIES["payloads"], {"ingest_ids": list(ingest_ids)})
        return {ingest_id: (topic, payload) for ingest_id, topic, payload in rows}


def shadow_projection(connection: Connection) -> None:
    """Put empty tables in front of the projected ones, on this connection alone, until it is closed."""
    with store_errors():
        connection.execute(QUERIES["shadow"])


def _messages(connection: Connection, query: str) -> Iterator[StoredMessage]:
    with connection.cursor(name=f"fsck_{query}", row_factory=class_row(StoredMessage)) as cursor:
        cursor.itersize = FETCH_ROWS
        yield from cursor.execute(QUERIES[query])


def _number(connection: Connection, query: str, parameters: Mapping[str, object]) -> int | None:
    with connection.cursor(row_factory=scalar_row) as cursor:
        number: int | None = cursor.execute(QUERIES[query], parameters).fetchone()
    return number


def _bytes(connection: Connection, query: str, parameters: Mapping[str, object]) -> bytes | None:
    with connection.cursor(row_factory=scalar_row) as cursor:
        content: bytes | None = cursor.execute(QUERIES[query], parameters).fetchone()
    return content
