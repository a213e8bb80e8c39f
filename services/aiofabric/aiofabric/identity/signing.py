"""X.509 identities and signatures as Fabric wants them."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.msp import identities_pb2

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Signer = Callable[[bytes], bytes]
"""Takes the message (not its digest) and returns the signature in the form that Fabric expects."""


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


def low_s(signature_der: bytes) -> bytes:
    """Return the P-256 signature with S at most half the order: Fabric refuses the other half."""
    r, s = decode_dss_signature(signature_der)
    return encode_dss_signature(r, min(s, P256_ORDER - s))


def private_key_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    """Return a signer for a P-256 key: ECDSA over SHA-256, DER, low S."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("a P-256 key is needed")

    def sign(message: bytes) -> bytes:
        return low_s(key.sign(message, ec.ECDSA(hashes.SHA256())))

    return sign
