"""Entries of many messages: salts from one read of the system's randomness, and what repeats is encoded once. Pure.

What an entry is, is defined by `wayproof_verifier.entry`; a test holds both equal.
"""

import secrets
import struct
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256

from wayproof_verifier.entry import DOMAIN, SALT_BYTES, VERSION

_START = DOMAIN + VERSION + SALT_BYTES.to_bytes(4)
_LENGTH = struct.Struct(">I")


def salts(count: int) -> Iterator[bytes]:
    """Yield fresh salts."""
    drawn = secrets.token_bytes(SALT_BYTES * count)
    for start in range(0, len(drawn), SALT_BYTES):
        yield drawn[start : start + SALT_BYTES]


def entry(salt: bytes, *, topic: str, payload: bytes, received_at_ms: int) -> bytes:
    """Return the entry of a message: `wayproof_verifier.entry.entry_hash`."""
    preimage = (_START, salt, _topic(topic), _LENGTH.pack(len(payload)), payload, _time(received_at_ms))
    return sha256(b"".join(preimage)).digest()


@lru_cache(maxsize=16_384)
def _topic(topic: str) -> bytes:
    encoded = topic.encode()
    return _LENGTH.pack(len(encoded)) + encoded


@lru_cache(maxsize=16)
def _time(received_at_ms: int) -> bytes:
    """Return the time's part: what came by one read has one time."""
    return _LENGTH.pack(8) + received_at_ms.to_bytes(8)
