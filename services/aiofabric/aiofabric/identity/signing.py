"""X.509 identities and signatures as Fabric wants them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.msp import identities_pb2

from aiofabric.identity.hashing import ALGORITHMS, HashName

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973

ORDERS = {"secp256r1": P256_ORDER, "secp384r1": P384_ORDER}
"""The curves that Fabric's identities may have, and the orders of their groups (SEC 2, §2.4.2 and §2.5.1)."""

Signer = Callable[[bytes], bytes]
"""Takes the message (not its digest) and returns the signature in the form that Fabric expects."""

AsyncSigner = Callable[[bytes], Awaitable[bytes]]
"""The same where signing takes its time: an HSM, a key service. The event loop goes on meanwhile."""

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
"""A key that an identity of Fabric may have."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An organisation's member: the MSP id and the PEM certificate that the organisation issued."""

    msp_id: str
    certificate_pem: bytes

    def serialized(self) -> bytes:
        """Return the ``msp.SerializedIdentity`` bytes that Fabric calls the creator."""
        message = identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=self.certificate_pem)
        serialized: bytes = message.SerializeToString(deterministic=True)
        return serialized


def low_s(signature_der: bytes, *, order: int = P256_ORDER) -> bytes:
    """Return the ECDSA signature with S at most half the curve's order: Fabric refuses the other half."""
    r, s = decode_dss_signature(signature_der)
    return encode_dss_signature(r, min(s, order - s))


def private_key_signer(key: PrivateKey, *, hash_name: HashName | None = None) -> Signer:
    """Return a signer for a key in memory.

    Args:
        key: P-256 or P-384 (ECDSA, DER, low S), or Ed25519 (Fabric 3.0 and later, channel capability ``V3_0``).
        hash_name: what ECDSA signs the message's digest with; SHA-256 unless given. Ed25519 takes ``none`` only.

    Raises TypeError for another curve or algorithm, ValueError for a hash that the algorithm does not take.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey):
        if hash_name not in {None, "none"}:
            raise ValueError(f"Ed25519 hashes by itself: leave hash_name {hash_name!r} out, or say 'none'")
        return key.sign
    curve = getattr(key, "curve", None)  # callers without a type checker hand over RSA keys, too
    if curve is None or curve.name not in ORDERS:
        raise TypeError("a P-256, P-384 or Ed25519 key is needed: Fabric's identities have no others")
    algorithm = ALGORITHMS.get(hash_name or "sha256")
    if algorithm is None:
        raise ValueError(f"ECDSA signs a digest: {hash_name!r} is not one of {', '.join(ALGORITHMS)}")
    scheme, order = ec.ECDSA(algorithm), ORDERS[curve.name]

    def sign(message: bytes) -> bytes:
        return low_s(key.sign(message, scheme), order=order)

    return sign


def in_thread(signer: Signer) -> AsyncSigner:
    """Return a signer that runs a slow one in a thread, so that the event loop goes on meanwhile.

    Several signatures may be asked for at once, so the slow signer must bear being called from several threads.
    """

    async def sign(message: bytes) -> bytes:
        return await asyncio.to_thread(signer, message)

    return sign
