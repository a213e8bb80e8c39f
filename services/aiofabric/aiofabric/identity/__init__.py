"""Identities: an organisation's certificate and the means to sign with its key."""

from aiofabric.identity.signing import Identity, Signer, low_s, private_key_signer

__all__ = ["Identity", "Signer", "low_s", "private_key_signer"]
