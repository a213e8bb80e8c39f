"""The keys of a log in files: private, never overwritten, refused where they are of another kind."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wayproof.log.keys import generate_key, read_checkpoint_key, read_receipt_key, spki
from wayproof.settings import SettingsError


def write(path: Path, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_a_new_key_is_readable_by_its_owner_only_and_reads_back(tmp_path: Path) -> None:
    made = generate_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert spki(read_checkpoint_key(tmp_path / "key.pem")) == spki(made)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    before = spki(generate_key(tmp_path / "key.pem"))
    with pytest.raises(SettingsError, match="never overwritten"):
        generate_key(tmp_path / "key.pem")
    assert spki(read_receipt_key(tmp_path / "key.pem")) == before


def test_a_p256_key_signs_receipts_but_no_checkpoints(tmp_path: Path) -> None:
    path = write(tmp_path / "key.pem", ec.generate_private_key(ec.SECP256R1()))
    assert isinstance(read_receipt_key(path), ec.EllipticCurvePrivateKey)
    with pytest.raises(SettingsError, match="Ed25519"):
        read_checkpoint_key(path)


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read"), (b"no key", "no private key")])
def test_a_file_without_a_key_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        read_receipt_key(path)


def test_another_curve_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "key.pem", ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(SettingsError, match="P-256"):
        read_receipt_key(path)
