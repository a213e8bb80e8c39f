"""What a device's certificate says: whose it is. Pure.

The name stands in it twice: as the URI `urn:wayproof:{organisation}:{device_id}` (RFC 5280 §4.2.1.6), which is what our
programs read, and as the common name, which is what brokers can compare with a topic.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.request import MALFORMED

MOST_DAYS = 90
CLOCKS_APART = timedelta(minutes=5)
"""A certificate is valid from a little before it was made: clocks differ."""

_URI = re.compile(r"urn:wayproof:([A-Za-z0-9][A-Za-z0-9.-]{0,63}):([A-Za-z0-9][A-Za-z0-9._-]{0,63})")


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device of an organisation (MSP id)."""

    organisation: str
    device_id: str

    @property
    def uri(self) -> str:
        """The name as a URI."""
        return f"urn:wayproof:{self.organisation}:{self.device_id}"


def name_of(certificate: x509.Certificate) -> DeviceName:
    """Return whom a certificate names. Raises EnrolmentError unless it does so in both places, once, and alike."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (x509.ExtensionNotFound, *MALFORMED) as error:
        raise EnrolmentError("the certificate names no device", code="certificate_unknown") from error
    matched = _URI.fullmatch(uri)
    if matched is None or matched[2] != common.value:
        raise EnrolmentError("the certificate names no device", code="certificate_unknown")
    return DeviceName(matched[1], matched[2])


def device_certificate(
    name: DeviceName, *, public_key: bytes, issuer: x509.Certificate, now: datetime, days: int
) -> x509.CertificateBuilder:
    """Return a device's certificate, to be signed. `public_key` is SubjectPublicKeyInfo DER, `days` at most 90."""
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"1 to {MOST_DAYS} days")
    return (
        _leaf(name.device_id, organisation=name.organisation, public_key=public_key, issuer=issuer)
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(min(now + timedelta(days=days), issuer.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name.uri)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )


def service_certificate(
    common_name: str,
    *,
    organisation: str,
    hosts: x509.SubjectAlternativeName | None,
    public_key: bytes,
    issuer: x509.Certificate,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    """Return the certificate of a process of ours, or with `hosts` of a broker, to be signed."""
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if hosts is None else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        _leaf(common_name, organisation=organisation, public_key=public_key, issuer=issuer)
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(min(now + timedelta(days=days), issuer.not_valid_after_utc))
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    return builder if hosts is None else builder.add_extension(hosts, critical=False)


def _leaf(
    common_name: str, *, organisation: str, public_key: bytes, issuer: x509.Certificate
) -> x509.CertificateBuilder:
    key = load_der_public_key(public_key)
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("not a P-256 or Ed25519 key")  # noqa: TRY004 - bytes of the right type, wrong in value
    authority_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(subject(common_name, organisation=organisation))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_key),
            critical=False,
        )
    )


def subject(common_name: str, *, organisation: str) -> x509.Name:
    """Return a distinguished name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key is for: certificates and lists of revoked ones, or signatures in a handshake."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def serial_bytes(certificate: x509.Certificate) -> bytes:
    """Return a certificate's serial number as 20 bytes. Raises EnrolmentError for one that RFC 5280 does not allow."""
    try:
        return certificate.serial_number.to_bytes(20)
    except OverflowError as error:
        raise EnrolmentError("no certificate of ours has such a serial number", code="certificate_unknown") from error


def now_utc() -> datetime:
    """Return this instant to the second, as certificates have it."""
    return datetime.now(UTC).replace(microsecond=0)
