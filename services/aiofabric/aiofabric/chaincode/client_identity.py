"""Who is calling: the creator of a proposal, read from its certificate."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from fabric_protos.msp import identities_pb2

ATTRIBUTES_OID = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")
"""Fabric CA's attribute extension: raw JSON ``{"attrs": {name: value}}``."""


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """The organisation, the certificate and its attributes.

    Attributes:
        msp_id: the organisation.
        fingerprint: lower-case hex SHA-256 of the certificate's DER.
        attributes: the certificate's attributes (empty if it has none).
    """

    msp_id: str
    fingerprint: str
    attributes: Mapping[str, str]

    @classmethod
    def from_creator(cls, creator: bytes) -> "ClientIdentity":
        """Read a serialized ``msp.SerializedIdentity``. Raises ValueError if it holds no X.509 certificate."""
        serialized = identities_pb2.SerializedIdentity.FromString(creator)
        certificate = x509.load_pem_x509_certificate(serialized.id_bytes)
        return cls(
            msp_id=serialized.mspid,
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            attributes=MappingProxyType(_attributes(certificate)),
        )


def _attributes(certificate: x509.Certificate) -> dict[str, str]:
    try:
        extension = certificate.extensions.get_extension_for_oid(ATTRIBUTES_OID).value
    except x509.ExtensionNotFound:
        return {}
    if not isinstance(extension, x509.UnrecognizedExtension):
        raise ValueError("the certificate's attribute extension cannot be read")  # noqa: TRY004 - the data are wrong
    attributes = json.loads(extension.value)["attrs"]
    return {str(name): str(value) for name, value in attributes.items()}
