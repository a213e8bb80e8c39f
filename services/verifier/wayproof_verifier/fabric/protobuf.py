"""A strict protobuf reader: each message has one accepted encoding.

Protobuf lets a sender write the same message in many ways; whoever hashes and signs bytes must not. A `Message` here
is a frozen dataclass whose fields carry their numbers and kinds, and `Message.read` refuses whatever an encoder that
follows the rules would not have written:

- unknown fields, wrong wire types, bytes after the end;
- varints that are longer than needed or out of the kind's range;
- fields out of ascending order, singular fields twice, two members of one oneof;
- a default value written out (proto3's implicit presence). Message fields and members of a oneof have explicit
  presence: an empty sub-message and a `signed_by` of 0 are written, and read;
- map entries without both key and value, and a key twice. The order of entries is free: Go writes maps in random
  order;
- text that is not UTF-8, messages longer than `MAX_BYTES` or nested deeper than `MAX_DEPTH`.

Source: protobuf.dev/programming-guides/encoding and /field_presence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Final, Self, TypeVar, cast

from wayproof_verifier.errors import EncodingError

MAX_BYTES: Final = 100 * 1024 * 1024  # a Fabric peer accepts messages up to 100 MB
MAX_DEPTH: Final = 64  # a config tree needs about ten levels

VARINT: Final = 0
LENGTH_DELIMITED: Final = 2
_VARINT_MAX_BYTES: Final = 10


class Message:
    """Base of all messages: subclasses are frozen dataclasses and name the official message they mirror."""

    __slots__ = ()
    NAME: ClassVar[str]

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the one accepted encoding of this message; anything else raises `EncodingError`."""
        if len(data) > MAX_BYTES:
            raise EncodingError(f"{cls.NAME}: {len(data)} bytes are more than the {MAX_BYTES} allowed")
        try:
            return cast("Self", _read_message(cls, data, depth=0))
        except EncodingError as error:
            raise EncodingError(f"{cls.NAME}: {error}") from error.__cause__


M = TypeVar("M", bound=Message)
Kind = type[M] | Callable[[], type[M]]
"""A message class, or a function that returns it where classes refer to each other."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar kind: its name in the official descriptors, its wire type, its default, and how raw becomes value."""

    name: str
    wire_type: int
    default: object
    convert: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Field:
    """What the wire says about one field of a message."""

    number: int
    kind: Any  # a Scalar, a Message class, or a function that returns one
    repeated: bool = False
    mapping: bool = False
    oneof: str | None = None

    @property
    def message(self) -> type[Message] | None:
        """The message class of this field; `None` for a scalar."""
        if isinstance(self.kind, Scalar):
            return None
        kind = self.kind if isinstance(self.kind, type) else self.kind()
        return cast("type[Message]", kind)


# --- raw values -----------------------------------------------------------------------------------------------------


def _ranged(low: int, high: int) -> Callable[[int], int]:
    def convert(raw: int) -> int:
        value = raw - (1 << 64) if low < 0 and raw >> 63 else raw
        if not low <= value <= high:
            raise EncodingError(f"{value} is out of range")
        return value

    return convert


def _boolean(raw: int) -> bool:
    if raw > 1:
        raise EncodingError(f"{raw} is no bool")
    return raw == 1


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("text is not UTF-8") from error


UINT32: Final = Scalar("UINT32", VARINT, 0, _ranged(0, 2**32 - 1))
UINT64: Final = Scalar("UINT64", VARINT, 0, _ranged(0, 2**64 - 1))
INT32: Final = Scalar("INT32", VARINT, 0, _ranged(-(2**31), 2**31 - 1))
INT64: Final = Scalar("INT64", VARINT, 0, _ranged(-(2**63), 2**63 - 1))
ENUM: Final = Scalar("ENUM", VARINT, 0, _ranged(-(2**31), 2**31 - 1))  # proto3 enums are open
BOOL: Final = Scalar("BOOL", VARINT, False, _boolean)  # noqa: FBT003 - the default of a bool
STRING: Final = Scalar("STRING", LENGTH_DELIMITED, "", _text)
BYTES: Final = Scalar("BYTES", LENGTH_DELIMITED, b"", bytes)


# --- declarations: what stands to the right of a message's attributes ----------------------------------------------


def uint32(number: int) -> int:
    """Declare a `uint32` field."""
    return cast("int", _declare(Field(number, UINT32), default=0))


def uint64(number: int) -> int:
    """Declare a `uint64` field."""
    return cast("int", _declare(Field(number, UINT64), default=0))


def int32(number: int) -> int:
    """Declare an `int32` field; a negative number takes ten bytes on the wire."""
    return cast("int", _declare(Field(number, INT32), default=0))


def int64(number: int) -> int:
    """Declare an `int64` field."""
    return cast("int", _declare(Field(number, INT64), default=0))


def enum(number: int) -> int:
    """Declare an enum field, read as its number."""
    return cast("int", _declare(Field(number, ENUM), default=0))


def boolean(number: int) -> bool:
    """Declare a `bool` field."""
    return cast("bool", _declare(Field(number, BOOL), default=False))


def text(number: int) -> str:
    """Declare a `string` field."""
    return cast("str", _declare(Field(number, STRING), default=""))


def octets(number: int) -> bytes:
    """Declare a `bytes` field."""
    return cast("bytes", _declare(Field(number, BYTES), default=b""))


def message(number: int, kind: Kind[M], *, oneof: str | None = None) -> M | None:
    """Declare a message field, `None` when absent."""
    return cast("M | None", _declare(Field(number, kind, oneof=oneof), default=None))


def choice_int32(number: int, *, oneof: str) -> int | None:
    """Declare an `int32` member of a oneof, `None` when another member or none is set."""
    return cast("int | None", _declare(Field(number, INT32, oneof=oneof), default=None))


def repeated(number: int, kind: Kind[M]) -> tuple[M, ...]:
    """Declare a repeated message field."""
    return cast("tuple[M, ...]", _declare(Field(number, kind, repeated=True), default=()))


def repeated_octets(number: int) -> tuple[bytes, ...]:
    """Declare a repeated `bytes` field."""
    return cast("tuple[bytes, ...]", _declare(Field(number, BYTES, repeated=True), default=()))


def mapping(number: int, kind: Kind[M]) -> dict[str, M]:
    """Declare a map from text to messages."""
    return cast("dict[str, M]", _declare_map(Field(number, kind, repeated=True, mapping=True)))


def mapping_octets(number: int) -> dict[str, bytes]:
    """Declare a map from text to `bytes`."""
    return cast("dict[str, bytes]", _declare_map(Field(number, BYTES, repeated=True, mapping=True)))


def _declare(wire: Field, *, default: object) -> object:
    return field(default=default, metadata={"wire": wire})


def _declare_map(wire: Field) -> object:
    return field(default_factory=dict, metadata={"wire": wire})


def wire_fields(kind: type[Any]) -> dict[str, Field]:
    """Return the wire fields of a message class by attribute name."""
    return {declared.name: declared.metadata["wire"] for declared in fields(kind)}


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Slot:
    """A field with everything that reading it needs looked up once."""

    name: str
    repeated: bool
    mapping: bool
    oneof: str | None
    wire_type: int
    message: type[Message] | None
    convert: Callable[[Any], object]
    refused: object  # the default that implicit presence never writes; a fresh object where there is none


@cache
def _slots(kind: type[Any]) -> dict[int, _Slot]:
    return {wire.number: _slot(name, wire) for name, wire in wire_fields(kind).items()}


def _slot(name: str, wire: Field) -> _Slot:
    scalar = BYTES if wire.message else wire.kind
    implicit = not (wire.message or wire.repeated or wire.oneof)
    return _Slot(
        name=name,
        repeated=wire.repeated,
        mapping=wire.mapping,
        oneof=wire.oneof,
        wire_type=LENGTH_DELIMITED if wire.mapping else scalar.wire_type,
        message=wire.message,
        convert=scalar.convert,
        refused=scalar.default if implicit else object(),
    )


def _read_message(kind: type[Message], data: bytes, *, depth: int) -> Message:
    if depth > MAX_DEPTH:
        raise EncodingError(f"{kind.NAME}: nested deeper than {MAX_DEPTH}")
    return kind(**_read_fields(kind, data, depth=depth))


def _read_fields(kind: type[Message], data: bytes, *, depth: int) -> dict[str, Any]:
    slots = _slots(kind)  # type: ignore[arg-type] # a class can be hashed, whatever its instances can
    values: dict[str, Any] = {}
    oneofs: set[str] = set()
    position, last = 0, 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number = key >> 3
        slot = slots.get(number)
        if slot is None:
            raise EncodingError(f"unknown field {number}")
        if key & 7 != slot.wire_type:
            raise EncodingError(f"{slot.name}: wrong wire type {key & 7}")
        if number < last or (number == last and not slot.repeated):
            raise EncodingError(f"{slot.name}: a field twice or out of order")
        if slot.oneof is not None:
            if slot.oneof in oneofs:
                raise EncodingError(f"{slot.name}: a second member of oneof {slot.oneof}")
            oneofs.add(slot.oneof)
        last = number
        raw, position = _read_raw(data, position, wire_type=slot.wire_type)
        _store(values, slot, raw, depth=depth)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _store(values: dict[str, Any], slot: _Slot, raw: int | bytes, *, depth: int) -> None:
    if slot.mapping:
        key, value = _read_entry(slot, cast("bytes", raw), depth=depth)
        entries = values.setdefault(slot.name, {})
        if key in entries:
            raise EncodingError(f"{slot.name}: key {key!r} twice")
        entries[key] = value
        return
    value = _convert(slot, raw, depth=depth)
    if slot.repeated:
        values.setdefault(slot.name, []).append(value)
    elif value == slot.refused:
        raise EncodingError(f"{slot.name}: a default value written out")
    else:
        values[slot.name] = value


def _convert(slot: _Slot, raw: int | bytes, *, depth: int) -> object:
    if slot.message is not None:
        return _read_message(slot.message, cast("bytes", raw), depth=depth + 1)
    return slot.convert(raw)


def _read_entry(slot: _Slot, data: bytes, *, depth: int) -> tuple[str, object]:
    """Read a map entry: field 1 the key, field 2 the value, both written out even when they are defaults."""
    raw: list[bytes] = []
    position = 0
    for number in (1, 2):
        key, position = _read_varint(data, position)
        if key != number << 3 | LENGTH_DELIMITED:
            raise EncodingError(f"{slot.name}: a map entry is its key and its value")
        part, position = _read_raw(data, position, wire_type=LENGTH_DELIMITED)
        raw.append(cast("bytes", part))
    if position != len(data):
        raise EncodingError(f"{slot.name}: bytes after a map entry")
    return _text(raw[0]), _convert(slot, raw[1], depth=depth + 1)


def _read_raw(data: bytes, position: int, *, wire_type: int) -> tuple[int | bytes, int]:
    value, position = _read_varint(data, position)
    if wire_type == VARINT:
        return value, position
    end = position + value
    if end > len(data):
        raise EncodingError("a field ends after its message")
    return data[position:end], end


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_MAX_BYTES):
        if position + index >= len(data):
            raise EncodingError("the message ends inside a varint")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            if (byte == 0 and index) or value >> 64:
                raise EncodingError("a varint longer than needed, or than 64 bits")
            return value, position + index + 1
    raise EncodingError("a varint longer than ten bytes")
