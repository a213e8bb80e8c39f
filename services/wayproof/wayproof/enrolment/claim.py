"""One-time tokens. Pure but for the randomness."""

import secrets
from hashlib import sha256

TOKEN_BYTES = 32


def new_token() -> str:
    """Return a token of 256 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return how a token is stored: as its SHA-256. It is random, so nothing slower is needed."""
    return sha256(token.encode("utf-8", "replace")).digest()
