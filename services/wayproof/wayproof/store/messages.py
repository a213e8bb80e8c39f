"""Messages and their readings, as ingest adds them. Rows are never changed: what came twice is left out.

numbers.learn(connection, messages)                   # streams and quantities; outside the transaction
with connection.transaction():
    added = add_messages(connection, messages, numbers=numbers)

A group is copied straight into the tables (binary COPY). Where one of its messages is there already, that is undone and
the group inserted row by row past what is there: about three times as dear, and rare.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, LiteralString, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.rows import scalar_row

from wayproof.store import packing, queries
from wayproof.store.connection import Connection, Row
from wayproof.store.errors import store_errors
from wayproof.store.new_message import NewMessage
from wayproof.store.numbering import Numbers

__all__ = ["Added", "NewMessage", "Numbers", "add_messages", "open_epoch"]

QUERIES = queries.load("messages")


class Added(NamedTuple):
    """A message that is in the store now and was not before; `contradicts` tells an equivocation."""

    ingest_id: int
    message: NewMessage
    contradicts: bool


def add_messages(connection: Connection, messages: Sequence[NewMessage], *, numbers: Numbers) -> list[Added]:
    """Add what is not there yet, with its readings, each waiting for its index in the log.

    Within a transaction. Returns what is new, in the order of arrival; the rest was there, durably, under the same
    message hash. `numbers` must have learnt these messages.
    """
    if not messages:
        return []
    with store_errors():
        try:
            with connection.transaction():  # a savepoint
                return _copy(connection, messages, numbers)
        except UniqueViolation:
            return _insert(connection, messages, numbers)


def open_epoch(connection: Connection, log_id: str) -> int | None:
    """Return the epoch that the log is in, None if it is not registered (or not known here) yet."""
    with store_errors():
        row = connection.execute(QUERIES["open_epoch"], {"log_id": log_id}).fetchone()
    return None if row is None or row["epoch"] is None else _integer(row["epoch"])


def _copy(connection: Connection, messages: Sequence[NewMessage], numbers: Numbers) -> list[Added]:
    """Copy messages that should all be new. Raises UniqueViolation if one is not."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        cursor.execute(QUERIES["next_ingest_ids"], {"count": len(messages)}, binary=True)
        ingest_ids: list[int] = cursor.fetchall()
        _copy_rows(
            connection, QUERIES["copy_messages"], packing.messages(ingest_ids, numbers.streams(messages), messages)
        )
        _copy_readings(connection, zip(ingest_ids, messages, strict=True), numbers)
        cursor.execute(QUERIES["add_waiting"], runs(ingest_ids))
    return _marked(connection, list(zip(ingest_ids, messages, strict=True)))


def _insert(connection: Connection, messages: Sequence[NewMessage], numbers: Numbers) -> list[Added]:
    """Insert messages, leaving out what is there already."""
    rows = connection.execute(QUERIES["insert_messages"], _columns(messages, numbers)).fetchall()
    new = {_place(row): row for row in rows}
    added = []
    for message in messages:
        row = new.pop(_place_of(message, numbers), None)  # of the same message twice in one group, the first is new
        if row is not None:
            added.append((_integer(row["ingest_id"]), message))
    _copy_readings(connection, added, numbers)
    return _marked(connection, added)


def _marked(connection: Connection, added: Sequence[tuple[int, NewMessage]]) -> list[Added]:
    """Tell which of the messages just added contradict another one, of the same group or of before."""
    contradicting: set[int] = set()
    if any(message.boot for _, message in added):
        span = {"first": added[0][0], "last": added[-1][0]}
        with connection.cursor(row_factory=scalar_row) as cursor:
            contradicting = set(cursor.execute(QUERIES["contradictions"], span).fetchall())
    return [Added(ingest_id, message, ingest_id in contradicting) for ingest_id, message in added]


def _copy_readings(connection: Connection, messages: Iterable[tuple[int, NewMessage]], numbers: Numbers) -> None:
    measuring = [(ingest_id, it) for ingest_id, it in messages if it.measured.values]
    if measuring:
        _copy_rows(
            connection,
            QUERIES["copy_readings"],
            (
                packing.readings(
                    ingest_id, numbers.stream(it) or 0, numbers.quantities(it.measured), it.measured.values
                )
                for ingest_id, it in measuring
            ),
        )


def runs(ingest_ids: Sequence[int]) -> dict[str, list[int]]:
    """Return rising numbers as runs without a hole: the first and the last of each. Other writers draw numbers too."""
    if ingest_ids[-1] - ingest_ids[0] + 1 == len(ingest_ids):
        return {"first": [ingest_ids[0]], "last": [ingest_ids[-1]]}
    holes = [place for place, (one, other) in enumerate(pairwise(ingest_ids), start=1) if other != one + 1]
    first, last = [0, *holes], [*holes, len(ingest_ids)]
    return {"first": [ingest_ids[at] for at in first], "last": [ingest_ids[at - 1] for at in last]}


def _copy_rows(connection: Connection, statement: LiteralString, rows: Iterable[bytes]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in packing.file(rows):
            copy.write(block)


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
        "first_observed_at_ms": [it.measured.span[0] if it.measured.values else None for it in messages],
        "last_observed_at_ms": [it.measured.span[1] if it.measured.values else None for it in messages],
    }


def _place(row: Row) -> tuple[object, ...]:
    """Return what makes a row one of its kind: see the unique indexes."""
    return row["device_id"], row["stream_id"], row["boot"], row["sequence"], row["message_hash"]


def _place_of(message: NewMessage, numbers: Numbers) -> tuple[object, ...]:
    return message.device_id, numbers.stream(message), message.boot, message.sequence, message.message_hash


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database answered {value!r} where a number stands")
    return value
