"""Certificate authorities, members and signatures for tests of the verifier's Fabric side."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fabric_protos.msp import identities_pb2, msp_config_pb2

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2036, 1, 1, tzinfo=dt.UTC)
EKU = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def raw(message: Any) -> bytes:  # noqa: ANN401 - an official message
    """Serialise an official message, maps in key order."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def p256() -> PrivateKey:
    """Make a P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def sign(
    key: PrivateKey, message: bytes, *, high_s: bool = False, algorithm: hashes.HashAlgorithm | None = None
) -> bytes:
    """Sign as Fabric wants it, or with high S as it does not."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(algorithm or hashes.SHA256())))
    order = ORDERS[key.curve.name]
    return encode_dss_signature(r, max(s, order - s) if high_s else min(s, order - s))


def pem(certificate: x509.Certificate) -> bytes:
    """Return the usual PEM form."""
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Member:
    """A certificate of an organisation with its key."""

    msp_id: str
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def serialized(self) -> bytes:
        return self.serialized_as(pem(self.certificate))

    def serialized_as(self, id_bytes: bytes) -> bytes:
        return raw(identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=id_bytes))

    def sign(self, message: bytes, *, high_s: bool = False) -> bytes:
        return sign(self.key, message, high_s=high_s)


class Authority:
    """A root or intermediate certificate authority of an organisation."""

    def __init__(self, msp_id: str, *, parent: "Authority | None" = None, name: str = "ca", **options: Any) -> None:  # noqa: ANN401
        self.msp_id = msp_id
        self.key = p256()
        self.parent = parent
        self.subject = _name(f"{name}.{msp_id}", ())
        issuer = parent or self
        self.certificate = issuer.issue(self.subject, self.key, ca=True, **options)

    def issue(
        self,
        subject: x509.Name,
        key: PrivateKey,
        *,
        ca: bool = False,
        purposes: Iterable[str] = (),
        not_before: dt.datetime = START,
        not_after: dt.datetime = END,
        subject_key: bool = True,
        path_length: int | None = None,
        critical: bool = False,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder(issuer_name=self.subject, subject_name=subject, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
            .add_extension(_usage(ca=ca), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if subject_key:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        if purposes:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([EKU[purpose] for purpose in purposes]), critical=False
            )
        if critical:
            unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5.6.7.8.9"), b"\x05\x00")
            builder = builder.add_extension(unknown, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def member(self, *units: str, key: PrivateKey | None = None, **options: Any) -> Member:  # noqa: ANN401
        key = key or p256()
        return Member(self.msp_id, self.issue(_name("member", units), key, **options), key)

    def revoke(self, *members: Member, signer: PrivateKey | None = None) -> bytes:
        """Return a revocation list in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder(issuer_name=self.subject, last_update=START, next_update=END)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for member in members:
            entry = x509.RevokedCertificateBuilder(member.certificate.serial_number, START).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(signer or self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def msp_config(self, *intermediates: "Authority", node_ous: bool = True, **more: Any) -> Any:  # noqa: ANN401
        """Return the organisation's official `FabricMSPConfig`."""
        config = msp_config_pb2.FabricMSPConfig(
            name=self.msp_id,
            root_certs=[pem(self.certificate)],
            intermediate_certs=[pem(each.certificate) for each in intermediates],
            crypto_config={"signature_hash_family": "SHA2", "identity_identifier_hash_function": "SHA256"},
            **more,
        )
        if node_ous:
            config.fabric_node_ous.enable = True
            for role in ("client", "peer", "admin", "orderer"):
                getattr(config.fabric_node_ous, f"{role}_ou_identifier").organizational_unit_identifier = role
        return config


def _name(common: str, units: Iterable[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
