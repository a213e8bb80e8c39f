"""Any bytes for what reads requests and certificates at enrolment: its own refusals, and nothing else."""

import warnings
from base64 import encodebytes
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from wayproof.enrolment.authority import Authority, new_key
from wayproof.enrolment.certificate import DeviceName, device_certificate, name_of, serial_bytes
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.proof import der, manufacturer_serial, require_signature
from wayproof.enrolment.request import public_key_of, read_certificate, requested_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = Authority.make("devices", organisation="ShipperMSP", now=NOW)
_NAME = DeviceName("ShipperMSP", "reefer-1")


def _certificate() -> x509.Certificate:
    spki = new_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return AUTHORITY.sign(device_certificate(_NAME, public_key=spki, issuer=AUTHORITY.certificate, now=NOW, days=90))


def _request(key: object, algorithm: hashes.HashAlgorithm | None) -> x509.CertificateSigningRequest:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reefer-1")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, algorithm)  # type: ignore[arg-type]  # one of the library's private keys


CERTIFICATES = (der(_certificate()), der(AUTHORITY.certificate))
"""In DER."""
REQUESTS = (
    der(_request(new_key(), hashes.SHA256())),
    der(_request(ed25519.Ed25519PrivateKey.generate(), None)),
)
"""In DER."""


def in_pem(data: bytes, *, what: str) -> str:
    """Return DER as PEM."""
    return f"-----BEGIN {what}-----\n{encodebytes(data).decode()}-----END {what}-----\n"


def read_enrolment(data: bytes) -> None:
    """Read bytes as a request and as a certificate, in PEM as they are and as the DER in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's remarks on odd certificates
        for pem in (data.decode("utf-8", "replace"), in_pem(data, what="CERTIFICATE REQUEST")):
            _read_request(pem)
        for pem in (data.decode("utf-8", "replace"), in_pem(data, what="CERTIFICATE")):
            _read_certificate(pem)


def _read_request(pem: str) -> None:
    try:
        requested_key(pem, device_id="reefer-1")
    except EnrolmentError:
        return


def _read_certificate(pem: str) -> None:
    try:
        certificate = read_certificate(pem)
    except EnrolmentError:
        return
    for use in (
        lambda: name_of(certificate),
        lambda: serial_bytes(certificate),
        lambda: public_key_of(certificate),
        lambda: require_signature(bytes(64), signed=b"", by=certificate),
        lambda: manufacturer_serial([certificate], authorities=[AUTHORITY.certificate], now=NOW),
    ):
        try:
            use()
        except EnrolmentError:
            continue
