"""What a device sends to have a certificate: a signing request, or a certificate that it has. Pure."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from wayproof.enrolment.errors import EnrolmentError
from wayproof_verifier.telemetry import PublicKey

MOST_BYTES = 16_384
"""Of one request or certificate in PEM."""

MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for bytes that only look like a certificate, when they are read or later."""


def requested_key(request_pem: str, *, device_id: str) -> bytes:
    """Return the public key (SubjectPublicKeyInfo DER) of a certificate signing request (PKCS #10, PEM).

    The request proves that who sends it has the private key; what else it asks for is ignored, but another device's
    name is refused. Raises EnrolmentError.
    """
    request = read_request(request_pem)
    try:
        named = [it.value for it in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except MALFORMED as error:
        raise EnrolmentError("csr: its subject cannot be read") from error
    if any(it != device_id for it in named):
        raise EnrolmentError(f"the request is for {named[0]!s}, the claim for {device_id}")
    return public_key_of(request)


def read_request(request_pem: str) -> x509.CertificateSigningRequest:
    """Read a signing request and check its signature. Raises EnrolmentError."""
    try:
        request = x509.load_pem_x509_csr(_bounded(request_pem))
        is_signed = request.is_signature_valid
    except (*MALFORMED, InvalidSignature) as error:
        raise EnrolmentError("csr: not a certificate signing request (PKCS #10) in PEM") from error
    if not is_signed:
        raise EnrolmentError("csr: not signed with the key that it names", code="proof_refused")
    return request


def read_certificate(pem: str) -> x509.Certificate:
    """Read a certificate in PEM. Raises EnrolmentError."""
    try:
        return x509.load_pem_x509_certificate(_bounded(pem))
    except MALFORMED as error:
        raise EnrolmentError("not a certificate in PEM") from error


def public_key_of(signed: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return a public key that a device may have (SubjectPublicKeyInfo DER). Raises EnrolmentError."""
    try:
        spki = signed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        PublicKey.from_spki(spki)
    except MALFORMED as error:
        raise EnrolmentError("a device's key is P-256 or Ed25519") from error
    return spki


def _bounded(pem: str) -> bytes:
    data = pem.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise EnrolmentError(f"at most {MOST_BYTES} bytes")
    return data
