"""Hashes under which messages are signed: by name, as `hashlib` and Fabric's official clients know them.

Fabric's MSP verifies ECDSA over SHA-256, whatever the curve, unless the organisation's ``CryptoConfig`` says ``SHA3``
(then SHA3-256); Ed25519 hashes by itself (Fabric, msp/identities.go). The other two are for verifiers that want them.
"""

import hashlib
from typing import Literal

from cryptography.hazmat.primitives import hashes

HashName = Literal["sha256", "sha384", "sha3_256", "sha3_384", "none"]
"""``none`` is for algorithms that take the message itself, such as Ed25519."""

ALGORITHMS: dict[HashName, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
}


def digest(message: bytes, *, hash_name: HashName = "sha256") -> bytes:
    """Return the digest of a message, or with ``none`` the message itself. Raises ValueError for another name."""
    if hash_name == "none":
        return message
    if hash_name not in ALGORITHMS:
        raise ValueError(f"{hash_name!r} is no hash of Fabric's: use one of {', '.join([*ALGORITHMS, 'none'])}")
    return hashlib.new(hash_name, message).digest()
