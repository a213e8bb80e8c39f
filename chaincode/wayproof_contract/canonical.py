"""Canonical encoding, version 1: every value has exactly one form (docs/reference/encoding.md).

A subset of RFC 8785 without floats and nulls. Reading is as strict as writing: what `decode` accepts, `encode` writes
again. The standard library's C scanner and encoder do the work; one walk over the value checks what they do not.
"""

import json
from typing import Any, NoReturn

MAX_INTEGER = 2**53 - 1
"""Largest magnitude of an integer: what every JSON library can hold exactly."""

MAX_DEPTH = 32
"""How deep arrays and objects may be nested; a string or an integer alone has depth 0."""


class CanonicalError(ValueError):
    """A value has no canonical form, or bytes are not the canonical form of a value."""


def encode(value: object) -> bytes:
    """Return the canonical bytes of a value made of dict, list, tuple, str, bool and int.

    A tuple is written as an array. Raises CanonicalError for anything else (floats, None, subclasses included).
    """
    _check(value)
    return _write(value)


def decode(data: bytes) -> object:
    """Return the value whose canonical form is exactly `data`. Raises CanonicalError."""
    try:
        value = _READER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CanonicalError(f"not readable as canonical JSON: {error}") from error
    _check(value)
    if _write(value) != data:
        raise CanonicalError(
            "readable, but not in canonical form: order, white space, escapes or duplicate keys differ"
        )
    return value


def decode_object(data: bytes) -> dict[str, Any]:
    """Return the object whose canonical form is exactly `data`. Raises CanonicalError for any other kind of value."""
    value = decode(data)
    if not isinstance(value, dict):
        raise CanonicalError("expected an object")
    return value


def _refuse(token: str) -> NoReturn:
    raise CanonicalError(f"only integers are numbers here, not {token[:40]}")


_READER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)

# RFC 8785 §3.2.2: the standard library's escapes are the same as long as everything printable stays literal.
_WRITER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def _write(value: object) -> bytes:
    try:
        return _WRITER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise CanonicalError("a string holds a lone surrogate") from error


def _check(value: object) -> None:
    """Check what the C code does not, one level of nesting after the other (so that no depth exhausts the stack)."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            kind = type(item)
            if kind is str or kind is bool:
                continue
            if isinstance(item, int) and kind is int:
                if not -MAX_INTEGER <= item <= MAX_INTEGER:
                    raise CanonicalError("an integer is beyond 2^53 - 1")
            elif depth == MAX_DEPTH:
                raise CanonicalError(f"nested deeper than {MAX_DEPTH}, or not a canonical value")
            elif isinstance(item, dict) and kind is dict:
                _check_keys(item)
                inner.extend(item.values())
            elif isinstance(item, list | tuple) and kind in (list, tuple):
                inner.extend(item)
            else:
                raise CanonicalError(f"{kind.__name__} has no canonical form")
        if not inner:
            return
        level = inner


def _check_keys(members: dict[Any, object]) -> None:
    for key in members:
        if type(key) is not str or not (key.isascii() and key.isprintable()):
            raise CanonicalError("a key is not a printable ASCII string")
