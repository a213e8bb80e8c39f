"""The keys of a log, in PEM files that only their owner reads: made once, read at the start of a process.

The only module of this package that touches files.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from wayproof.log.checkpoint import Checkpoint, VerifierKey, epoch_origin, sign_checkpoint
from wayproof.settings import SettingsError

LogKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_OWNER_ONLY = 0o600


def generate_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """Make an Ed25519 key and write it to a new file that only its owner reads. Raises SettingsError."""
    key = ed25519.Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except FileExistsError as error:
        raise SettingsError(f"{path} is there already: a key is never overwritten; name another file") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    return key


def read_checkpoint_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """Read the Ed25519 key that signs checkpoints. Raises SettingsError."""
    key = read_receipt_key(path)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise SettingsError(f"{path} holds no Ed25519 key: checkpoints are signed with one; make it anew")
    return key


def read_receipt_key(path: Path) -> LogKey:
    """Read the key that signs receipts: Ed25519 or P-256. Raises SettingsError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:  # TypeError: it is encrypted
        raise SettingsError(f"{path} is no private key in PEM, or is encrypted") from error
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == ec.SECP256R1.name:
        return key
    raise SettingsError(f"{path} is neither an Ed25519 nor a P-256 key")


def spki(key: LogKey) -> bytes:
    """Return the SubjectPublicKeyInfo DER of a key: how the ledger names it."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign_head(key: ed25519.Ed25519PrivateKey, *, origin: str, epoch: int, size: int, root: bytes) -> bytes:
    """Return the signed checkpoint of a head of a log's epoch, as it is published. Raises CheckpointError."""
    name = epoch_origin(origin, epoch=epoch)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sign_checkpoint(Checkpoint(name, size, root), key=VerifierKey(name, public), signer=key.sign)
