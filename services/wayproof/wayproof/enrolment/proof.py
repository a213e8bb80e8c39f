"""What a device signs with a key that is known already, and whether a manufacturer vouches for it. Pure.

Signed bytes begin with a text of ours, which neither a message (an array in CBOR) nor a TLS handshake (64 spaces) does.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.request import MALFORMED, public_key_of
from wayproof_verifier.telemetry import PublicKey

RENEWAL, ENROLMENT = b"wayproof renewal 1\0", b"wayproof enrolment 1\0"
FRESH_MS = 300_000
"""How far the signer's clock may be from ours."""
MOST_CHAIN = 4


def renewal_bytes(certificate_der: bytes, *, signed_at_ms: int) -> bytes:
    """Return what the owner of a certificate signs to have it renewed."""
    return RENEWAL + sha256(certificate_der).digest() + signed_at_ms.to_bytes(8)


def enrolment_bytes(request_der: bytes) -> bytes:
    """Return what the owner of a manufacturer's certificate signs to vouch for the key of a request."""
    return ENROLMENT + sha256(request_der).digest()


def require_signature(signature: bytes, *, signed: bytes, by: x509.Certificate) -> None:
    """Raise EnrolmentError unless a certificate's key made a signature of 64 bytes (P-256: r ‖ s, low s; Ed25519)."""
    if not PublicKey.from_spki(public_key_of(by)).is_valid(signature, signed=signed):
        raise EnrolmentError("the signature does not verify under the certificate's key", code="proof_refused")


def require_fresh(signed_at_ms: int, *, now_ms: int) -> None:
    """Raise EnrolmentError for what was signed too long ago, or by a clock that is too far ahead."""
    if abs(now_ms - signed_at_ms) > FRESH_MS:
        raise EnrolmentError(
            f"signed_at_ms is more than {FRESH_MS // 1000} s from our clock: set the device's", code="proof_refused"
        )


def manufacturer_serial(
    chain: Sequence[x509.Certificate], *, authorities: Sequence[x509.Certificate], now: datetime
) -> str:
    """Return the serial number that a manufacturer gave a device: its subject's `serialNumber`, else its common name.

    `chain` is the device's own certificate (an IDevID of IEEE 802.1AR) and what leads to an authority. Raises
    EnrolmentError.
    """
    if not authorities:
        raise EnrolmentError("no manufacturer's authority is accepted here", code="proof_refused")
    if not 1 <= len(chain) <= MOST_CHAIN:
        raise EnrolmentError(f"manufacturer: 1 to {MOST_CHAIN} certificates, the device's own first")
    # Devices' certificates name no host and often no usage: only their path and time is asked for, of authorities all.
    policy = (
        PolicyBuilder()
        .store(Store(list(authorities)))
        .time(now)
        .extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=ExtensionPolicy.permit_all(),
        )
    )
    try:
        policy.build_client_verifier().verify(chain[0], list(chain[1:]))
        attributes = [
            attribute
            for oid in (NameOID.SERIAL_NUMBER, NameOID.COMMON_NAME)
            for attribute in chain[0].subject.get_attributes_for_oid(oid)
        ]
    except (VerificationError, *MALFORMED) as error:
        raise EnrolmentError(
            "the manufacturer's certificate does not lead to an accepted authority", code="proof_refused"
        ) from error
    for attribute in attributes:
        return str(attribute.value)
    raise EnrolmentError("the manufacturer's certificate names no serial number", code="proof_refused")


def der(signed: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return DER bytes."""
    return signed.public_bytes(Encoding.DER)
