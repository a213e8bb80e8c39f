"""TLS certificates for names in a container network; those of `aiofabric.network` are for 127.0.0.1 only."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = dt.timedelta(days=825)
"""Renew before then: an expired certificate stops a node from being reached, not its ledger."""


def rename(folder: Path, *, host: str, authority: Path) -> None:
    """Replace the TLS certificate in a node's folder by one of the same key for a host's name.

    `folder` and `authority` hold cert.pem and key.pem; 127.0.0.1 stays a name of it, for the node's own checks.
    """
    key = load_pem_private_key((folder / "key.pem").read_bytes(), password=None)
    signing_key = load_pem_private_key((authority / "key.pem").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(signing_key, ec.EllipticCurvePrivateKey):
        raise TypeError("Fabric's TLS keys here are elliptic-curve keys")
    issuer = x509.load_pem_x509_certificate((authority / "cert.pem").read_bytes())
    names = [x509.DNSName(host), x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
    certificate = _builder(host, key=key.public_key(), issuer=issuer)
    certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
    (folder / "cert.pem").write_bytes(certificate.sign(signing_key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _builder(host: str, *, key: ec.EllipticCurvePublicKey, issuer: x509.Certificate) -> x509.CertificateBuilder:
    now = dt.datetime.now(tz=dt.UTC)
    authority = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=False,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    # Both sides: the nodes of a cluster show the same certificate as servers and as clients.
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(authority.digest, None, None), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(purposes, critical=False)
    )
