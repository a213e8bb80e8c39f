"""Certificate authorities as Fabric's MSP wants them (NodeOUs, attribute extension, low-S issuer signatures)."""

import datetime as dt
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from aiofabric.identity.signing import P256_ORDER

Role = Literal["client", "peer", "admin", "orderer"]
"""The NodeOU of an identity: exactly one organisational unit of its subject says what it is."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
"""A key that an identity of Fabric may have."""

ATTRIBUTES_OID = ObjectIdentifier("1.2.3.4.5.6.7.8.1")
VALID_FOR = dt.timedelta(days=3650)
CLOCK_SKEW = dt.timedelta(hours=1)  # certificates begin a little in the past: clocks differ


@dataclass(frozen=True, slots=True)
class IssuedIdentity:
    """A certificate and the private key that belongs to it, both PEM (the key unencrypted PKCS#8)."""

    certificate_pem: bytes
    key_pem: bytes


class CertificateAuthority:
    """A root of one organisation: P-256, ECDSA with SHA-256. Its certificates are what a channel pins."""

    def __init__(self, certificate_pem: bytes, *, key_pem: bytes) -> None:
        key = serialization.load_pem_private_key(key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the key of a certificate authority must be an elliptic-curve key")
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(certificate_pem)
        self.certificate_pem = certificate_pem
        self.key_pem = key_pem

    @classmethod
    def create(cls, organisation: str, *, purpose: str = "ca") -> "CertificateAuthority":
        """Make a new self-signed root, named after its organisation and purpose."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{purpose}.{organisation}", organisation=organisation)
        builder = _builder(name, issuer=name, key=key.public_key(), valid_for=VALID_FOR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(is_authority=True), critical=True)
        return cls(_sign_low_s(builder, key), key_pem=_key_pem(key))

    def issue(
        self,
        common_name: str,
        *,
        role: Role,
        attributes: Mapping[str, str] | None = None,
        valid_for: dt.timedelta = VALID_FOR,
    ) -> IssuedIdentity:
        """Issue an enrolment certificate: the role as organisational unit, attributes as Fabric CA writes them.

        A negative ``valid_for`` is refused; a short one lets tests see a certificate expire.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue_for(
            key.public_key(), common_name, role=role, attributes=attributes, valid_for=valid_for
        )
        return IssuedIdentity(certificate, _key_pem(key))

    def issue_for(
        self,
        public_key: PublicKey,
        common_name: str,
        *,
        role: Role,
        attributes: Mapping[str, str] | None = None,
        valid_for: dt.timedelta = VALID_FOR,
    ) -> bytes:
        """Issue an enrolment certificate (PEM) for a key that stays where it is, in a token for instance."""
        builder = self._leaf(_name(common_name, unit=role), key=public_key, valid_for=valid_for)
        if attributes:
            value = json.dumps({"attrs": dict(attributes)}, sort_keys=True, separators=(",", ":")).encode()
            builder = builder.add_extension(x509.UnrecognizedExtension(ATTRIBUTES_OID, value), critical=False)
        return _sign_low_s(builder, self._key)

    def issue_tls(self, common_name: str) -> IssuedIdentity:
        """Issue a TLS certificate for a server on this machine (SAN ``localhost`` and ``127.0.0.1``)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        )
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = self._leaf(_name(common_name), key=key.public_key(), valid_for=VALID_FOR)
        builder = builder.add_extension(names, critical=False).add_extension(usages, critical=False)
        return IssuedIdentity(_sign_low_s(builder, self._key), _key_pem(key))

    def _leaf(self, name: x509.Name, *, key: PublicKey, valid_for: dt.timedelta) -> x509.CertificateBuilder:
        builder = _builder(name, issuer=self._certificate.subject, key=key, valid_for=valid_for)
        authority = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_authority=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier(authority.digest, None, None), critical=False)
        )


def _name(common_name: str, *, organisation: str = "", unit: str = "") -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, organisation), (NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    attributes = [x509.NameAttribute(oid, value) for oid, value in parts if value]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(name: x509.Name, *, issuer: x509.Name, key: PublicKey, valid_for: dt.timedelta) -> x509.CertificateBuilder:
    now = dt.datetime.now(tz=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign_low_s(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Sign until S is low: the MSP rewrites a high S, and then the ledger's bytes differ from the file's."""
    while True:
        certificate = builder.sign(key, hashes.SHA256())
        if decode_dss_signature(certificate.signature)[1] <= P256_ORDER // 2:
            return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
