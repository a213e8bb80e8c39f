"""Identities from files: a certificate and a key, or the folder that Fabric's own tools make."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aiofabric.errors import IdentityError
from aiofabric.identity.hashing import HashName
from aiofabric.identity.signing import Identity, PrivateKey, Signer, private_key_signer


def load_identity(
    msp_id: str, *, certificate: Path, key: Path, password: bytes | None = None, hash_name: HashName | None = None
) -> tuple[Identity, Signer]:
    """Read an identity and the means to sign with its key from two PEM files.

    Args:
        msp_id: the organisation's MSP id.
        certificate: file of the certificate that the organisation issued.
        key: file of its private key: PKCS#8 or SEC 1, encrypted or not.
        password: of the key, if it is encrypted.
        hash_name: see `private_key_signer`.

    Raises IdentityError if one cannot be read, or if they do not belong together. Whether the certificate is valid
    now, and the channel's, is for the peers to say.
    """
    certificate_pem = _read(certificate)
    public_key = load_certificate(certificate_pem, source=str(certificate)).public_key()
    private_key = _private_key(_read(key), path=key, password=password)
    if private_key.public_key() != public_key:
        raise IdentityError(f"{key} is not the key of {certificate}", code="KEY_MISMATCH")
    try:
        signer = private_key_signer(private_key, hash_name=hash_name)
    except TypeError as error:
        raise IdentityError(f"{key}: {error}", code="KEY_UNSUPPORTED") from error
    return Identity(msp_id, certificate_pem), signer


def load_msp_folder(
    msp_id: str, folder: Path, *, password: bytes | None = None, hash_name: HashName | None = None
) -> tuple[Identity, Signer]:
    """Read an identity from a local MSP folder: the one file in ``signcerts``, the one file in ``keystore``.

    Raises IdentityError as `load_identity` does, and if there is not exactly one file in each.
    """
    return load_identity(
        msp_id,
        certificate=_only_file(folder / "signcerts"),
        key=_only_file(folder / "keystore"),
        password=password,
        hash_name=hash_name,
    )


def load_certificate(certificate_pem: bytes, *, source: str = "the certificate") -> x509.Certificate:
    """Return the first certificate of PEM text. Raises IdentityError, which names the source."""
    try:
        return x509.load_pem_x509_certificate(certificate_pem)
    except ValueError as error:
        raise IdentityError(f"{source} is not a PEM certificate: {error}", code="CERTIFICATE_UNREADABLE") from error


def _private_key(encoded: bytes, *, path: Path, password: bytes | None) -> PrivateKey:
    try:
        key = load_pem_private_key(encoded, password=password)
    except TypeError as error:  # a password where none is needed, or none where one is
        message = "is not encrypted: leave the password out" if password else "is encrypted: give its password"
        raise IdentityError(f"{path} {message}", code="KEY_PASSWORD") from error
    except ValueError as error:
        message = "cannot be decrypted with this password" if password else "is not a PEM private key"
        raise IdentityError(f"{path} {message}", code="KEY_PASSWORD" if password else "KEY_UNREADABLE") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise IdentityError(f"{path} is not an elliptic-curve or Ed25519 key", code="KEY_UNSUPPORTED")
    return key


def _only_file(folder: Path) -> Path:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise IdentityError(f"{folder} cannot be read: {error.strerror}", code="FILE_UNREADABLE") from error
    if len(files) != 1:
        raise IdentityError(
            f"{folder} holds {len(files)} files, not one: say which with load_identity", code="AMBIGUOUS"
        )
    return files[0]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error.strerror}", code="FILE_UNREADABLE") from error
