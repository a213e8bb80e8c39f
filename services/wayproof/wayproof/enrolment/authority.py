"""An authority: a key that signs certificates, and what it signs. Keys lie in files that only their owner reads."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from wayproof.enrolment.certificate import CLOCKS_APART, key_usage, subject
from wayproof.enrolment.errors import EnrolmentError

AUTHORITY_DAYS = 3650
LIST_DAYS = 30
"""How long a list of revoked certificates counts. A broker that got no newer one refuses everybody after that."""

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificate and P-256 key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str, *, organisation: str, now: datetime) -> Self:
        """Make a new one that signs leaves only."""
        key = new_key()
        named = subject(name, organisation=organisation)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(named)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCKS_APART)
            .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def read(cls, certificate: Path, key: Path) -> Self:
        """Read it from PEM files. Raises EnrolmentError."""
        try:
            own = load_pem_private_key(key.read_bytes(), password=None)
            read = x509.load_pem_x509_certificate(certificate.read_bytes())
        except OSError as error:
            raise EnrolmentError(
                f"{error.filename} cannot be read; `wayproof device authority` makes it", code="authority_missing"
            ) from error
        except (ValueError, TypeError) as error:
            raise EnrolmentError(f"{certificate} and {key} are no authority", code="authority_missing") from error
        if not isinstance(own, ec.EllipticCurvePrivateKey) or read.public_key() != own.public_key():
            raise EnrolmentError(f"{key} is not the P-256 key of {certificate}", code="authority_missing")
        return cls(read, own)

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate."""
        return builder.sign(self.key, hashes.SHA256())

    def revoked(self, serial_numbers: Iterable[int], *, number: int, now: datetime) -> bytes:
        """Return the list of revoked certificates (RFC 5280 §5) in PEM; `number` grows from one to the next."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - CLOCKS_APART)
            .next_update(now + timedelta(days=LIST_DAYS))
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for serial_number in sorted(serial_numbers):
            revoked = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(now)
            builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key to a new file that only its owner reads. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
