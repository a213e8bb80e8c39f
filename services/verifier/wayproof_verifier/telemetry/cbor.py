"""Deterministic CBOR (RFC 8949 §4.2.1), read strictly: one value, one encoding, nothing after it.

A reader of our own, because strictness is the point of it and cbor2 cannot be made strict: it takes longer-than-needed
integers and floats, unsorted maps, bytes after the value and some thirty tags (dates, shared references, regular
expressions); its canonical encoder sorts keys by length first (RFC 7049), so encoding again and comparing is no test
either. Tests hold this reader equal to cbor2 on everything that both accept.

Only what a message can hold is accepted: integers, byte and text strings, arrays, maps with integer or text keys,
false, true, floats, and decimal fractions (tag 4).
"""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

MAX_DEPTH = 8
"""How deep arrays, maps and tags may be nested; also the bound on this module's recursion."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)  # major types (RFC 8949 §3.1)
_IN_ONE_BYTE, _IN_NINE_BYTES, _INDEFINITE = 24, 27, 31  # what the low five bits of a head say (RFC 8949 §3)
_SMALLEST = (24, 1 << 8, 1 << 16, 1 << 32)  # the least number that needs 1, 2, 4, 8 more bytes
_DECIMAL_FRACTION_TAG = 4
_PAIR = b"\x82"  # the head of an array of two
_TRUE, _FALSE, _HALF, _SINGLE, _DOUBLE = 21, 20, 25, 26, 27


class DecimalFraction(NamedTuple):
    """Tag 4 (RFC 8949 §3.4.4): mantissa · 10^exponent. Nothing is computed, so no exponent is too large to read."""

    exponent: int
    mantissa: int


def read(data: bytes) -> object:
    """Return the value whose deterministic encoding is exactly `data`. Raises RefusedError."""
    value, end = _item(data, 0, MAX_DEPTH)
    if end != len(data):
        raise _malformed("bytes follow the value")
    return value


def head(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the head of an item: its major type, its argument, and where its content starts. Raises RefusedError."""
    if at >= len(data):
        raise _malformed("the data end too early")
    initial = data[at]
    argument = initial & 31
    if argument < _IN_ONE_BYTE:
        return initial >> 5, argument, at + 1
    if argument > _IN_NINE_BYTES:
        if argument == _INDEFINITE:
            raise RefusedError(RejectionCode.NON_DETERMINISTIC_CBOR, "an indefinite length, or a lone break")
        raise _malformed("a reserved head (RFC 8949 §3)")
    start = at + 1
    at = start + (1 << (argument - _IN_ONE_BYTE))
    if at > len(data):
        raise _malformed("the data end too early")
    number = int.from_bytes(data[start:at])
    if initial >> 5 == _SIMPLE:  # the argument is a float's bits, and their number its precision
        return _SIMPLE, number, at
    if number < _SMALLEST[argument - _IN_ONE_BYTE]:
        raise _non_deterministic("a length or integer takes more bytes than it needs")
    return initial >> 5, number, at


def _item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if at < len(data) and data[at] & 31 < _IN_ONE_BYTE:  # most heads are one byte: not worth a call
        major, argument, start = data[at] >> 5, data[at] & 31, at + 1
    else:
        major, argument, start = head(data, at)
    if major == _UNSIGNED:
        return argument, start
    if major == _NEGATIVE:
        return -1 - argument, start
    if major <= _TEXT:
        end = start + argument
        if end > len(data):
            raise _malformed("the data end too early")
        return (text(data[start:end]) if major == _TEXT else data[start:end]), end
    if major == _SIMPLE:
        return _simple_or_float(data[at] & 31, data[at + 1 : start]), start
    if depth == 0:
        raise _too_deep()
    return _CONTAINERS[major](data, start, argument, depth - 1)


def _array(data: bytes, at: int, length: int, depth: int) -> tuple[list[object], int]:
    _refuse_impossible_length(length, len(data) - at)
    values: list[object] = []
    for _ in range(length):
        value, at = _item(data, at, depth)
        values.append(value)
    return values, at


def _map(data: bytes, at: int, length: int, depth: int) -> tuple[dict[int | str, object], int]:
    _refuse_impossible_length(2 * length, len(data) - at)
    values: dict[int | str, object] = {}
    last_key = b""
    for _ in range(length):
        key, end = _item(data, at, depth)
        if type(key) is not int and type(key) is not str:
            raise _malformed("a map's key is neither an integer nor text")
        encoded_key = data[at:end]
        if encoded_key <= last_key:
            if encoded_key == last_key:
                raise RefusedError(RejectionCode.DUPLICATE_KEY, f"the key {key!r:.40} is there twice")
            raise _non_deterministic("a map's keys are not sorted by their encoded bytes")
        last_key = encoded_key
        values[key], at = _item(data, end, depth)
    return values, at


def _tagged(data: bytes, at: int, tag: int, depth: int) -> tuple[DecimalFraction, int]:
    if tag != _DECIMAL_FRACTION_TAG:
        raise _malformed(f"tag {tag} has no place in a message")
    if data[at : at + 1] != _PAIR:
        raise _malformed("a decimal fraction is an array of two integers")
    if depth == 0:
        raise _too_deep()
    exponent, at = _integer(data, at + 1)
    mantissa, at = _integer(data, at)
    return DecimalFraction(exponent, mantissa), at


def _integer(data: bytes, at: int) -> tuple[int, int]:
    major, argument, start = head(data, at)
    if major > _NEGATIVE:
        raise _malformed("a decimal fraction is an array of two integers")
    return (-1 - argument if major else argument), start


_CONTAINERS: Mapping[int, Callable[[bytes, int, int, int], tuple[object, int]]] = {
    _ARRAY: _array,
    _MAP: _map,
    _TAG: _tagged,
}


def _simple_or_float(kind: int, content: bytes) -> bool | float:
    if kind in (_FALSE, _TRUE):
        return kind == _TRUE
    if kind == _HALF:
        number: float = struct.unpack(">e", content)[0]
        return number
    if kind == _SINGLE:
        number = struct.unpack(">f", content)[0]
        if _fits(">e", number):
            raise _non_deterministic("a float takes more bytes than it needs")
        return number
    if kind == _DOUBLE:
        number = struct.unpack(">d", content)[0]
        if _fits(">f", number):
            raise _non_deterministic("a float takes more bytes than it needs")
        return number
    raise _malformed("null, undefined and other simple values have no place in a message")


def _fits(form: str, number: float) -> bool:
    """Whether a shorter float is the same number; an infinity and NaN always have a shorter form."""
    try:
        shorter: float = struct.unpack(form, struct.pack(form, number))[0]
    except OverflowError:
        return False
    return shorter == number or number != number  # noqa: PLR0124 - NaN


def text(data: bytes) -> str:
    """Decode UTF-8 without U+0000, which databases do not hold. Raises RefusedError."""
    try:
        value = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(RejectionCode.INVALID_TEXT, f"not UTF-8 at byte {error.start}") from error
    if "\0" in value:
        raise RefusedError(RejectionCode.INVALID_TEXT, "U+0000 has no place in text")
    return value


def _refuse_impossible_length(items: int, available: int) -> None:
    """Every item takes at least a byte: a length beyond the data is refused before anything is made of it."""
    if items > available:
        raise _malformed("the data end too early")


def _too_deep() -> RefusedError:
    return RefusedError(RejectionCode.TOO_DEEP, f"nested more than {MAX_DEPTH} deep")


def _malformed(detail: str) -> RefusedError:
    return RefusedError(RejectionCode.MALFORMED_CBOR, detail)


def _non_deterministic(detail: str) -> RefusedError:
    return RefusedError(RejectionCode.NON_DETERMINISTIC_CBOR, detail)
