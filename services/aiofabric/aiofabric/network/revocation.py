"""Revoking a certificate: an entry of a CRL in the organisation's MSP, as the channel's configuration has it.

Source: Fabric's ``msp/mspimplvalidate.go``: a CRL counts for the authority whose key identifier it names and that
signed it; the time of revocation does not count, the certificate is refused from the config block on.
"""

import datetime as dt
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.msp import msp_config_pb2

from aiofabric.network.errors import ConfigUpdateError
from aiofabric.network.plan import Layout

Message = Any

_VALID_FOR = dt.timedelta(days=3650)


def revocation_list(root: Path, *, msp_id: str, certificate_pem: bytes) -> bytes:
    """Return a CRL (PEM) of an organisation's authority with one certificate.

    Raises ConfigUpdateError if the authority did not issue it.
    """
    folder = Layout(root).organisation(msp_id) / "ca"
    authority = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), password=None)
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    if certificate.issuer != authority.subject or not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigUpdateError(f"the certificate of {certificate.subject.rfc4514_string()} is not of {msp_id}")
    now = dt.datetime.now(tz=dt.UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
    subject_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now)
        .next_update(now + _VALID_FOR)
        .add_revoked_certificate(entry)
        .add_extension(x509.AuthorityKeyIdentifier(subject_key.digest, None, None), critical=False)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def add_revocation_list(channel_group: Message, *, msp_id: str, crl_pem: bytes) -> None:
    """Add a CRL to an organisation's MSP in a channel group (``common.ConfigGroup``); those before it stay.

    Raises ConfigUpdateError if the channel has no such organisation.
    """
    organisations = channel_group.groups["Application"].groups
    if msp_id not in organisations:
        raise ConfigUpdateError(f"{msp_id} is no organisation of the channel; there are {', '.join(organisations)}")
    value = organisations[msp_id].values["MSP"]
    outer = msp_config_pb2.MSPConfig.FromString(value.value)
    inner = msp_config_pb2.FabricMSPConfig.FromString(outer.config)
    inner.revocation_list.append(crl_pem)
    outer.config = inner.SerializeToString(deterministic=True)
    value.value = outer.SerializeToString(deterministic=True)
