"""Identities: an organisation's certificate authority, its certificates, and the means to sign with their keys."""

from aiofabric.identity.authority import CertificateAuthority, IssuedIdentity, Role
from aiofabric.identity.signing import Identity, Signer, low_s, private_key_signer

__all__ = [
    "CertificateAuthority",
    "Identity",
    "IssuedIdentity",
    "Role",
    "Signer",
    "low_s",
    "private_key_signer",
]
