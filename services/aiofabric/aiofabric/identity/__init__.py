"""Identities: an organisation's certificate authority, its certificates, and the means to sign with their keys.

Keys in a hardware security module are in `aiofabric.identity.pkcs11`, which needs the extra ``aiofabric[pkcs11]``.
"""

from aiofabric.identity.authority import CertificateAuthority, IssuedIdentity, Role
from aiofabric.identity.files import load_identity, load_msp_folder
from aiofabric.identity.hashing import HashName, digest
from aiofabric.identity.signing import (
    AsyncSigner,
    Identity,
    PrivateKey,
    Signer,
    in_thread,
    low_s,
    private_key_signer,
)

__all__ = [
    "AsyncSigner",
    "CertificateAuthority",
    "HashName",
    "Identity",
    "IssuedIdentity",
    "PrivateKey",
    "Role",
    "Signer",
    "digest",
    "in_thread",
    "load_identity",
    "load_msp_folder",
    "low_s",
    "private_key_signer",
]
