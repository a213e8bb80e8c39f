"""A writer of deterministic CBOR, straight from RFC 8949 §4.2.1: what the reader under test is held against."""

import struct
from typing import Any

from wayproof_verifier.telemetry.cbor import DecimalFraction


def head(major: int, number: int) -> bytes:
    for size, info in ((0, number), (1, 24), (2, 25), (4, 26), (8, 27)):
        if number < (24 if size == 0 else 1 << 8 * size):
            return bytes([major << 5 | info]) + (number.to_bytes(size) if size else b"")
    raise OverflowError


def write(value: Any) -> bytes:  # noqa: ANN401, PLR0911 - one kind after the other
    """Write the deterministic form, straight from RFC 8949 §4.2.1."""
    match value:
        case DecimalFraction():
            return b"\xc4" + write(list(value))
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case float():
            return write_float(value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(write, value))
        case dict():
            members = sorted((write(key), write(item)) for key, item in value.items())
            return head(5, len(members)) + b"".join(key + item for key, item in members)
    raise TypeError(type(value))


def write_float(number: float) -> bytes:
    for initial, form in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            short = struct.pack(form, number)
        except OverflowError:
            continue
        if struct.unpack(form, short)[0] == number:
            return bytes([initial]) + short
    return b"\xfb" + struct.pack(">d", number)
