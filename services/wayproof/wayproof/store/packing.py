"""Rows in PostgreSQL's binary COPY format, packed by `struct` (https://www.postgresql.org/docs/current/sql-copy.html).

A row is the number of its columns and, for each, the length of its value and the value, big-endian; -1 is null.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from wayproof.store.measured import Value
from wayproof.store.new_message import NewMessage

HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TAIL = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_LENGTH = struct.Struct(">i")
_MESSAGE_START = struct.Struct(">hiq")  # 17 columns, ingest_id
_BIGINT = struct.Struct(">iq")
_UNSIGNED_END = struct.Struct(">i16si32si32siiiqiqiiiiiqiq")
_SIGNED_END = struct.Struct(">i16si32si32siiiqiqi32siiiiqiq")
_READING = struct.Struct(">14sq16s14sq10s")  # stream, time, message, place, value, scale
_LEAF = struct.Struct(">hiiiqiq")
_COLUMNS = 17
_ABSENT = -1


@lru_cache(maxsize=16_384)
def text(value: str) -> bytes:
    """Return a text column: there are few topics and device ids, and each comes often."""
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def bytea(value: bytes | None) -> bytes:
    """Return a bytea column."""
    return NULL if value is None else _LENGTH.pack(len(value)) + value


def bigint(value: int | None) -> bytes:
    """Return a bigint column."""
    return NULL if value is None else _BIGINT.pack(8, value)


def messages(ingest_ids: Iterable[int], stream_ids: Iterable[int | None], new: Iterable[NewMessage]) -> Iterator[bytes]:
    """Yield the rows of messages; a stream id is None where the message is refused."""
    for ingest_id, stream_id, it in zip(ingest_ids, stream_ids, new, strict=True):
        is_usual = stream_id is not None and it.after is None and len(it.measured.values) > 0
        yield b"".join(
            (
                _MESSAGE_START.pack(_COLUMNS, 8, ingest_id),
                text(it.device_id),
                _BIGINT.pack(8, it.received_at_ms),
                text(it.topic),
                _LENGTH.pack(len(it.payload)),
                it.payload,
                _usual_end(it, stream_id or 0) if is_usual else _end(it, stream_id),
            )
        )


def _usual_end(it: NewMessage, stream_id: int) -> bytes:
    """Return the columns after the payload of a message that is accepted, measures, and is not the first of a boot."""
    first, last = it.measured.span
    start = (16, it.salt, 32, it.entry, 32, it.message_hash, 4, stream_id, 8, it.boot, 8, it.sequence)
    if it.previous is None:
        return _UNSIGNED_END.pack(*start, _ABSENT, _ABSENT, _ABSENT, _ABSENT, 8, first, 8, last)
    return _SIGNED_END.pack(*start, 32, it.previous, _ABSENT, _ABSENT, _ABSENT, 8, first, 8, last)


def _end(it: NewMessage, stream_id: int | None) -> bytes:
    """Return the columns after the payload of any message."""
    after_boot, after_sequence = it.after or (None, None)
    first, last = it.measured.span if it.measured.values else (None, None)
    return b"".join(
        (
            bytea(it.salt),
            bytea(it.entry),
            bytea(it.message_hash),
            NULL if stream_id is None else struct.pack(">ii", 4, stream_id),
            bigint(it.boot),
            bigint(it.sequence),
            bytea(it.previous),
            bigint(after_boot),
            bigint(after_sequence),
            NULL if it.rejection is None else text(it.rejection),
            bigint(first),
            bigint(last),
        )
    )


@lru_cache(maxsize=4_096)
def _places(quantity_ids: tuple[int, ...]) -> tuple[bytes, ...]:
    """Return ordinal and quantity of each reading, and the length of the value: messages of one shape share them."""
    return tuple(struct.pack(">hiii", ordinal, 4, it, 8) for ordinal, it in enumerate(quantity_ids))


@lru_cache(maxsize=256)
def _scale(scale: int) -> bytes:
    """Return the scale of a number, which has no text."""
    return struct.pack(">ihi", 2, scale, _ABSENT)


def readings(ingest_id: int, stream_id: int, quantity_ids: tuple[int, ...], values: Sequence[Value]) -> bytes:
    """Return the rows of one message's readings."""
    pack = _READING.pack
    start, middle = struct.pack(">hiii", 8, 4, stream_id, 8), struct.pack(">iqi", 8, ingest_id, 2)
    rows = []
    for place, (time_ms, value, scale, content) in zip(_places(quantity_ids), values, strict=True):
        if content is None:
            rows.append(pack(start, time_ms, middle, place, value, _scale(scale or 0)))
        else:
            time = struct.pack(">q", time_ms)
            rows.append(start + time + middle + place[:-4] + NULL + NULL + bytea(content.encode()))
    return b"".join(rows)


def leaves(epoch: int, first_index: int, ingest_ids: Iterable[int]) -> bytes:
    """Return rows that give messages their index in the log, one after the other."""
    pack = _LEAF.pack
    return b"".join([pack(3, 4, epoch, 8, index, 8, it) for index, it in enumerate(ingest_ids, start=first_index)])


def file(rows: Iterable[bytes], *, block_bytes: int = 1 << 17) -> Iterator[bytes]:
    """Yield rows as a whole COPY stream, in blocks: the server takes one in while the next is packed."""
    block, size = [HEAD], len(HEAD)
    for row in rows:
        block.append(row)
        size += len(row)
        if size >= block_bytes:
            yield b"".join(block)
            block, size = [], 0
    block.append(TAIL)
    yield b"".join(block)
