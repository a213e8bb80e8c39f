"""The evidence file: JSON Lines, read and written as a stream (docs/reference/evidence.md).

Reading is as strict as writing: a line has one form, the lines one order, and nothing follows the last one. The
platform writes with `encode_line`, so that there is one statement of the form. Nothing here says whether a line is
*true*.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from wayproof_contract import canonical
from wayproof_verifier.entry import SALT_BYTES
from wayproof_verifier.errors import EncodingError

FORMAT = "wayproof-evidence"
MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longest accepted line: room for a block of Fabric's default `AbsoluteMaxBytes` (10 MB) in base64, with a margin."""

MAX_LEVEL = 62
"""Highest accepted subtree: a log has fewer than 2^53 leaves, so nothing above can occur."""

ReadingRow = tuple[str | int, ...]
"""`(name, value, scale, unit, observed_at_ms)`, or `(name, kind, text, observed_at_ms)` for `vb`, `vs`, `vd`.

A value beyond 2^53 - 1, for which canonical JSON has no integer, is text.
"""


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says it is about: each member is compared with the trust root, the configuration or the state."""

    channel: str
    contract: str
    genesis: bytes
    gsin: str
    ledger: str
    v: int = 1
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Config:
    """A `common.Block` with metadata slot 0 only: the genesis block, then each later config block."""

    block: bytes


@dataclass(frozen=True, slots=True)
class State:
    """The `common.Payload` of an endorsed, never submitted `read_records`."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A `common.Envelope`, in ledger order."""

    envelope: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A `common.Block` with metadata slot 0 only, from block 0 on."""

    block: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """The tree that follows: the first `size` leaves of one epoch, under the anchor `counter`.

    `consistency` holds `(from counter, to counter, proof)` between neighbouring carried anchors of the epoch.
    """

    log_id: str
    epoch: int
    counter: int
    size: int
    consistency: tuple[tuple[int, int, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A leaf that is shown: its pre-image (docs/reference/log.md) and the readings that decoding it gives."""

    index: int
    salt: bytes
    topic: str
    payload: bytes
    received_at_ms: int
    readings: tuple[ReadingRow, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """A leaf whose salt and payload were erased: its entry is all that is left."""

    index: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """A whole subtree of 2^level leaves of which nothing is shown."""

    level: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Interval:
    """What the file claims about one attachment: how many messages are shown, and which are missing.

    `attached` is the version of the shipment event that attached the device; `gaps` holds `(boot, first, last)`.
    """

    device_id: str
    stream: str
    attached: int
    messages: int
    gaps: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class End:
    """The last line: the number of lines before it."""

    lines: int


Leaf = Message | Erased | Node
Line = Header | Config | State | Transaction | Block | Log | Leaf | Interval | End


class _Codec(NamedTuple):
    """One member's form: `read` refuses with ValueError, `write` is its inverse."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def _same(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")  # noqa: TRY004 - a malformed line, not a programming error
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("expected an integer that is not negative")
    return value


def _hash(value: object) -> bytes:
    text = _text(value)
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):  # noqa: PLR2004 - SHA-256 in hex
        raise ValueError("expected 64 lower-case hex digits")
    return bytes.fromhex(text)


def _binary(value: object) -> bytes:
    text = _text(value)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected standard base64 with padding") from error
    if binascii.b2a_base64(data, newline=False).decode("ascii") != text:
        raise ValueError("base64 has unused bits that are not zero")
    return data


def _salt(value: object) -> bytes:
    salt = _binary(value)
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return salt


def _write_binary(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _constant(expected: str | int) -> _Codec:
    def read(value: object) -> str | int:
        if type(value) is not type(expected) or value != expected:
            raise ValueError(f"expected {expected!r}")
        return expected

    return _Codec(read, _same)


def _one_of(*choices: str) -> _Codec:
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return _text(value)

    return _Codec(read, _same)


def _level(value: object) -> int:
    level = _count(value)
    if level > MAX_LEVEL:
        raise ValueError(f"a level is at most {MAX_LEVEL}")
    return level


def _list(value: object, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError("expected an array" if length is None else f"expected an array of {length}")
    return value


def _gaps(value: object) -> tuple[tuple[int, int, int], ...]:
    rows = [_list(row, 3) for row in _list(value)]
    return tuple((_count(boot), _count(first), _count(last)) for boot, first, last in rows)


def _consistency(value: object) -> tuple[tuple[int, int, tuple[bytes, ...]], ...]:
    rows = [_list(row, 3) for row in _list(value)]
    return tuple((_count(old), _count(new), tuple(_hash(node) for node in _list(proof))) for old, new, proof in rows)


def _write_consistency(value: tuple[tuple[int, int, tuple[bytes, ...]], ...]) -> list[object]:
    return [[old, new, [node.hex() for node in proof]] for old, new, proof in value]


_NUMBER_ROW = (str, int, int, str, int)
_LARGE_NUMBER_ROW = (str, str, int, str, int)
_OTHER_ROW = (str, str, str, int)


def _readings(value: object) -> tuple[ReadingRow, ...]:
    rows = tuple(tuple(_list(row)) for row in _list(value))
    for row in rows:
        if tuple(map(type, row)) not in {_NUMBER_ROW, _LARGE_NUMBER_ROW, _OTHER_ROW}:
            raise ValueError(
                "a reading is [name, value, scale, unit, observed_at_ms] or [name, kind, text, observed_at_ms]"
            )
    return rows


_TEXT = _Codec(_text, _same)
_COUNT = _Codec(_count, _same)
_HASH = _Codec(_hash, bytes.hex)
_BINARY = _Codec(_binary, _write_binary)

_FORMS: dict[str, tuple[type[Line], dict[str, _Codec]]] = {
    "header": (
        Header,
        {
            "channel": _TEXT,
            "contract": _TEXT,
            "format": _constant(FORMAT),
            "genesis": _HASH,
            "gsin": _TEXT,
            "ledger": _one_of("embedded", "fabric"),
            "v": _constant(1),
        },
    ),
    "config": (Config, {"block": _BINARY}),
    "state": (State, {"payload": _BINARY}),
    "transaction": (Transaction, {"envelope": _BINARY}),
    "block": (Block, {"block": _BINARY}),
    "log": (
        Log,
        {
            "log_id": _TEXT,
            "epoch": _COUNT,
            "counter": _COUNT,
            "size": _COUNT,
            "consistency": _Codec(_consistency, _write_consistency),
        },
    ),
    "message": (
        Message,
        {
            "index": _COUNT,
            "salt": _Codec(_salt, _write_binary),
            "topic": _TEXT,
            "payload": _BINARY,
            "received_at_ms": _COUNT,
            "readings": _Codec(_readings, _same),
        },
    ),
    "erased": (Erased, {"index": _COUNT, "entry": _HASH}),
    "node": (Node, {"level": _Codec(_level, _same), "hash": _HASH}),
    "interval": (
        Interval,
        {
            "device_id": _TEXT,
            "stream": _TEXT,
            "attached": _COUNT,
            "messages": _COUNT,
            "gaps": _Codec(_gaps, _same),
        },
    ),
    "end": (End, {"lines": _COUNT}),
}
_NAMES = {form: name for name, (form, _) in _FORMS.items()}

_IN_LOG = {"log", "message", "erased", "node", "interval", "end"}
_NEXT: dict[str, set[str]] = {
    "": {"header"},
    "header": {"config"},
    "config": {"config", "state"},
    "state": {"state", "transaction"},
    "transaction": {"transaction", "block", *(_IN_LOG - {"message", "erased", "node"})},
    "block": {"block", "log", "interval", "end"},
    "log": _IN_LOG,
    "message": _IN_LOG,
    "erased": _IN_LOG,
    "node": _IN_LOG,
    "interval": {"interval", "end"},
    "end": set(),
}


class LineSource(Protocol):
    """What lines are read from: a binary stream, or whatever reads like one."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line with its newline, at most `limit` bytes of it, or nothing at the end."""
        ...


def encode_line(item: Line) -> bytes:
    """Return the one form of a line, its newline included."""
    name = _NAMES[type(item)]
    members = {key: codec.write(getattr(item, key)) for key, codec in _FORMS[name][1].items()}
    return canonical.encode({"type": name, **members}) + b"\n"


def decode_line(data: bytes) -> Line:
    """Return what `encode_line` wrote as exactly these bytes. Raises EncodingError."""
    if not data.endswith(b"\n"):
        raise EncodingError("a line does not end with a newline: the file was cut off, or is something else")
    try:
        members = canonical.decode_object(data[:-1])
        name = members.pop("type", None)
        if not isinstance(name, str) or name not in _FORMS:
            raise ValueError("the type is unknown")  # noqa: TRY301 - one refusal for every malformed line
        form, codecs = _FORMS[name]
        if members.keys() != codecs.keys():
            raise ValueError(f"the members of {name} are {', '.join(sorted(codecs))}")  # noqa: TRY301
        return form(**{key: codec.read(members[key]) for key, codec in codecs.items()})
    except ValueError as error:
        raise EncodingError(f"malformed line: {error}") from error


def read_lines(stream: LineSource) -> Iterator[tuple[int, Line]]:
    """Yield `(line number from 1, line)` in order, holding one line at a time.

    Raises EncodingError at the first line that is malformed, too long, out of order, miscounted by `end` or after it.
    """
    previous = ""
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(data) > MAX_LINE_BYTES:
            raise EncodingError(f"line {number}: longer than {MAX_LINE_BYTES} bytes")
        try:
            item = decode_line(data)
        except EncodingError as error:
            raise EncodingError(f"line {number}: {error}") from error
        name = _NAMES[type(item)]
        if name not in _NEXT[previous]:
            raise EncodingError(f"line {number}: {name} cannot follow {previous or 'the beginning'}")
        if isinstance(item, End) and item.lines != number - 1:
            raise EncodingError(f"line {number}: there are {number - 1} lines before the end, not {item.lines}")
        previous = name
        yield number, item
    if previous != "end":
        raise EncodingError(f"line {number + 1}: the end line is missing: the file was cut off")
