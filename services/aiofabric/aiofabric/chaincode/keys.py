"""Keys as Fabric's shims take them: simple keys, composite keys, and the ends of ranges over either.

Source: fabric-chaincode-go ``shim/stub.go``; U+10FFFF is its ``maxUnicodeRuneValue``.
"""

from collections.abc import Iterable

COMPOSITE = "\x00"
LAST_CODE_POINT = "\U0010ffff"
FIRST_SIMPLE_KEY = "\x01"
"""What an open range starts with, so that it does not return composite keys."""


def composite_key(object_type: str, attributes: Iterable[str]) -> str:
    """Return U+0000, then the object type and each attribute followed by U+0000. Raises ValueError."""
    parts = [object_type, *attributes]
    if any(COMPOSITE in part or LAST_CODE_POINT in part for part in parts):
        raise ValueError("the parts of a composite key contain neither U+0000 nor U+10FFFF")
    if not object_type:
        raise ValueError("a composite key needs an object type")
    return COMPOSITE + "".join(part + COMPOSITE for part in parts)


def split_composite_key(key: str) -> tuple[str, list[str]]:
    """Return the object type and the attributes of a composite key. Raises ValueError."""
    if not (key.startswith(COMPOSITE) and key.endswith(COMPOSITE)) or len(key) < len("\0t\0"):
        raise ValueError(f"{key!r} is not a composite key")
    object_type, *attributes = key[1:-1].split(COMPOSITE)
    return object_type, attributes


def composite_range(object_type: str, attributes: Iterable[str]) -> tuple[str, str]:
    """Return start and end of the composite keys that begin with these attributes."""
    prefix = composite_key(object_type, attributes)
    return prefix, prefix + LAST_CODE_POINT


def simple_range(start_key: str, end_key: str) -> tuple[str, str]:
    """Return start and end of a range of simple keys; an empty end is unbounded. Raises ValueError."""
    for key in (start_key, end_key):
        key.encode()  # lone surrogates raise UnicodeEncodeError, a ValueError
        if key.startswith(COMPOSITE):
            raise ValueError("a range of simple keys must not start with U+0000")
    return start_key or FIRST_SIMPLE_KEY, end_key


def check_key(key: str) -> None:
    """Refuse what Fabric's shims refuse: an empty key, and text that is not UTF-8. Raises ValueError."""
    if not key:
        raise ValueError("a key must not be empty")
    key.encode()
    if key.startswith(COMPOSITE) and not key.endswith(COMPOSITE):
        raise ValueError("a simple key must not start with U+0000")


def check_value(key: str, value: bytes) -> None:
    """Refuse what cannot be told from an absent value. Raises TypeError and ValueError."""
    if not isinstance(value, bytes):
        raise TypeError("a value is bytes")
    if not value:
        raise ValueError(f"key {key!r}: an empty value cannot be told from an absent one; delete the key instead")
