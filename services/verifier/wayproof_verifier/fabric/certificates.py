"""X.509 certificates as Fabric's MSP sees them: the facts of one, and the chain to a root.

Source: Fabric's `msp/mspimplsetup.go` and `mspimplvalidate.go`, which build on Go's `crypto/x509`: exactly one chain,
CA certificates with a subject key identifier, "now" one second after the leaf's not-before (expiry is no part of
validation), and Go's default key usage serverAuth where a certificate restricts its extended key usage.
"""

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from wayproof_verifier.errors import EncodingError, IdentityError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_MAX_CHAIN: Final = 8
_MALFORMED: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the rules of an MSP ask of a certificate. Two certificates are equal when their signed parts are.

    An ECDSA signature has a second form with high S, so the bytes around the signed part name nobody: Fabric rewrites
    them, we leave them out.
    """

    tbs_hash: bytes  # SHA-256 of the signed part
    parsed: x509.Certificate = field(compare=False)
    der: bytes = field(compare=False)
    public_key: CertificatePublicKeyTypes = field(compare=False)
    units: tuple[str, ...] = field(compare=False)  # organisational units of the subject
    is_ca: bool = field(compare=False)  # may issue certificates
    path_length: int | None = field(compare=False)
    for_tls_servers: bool = field(compare=False)  # extended key usage is absent, serverAuth or any
    subject_key: bytes | None = field(compare=False)  # subject key identifier
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)


def read_pem(pem: bytes) -> Certificate:
    """Read the first certificate of a PEM file as somebody saved it: for bytes that a signature or hash covers."""
    with _refusing("a certificate that is not PEM"):
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return read_der(der)


def read_der(der: bytes) -> Certificate:
    """Read a certificate; raise `EncodingError` if it is malformed or needs what we do not understand."""
    with _refusing("a malformed certificate"):
        return _facts(x509.load_der_x509_certificate(der), der)


@contextmanager
def _refusing(reason: str) -> Iterator[None]:
    """Turn what the library raises, and what it only warns of (a serial number of 0, say), into a refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            yield
    except (*_MALFORMED, CryptographyDeprecationWarning) as error:
        raise EncodingError(reason) from error


def _facts(certificate: x509.Certificate, der: bytes) -> Certificate:
    extensions = certificate.extensions
    unknown = [extension.oid.dotted_string for extension in extensions if _not_understood(extension)]
    if unknown:
        raise EncodingError(f"a certificate with critical extensions that are not understood: {', '.join(unknown)}")
    constraints = _value(extensions, x509.BasicConstraints)
    usage = _value(extensions, x509.KeyUsage)
    purposes = _value(extensions, x509.ExtendedKeyUsage)
    subject_key = _value(extensions, x509.SubjectKeyIdentifier)
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return Certificate(
        tbs_hash=hashlib.sha256(certificate.tbs_certificate_bytes).digest(),
        parsed=certificate,
        der=der,
        public_key=certificate.public_key(),
        units=tuple(str(unit.value) for unit in units),
        is_ca=constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign),
        path_length=constraints.path_length if constraints else None,
        for_tls_servers=purposes is None
        or ExtendedKeyUsageOID.SERVER_AUTH in purposes
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes,
        subject_key=subject_key.digest if subject_key else None,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _not_understood(extension: x509.Extension[x509.ExtensionType]) -> bool:
    return extension.critical and extension.oid not in _UNDERSTOOD


def _value(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


class Authorities:
    """An organisation's certificate authorities, each of which leads to a root."""

    def __init__(self, *, roots: Iterable[Certificate], intermediates: Iterable[Certificate]) -> None:
        """Take the authorities; raise `IdentityError` unless each is a CA that the rules accept."""
        self.roots = tuple(dict.fromkeys(roots))
        self.intermediates = tuple(dict.fromkeys(intermediates))
        if not self.roots:
            raise IdentityError("an organisation needs a root certificate")
        for authority in (*self.roots, *self.intermediates):
            if not authority.is_ca or authority.subject_key is None:
                raise IdentityError("an authority's certificate is no CA's, or has no subject key identifier")
        self._inner = frozenset(above for lower in self.intermediates for above in self._chain(lower)[1:])

    def chain(self, leaf: Certificate) -> tuple[Certificate, ...]:
        """Return the one chain from an identity's certificate to a root; raise `IdentityError` if there is none."""
        if leaf.is_ca:
            raise IdentityError("a CA certificate is no identity")
        chain = self._chain(leaf)
        if chain[1] in self._inner:
            raise IdentityError("the issuer also issues authorities: an identity comes from the end of the tree")
        return chain

    def _chain(self, leaf: Certificate) -> tuple[Certificate, ...]:
        found = []
        for chain in self._chains((leaf,)):
            found.append(chain)
            if len(found) > 1:
                raise IdentityError("a certificate has more than one chain to a root")
        if not found:
            raise IdentityError("a certificate does not lead to a root of its organisation")
        return found[0]

    def _chains(self, chain: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        for root in self.roots:
            if _extends(chain, root):
                yield (*chain, root)
        for intermediate in self.intermediates:
            if len(chain) < _MAX_CHAIN and intermediate not in chain and _extends(chain, intermediate):
                yield from self._chains((*chain, intermediate))


def _extends(chain: tuple[Certificate, ...], issuer: Certificate) -> bool:
    now = chain[0].not_before + timedelta(seconds=1)
    return (
        (issuer.path_length is None or len(chain) - 1 <= issuer.path_length)
        and all(link.not_before <= now <= link.not_after and link.for_tls_servers for link in (*chain, issuer))
        and issued_by(chain[-1], issuer)
    )


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Tell whether names fit and the issuer's key has signed the certificate."""
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except (*_MALFORMED, InvalidSignature):
        return False
    return True
