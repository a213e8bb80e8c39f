"""The log's entry: a salted commitment to one message (docs/reference/log.md).

Publishing an entry says nothing about its message to whoever lacks the salt; without salt and payload, nothing at all.
"""

from hashlib import sha256

DOMAIN = b"wayproof.entry"
VERSION = b"\x01"
SALT_BYTES = 16


def entry_preimage(salt: bytes, *, topic: str, payload: bytes, received_at_ms: int) -> bytes:
    """Return what an entry is the hash of: domain, version, then each part preceded by its length.

    `salt` is 16 random bytes kept beside the message; `received_at_ms` is the platform's clock at arrival. Raises
    ValueError for another salt length or a time that does not fit eight bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    if not 0 <= received_at_ms < 1 << 64:
        raise ValueError("received_at_ms is an epoch time in milliseconds")
    parts = (salt, topic.encode(), payload, received_at_ms.to_bytes(8))
    return DOMAIN + VERSION + b"".join(len(part).to_bytes(4) + part for part in parts)


def entry_hash(salt: bytes, *, topic: str, payload: bytes, received_at_ms: int) -> bytes:
    """Return the entry of a message: 32 bytes. Its leaf is `wayproof_contract.merkle.leaf_hash` of this."""
    preimage = entry_preimage(salt, topic=topic, payload=payload, received_at_ms=received_at_ms)
    return sha256(preimage).digest()
