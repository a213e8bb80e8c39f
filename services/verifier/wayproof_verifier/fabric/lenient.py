"""Messages as a peer reads them: every encoding that proto3 allows, where `protobuf` accepts one.

Only for what a transaction's client wrote around the endorsers' answer. Peers take any encoding of it, so a client
could else make a valid transaction that evidence cannot hold. What is chosen here decides nothing by itself: the
client's signature covers all of it, and the proposal's hash, which the endorsers signed, covers headers and arguments
as bytes.

- Unknown fields, and known ones with another wire type, are passed over.
- Of a field that comes again the last one counts; of a message, the parts are merged, which is reading them one after
  the other; setting a member of a oneof clears the others.
- Numbers are cut to their kind; defaults may be written out, in any order, in varints of any length up to ten bytes.

Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from wayproof_verifier.errors import EncodingError
from wayproof_verifier.fabric.protobuf import (
    BOOL,
    ENUM,
    INT32,
    INT64,
    LENGTH_DELIMITED,
    MAX_BYTES,
    MAX_DEPTH,
    UINT32,
    UINT64,
    VARINT,
    Field,
    Message,
    Scalar,
    wire_fields,
)

M = TypeVar("M", bound=Message)

_FIXED_BYTES: Final = {1: 8, 5: 4}  # wire types that none of our messages has
_START_GROUP, _END_GROUP = 3, 4
_MAX_FIELD: Final = 2**29 - 1
_VARINT_MAX_BYTES: Final = 10


def _cut(bits: int, *, signed: bool) -> Callable[[int], int]:
    def cut(raw: int) -> int:
        value = raw & ((1 << bits) - 1)
        return value - (1 << bits) if signed and value >> (bits - 1) else value

    return cut


_CUT: Final[dict[str, Callable[[int], object]]] = {
    UINT32.name: _cut(32, signed=False),
    UINT64.name: _cut(64, signed=False),
    INT32.name: _cut(32, signed=True),
    INT64.name: _cut(64, signed=True),
    ENUM.name: _cut(32, signed=True),
    BOOL.name: bool,
}


def read_leniently(kind: type[M], data: bytes) -> M:
    """Read any encoding of a message that a peer would read; what is none raises `EncodingError`."""
    if len(data) > MAX_BYTES:
        raise EncodingError(f"{kind.NAME}: {len(data)} bytes are more than the {MAX_BYTES} allowed")
    return cast("M", _message(kind, data, depth=0))


def _message(kind: type[Message], data: bytes, *, depth: int) -> Message:
    if depth > MAX_DEPTH:
        raise EncodingError(f"{kind.NAME}: nested deeper than {MAX_DEPTH}")
    declared = {wire.number: (name, wire) for name, wire in wire_fields(kind).items()}
    parts: dict[str, list[Any]] = {}
    position = 0
    while position < len(data):
        number, wire_type, raw, position = _part(data, position, depth=depth)
        name, wire = declared.get(number, ("", None))
        if wire is None or wire_type != _wire_type(wire):
            continue
        if wire.oneof is not None:
            for other, sibling in declared.values():
                if sibling.oneof == wire.oneof and other != name:
                    parts.pop(other, None)
        parts.setdefault(name, []).append(raw)
    fields = wire_fields(kind)
    return kind(**{name: _value(fields[name], found, depth=depth) for name, found in parts.items()})


def _wire_type(wire: Field) -> int:
    return wire.kind.wire_type if isinstance(wire.kind, Scalar) and not wire.mapping else LENGTH_DELIMITED


def _value(wire: Field, found: list[Any], *, depth: int) -> object:
    if wire.mapping:
        return dict(_entry(wire, raw, depth=depth) for raw in found)
    if wire.repeated:
        return tuple(_one(wire, raw, depth=depth) for raw in found)
    if wire.message is not None:
        return _one(wire, b"".join(found), depth=depth)
    return [_one(wire, raw, depth=depth) for raw in found][-1]  # those before must be readable too


def _one(wire: Field, raw: Any, *, depth: int) -> object:  # noqa: ANN401 - a number or bytes
    if wire.message is not None:
        return _message(wire.message, raw, depth=depth + 1)
    if wire.kind.wire_type == VARINT:
        return _CUT[wire.kind.name](raw)
    return wire.kind.convert(raw)


def _entry(wire: Field, data: bytes, *, depth: int) -> tuple[str, object]:
    """Read a map entry: an absent key or value is its default, and anything else in it is passed over, as in Go."""
    keys, values = [b""], [b""]
    position = 0
    while position < len(data):
        number, wire_type, raw, position = _part(data, position, depth=depth)
        if wire_type == LENGTH_DELIMITED and number in {1, 2}:
            (keys if number == 1 else values).append(cast("bytes", raw))
    try:
        names = [key.decode("utf-8") for key in keys]
    except UnicodeDecodeError as error:
        raise EncodingError("text is not UTF-8") from error
    return names[-1], _one(wire, b"".join(values) if wire.message else values[-1], depth=depth + 1)


def _part(data: bytes, position: int, *, depth: int) -> tuple[int, int, int | bytes, int]:
    """Return number, wire type and content of the next field, and where the one after begins."""
    key, position = _varint(data, position)
    number, wire_type = key >> 3, key & 7
    if not 1 <= number <= _MAX_FIELD:
        raise EncodingError(f"no field has the number {number}")
    if wire_type == VARINT:
        value, position = _varint(data, position)
        return number, wire_type, value, position
    if wire_type == _START_GROUP:
        return number, wire_type, b"", _after_group(data, position, number=number, depth=depth + 1)
    if wire_type == LENGTH_DELIMITED:
        length, position = _varint(data, position)
    elif wire_type in _FIXED_BYTES:
        length = _FIXED_BYTES[wire_type]
    else:
        raise EncodingError(f"field {number}: wire type {wire_type} cannot stand here")
    end = position + length
    if end > len(data):
        raise EncodingError("a field ends after its message")
    return number, wire_type, data[position:end], end


def _after_group(data: bytes, position: int, *, number: int, depth: int) -> int:
    """Return where a group of fields ends: an old form that nobody writes, and that peers pass over."""
    if depth > MAX_DEPTH:
        raise EncodingError(f"groups are nested deeper than {MAX_DEPTH}")
    while True:
        key, after = _varint(data, position)
        if key & 7 == _END_GROUP:
            if key >> 3 != number:
                raise EncodingError("a group ends that did not begin")
            return after
        _, _, _, position = _part(data, position, depth=depth)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_MAX_BYTES):
        if position + index >= len(data):
            raise EncodingError("the message ends inside a varint")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            if value >> 64:
                raise EncodingError("a varint of more than 64 bits")
            return value, position + index + 1
    raise EncodingError("a varint longer than ten bytes")
