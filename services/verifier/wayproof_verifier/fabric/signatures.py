"""Signatures as Fabric accepts them, in one form each.

ECDSA on P-256 or P-384 over the hash that the organisation names: DER, and S at most half the order, because (r, n - s)
would be a second signature (Fabric's `bccsp/utils/ecdsa.go`). Ed25519 over the message itself.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from wayproof_verifier.errors import SignatureError

_HALF_ORDERS: Final = {  # SEC 2, section 2.4.2 and 2.5.1
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 >> 1,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
    >> 1,
}


def verify(
    key: CertificatePublicKeyTypes,
    *,
    signature: bytes,
    message: bytes,
    algorithm: hashes.HashAlgorithm,
) -> None:
    """Check a signature; raise `SignatureError` if it does not fit, or is a second form of one that would."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            _require_one_form(signature, curve=key.curve.name)
            key.verify(signature, message, ec.ECDSA(algorithm))
        else:
            raise SignatureError("the key is neither ECDSA nor Ed25519")
    except InvalidSignature as error:
        raise SignatureError("the signature does not fit its message and key") from error


def _require_one_form(signature: bytes, *, curve: str) -> None:
    half_order = _HALF_ORDERS.get(curve)
    if half_order is None:
        raise SignatureError(f"the curve {curve} is not accepted")
    try:
        r, s = decode_dss_signature(signature)
        canonical = encode_dss_signature(r, s)
    except ValueError as error:
        raise SignatureError("the signature is not DER") from error
    if canonical != signature:
        raise SignatureError("the signature is DER with something more")
    if s > half_order:
        raise SignatureError("the signature has high S: a second form of the same signature")
