"""Messages and their readings, as ingest adds them. Rows are never changed: what came twice is left out.

numbers.learn(connection, messages)                   # streams and quantities; outside the transaction
with connection.transaction():
    added = add_messages(connection, messages, numbers=numbers)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wayproof.store import queries
from wayproof.store.connection import Connection, Row
from wayproof.store.errors import store_errors
from wayproof_verifier.telemetry import Reading, TextReading

QUERIES = queries.load("messages")

MOST_REMEMBERED = 100_000
"""Streams and quantities that a process remembers; beyond, it forgets and asks again."""

Key = tuple[str, ...]
"""A stream: device id and name. A quantity: resolved name, unit (empty for what is no number), kind (v, vb, vs, vd)."""

_READING_TYPES = ("int4", "int8", "int8", "int2", "int4", "int8", "int2", "text")


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message of a known device as it is to be kept: each becomes one leaf of the log.

    Accepted: `stream` is its name ('' where nothing is signed). Refused: `stream` is None, `rejection` the code, and
    `message_hash` the SHA-256 of the payload. `entry` commits to salt, topic, payload and `received_at_ms`.
    """

    device_id: str
    received_at_ms: int
    topic: str
    payload: bytes
    salt: bytes
    entry: bytes
    message_hash: bytes
    stream: str | None = None
    boot: int = 0
    sequence: int = 0
    previous: bytes | None = None
    after: tuple[int, int] | None = None
    readings: tuple[Reading | TextReading, ...] = ()
    rejection: str | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """A message that is in the store now and was not before; `contradicts` tells an equivocation."""

    ingest_id: int
    message: NewMessage
    contradicts: bool


class _Numbering:
    """Numbers that the store gives to what is named by texts. Remembered once committed, and never changed."""

    def __init__(self, things: str, *columns: str) -> None:
        self._find, self._insert = QUERIES[f"find_{things}"], QUERIES[f"insert_{things}"]
        self._columns = columns
        self._known: dict[Key, int] = {}

    def __getitem__(self, key: Key) -> int:
        return self._known[key]

    def learn(self, connection: Connection, wanted: set[Key]) -> None:
        if len(self._known) > MOST_REMEMBERED:
            self._known.clear()
        if self._look_up(connection, wanted):
            missing = wanted - self._known.keys()
            connection.execute(self._insert, self._parameters(missing))
            self._look_up(connection, missing)

    def _look_up(self, connection: Connection, wanted: set[Key]) -> bool:
        """Look up what is not known; tell whether something is still missing."""
        unknown = wanted - self._known.keys()
        if unknown:
            for row in connection.execute(self._find, self._parameters(unknown)):
                self._known[tuple(str(row[name]) for name in self._columns)] = _integer(row["number"])
        return not unknown <= self._known.keys()

    def _parameters(self, keys: set[Key]) -> dict[str, list[str]]:
        rows = sorted(keys)  # one order for all writers: none waits for another in a circle
        return {name: [row[place] for row in rows] for place, name in enumerate(self._columns)}


class Numbers:
    """What a process remembers of the numbers of streams and quantities."""

    def __init__(self) -> None:
        self._streams = _Numbering("streams", "device_id", "name")
        self._quantities = _Numbering("quantities", "name", "unit", "kind")

    def learn(self, connection: Connection, messages: Iterable[NewMessage]) -> None:
        """Look up, or give, the numbers that these messages need.

        On an autocommit connection and outside a transaction: what is remembered must be committed.
        """
        accepted = [message for message in messages if message.stream is not None]
        with store_errors():
            self._streams.learn(connection, {(message.device_id, message.stream or "") for message in accepted})
            self._quantities.learn(connection, {_quantity(it) for message in accepted for it in message.readings})

    def stream(self, message: NewMessage) -> int | None:
        """Return the number of a message's stream, None where it is refused."""
        return None if message.stream is None else self._streams[message.device_id, message.stream]

    def quantity(self, reading: Reading | TextReading) -> int:
        """Return the number of what a reading measures."""
        return self._quantities[_quantity(reading)]


def add_messages(connection: Connection, messages: Sequence[NewMessage], *, numbers: Numbers) -> list[Added]:
    """Add what is not there yet, with its readings, each waiting for its index in the log.

    Within a transaction. Returns what is new, in the order of arrival; the rest was there, durably, under the same
    message hash. `numbers` must have learnt these messages.
    """
    if not messages:
        return []
    with store_errors():
        rows = connection.execute(QUERIES["insert_messages"], _columns(messages, numbers)).fetchall()
        new = {_place(row): row for row in rows}
        added = []
        for message in messages:
            place = _place_of(message, numbers)
            row = new.pop(place, None)  # of the same message twice in one group, the first is the new one
            if row is not None:
                added.append(Added(_integer(row["ingest_id"]), message, contradicts=bool(row["contradicts"])))
        _copy_readings(connection, added, numbers)
    return added


def open_epoch(connection: Connection, log_id: str) -> int | None:
    """Return the epoch that the log is in, None if it is not registered (or not known here) yet."""
    with store_errors():
        row = connection.execute(QUERIES["open_epoch"], {"log_id": log_id}).fetchone()
    return None if row is None or row["epoch"] is None else _integer(row["epoch"])


def _columns(messages: Sequence[NewMessage], numbers: Numbers) -> dict[str, list[Any]]:
    return {
        "device_ids": [it.device_id for it in messages],
        "received_at_ms": [it.received_at_ms for it in messages],
        "topics": [it.topic for it in messages],
        "payloads": [it.payload for it in messages],
        "salts": [it.salt for it in messages],
        "entries": [it.entry for it in messages],
        "message_hashes": [it.message_hash for it in messages],
        "stream_ids": [numbers.stream(it) for it in messages],
        "boots": [it.boot for it in messages],
        "sequences": [it.sequence for it in messages],
        "previous": [it.previous for it in messages],
        "after_boots": [it.after[0] if it.after else None for it in messages],
        "after_sequences": [it.after[1] if it.after else None for it in messages],
        "rejections": [it.rejection for it in messages],
    }


def _place(row: Row) -> tuple[object, ...]:
    """Return what makes a row one of its kind: see the unique indexes."""
    return row["device_id"], row["stream_id"], row["boot"], row["sequence"], row["message_hash"]


def _place_of(message: NewMessage, numbers: Numbers) -> tuple[object, ...]:
    return message.device_id, numbers.stream(message), message.boot, message.sequence, message.message_hash


def _copy_readings(connection: Connection, added: Sequence[Added], numbers: Numbers) -> None:
    if not any(it.message.readings for it in added):
        return
    with connection.cursor() as cursor, cursor.copy(QUERIES["copy_readings"]) as copy:
        copy.set_types(_READING_TYPES)
        for it in added:
            stream_id = numbers.stream(it.message)
            for ordinal, reading in enumerate(it.message.readings):
                quantity_id = numbers.quantity(reading)
                row = (stream_id, reading.observed_at_ms, it.ingest_id, ordinal, quantity_id, *_value(reading))
                copy.write_row(row)


def _value(reading: Reading | TextReading) -> tuple[int | None, int | None, str | None]:
    if isinstance(reading, Reading):
        return reading.value, reading.scale, None
    return None, None, reading.text


def _quantity(reading: Reading | TextReading) -> Key:
    if isinstance(reading, Reading):
        return reading.name, reading.unit, "v"
    return reading.name, "", reading.kind


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database answered {value!r} where a number stands")
    return value
