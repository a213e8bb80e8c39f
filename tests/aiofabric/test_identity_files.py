"""Identities from files: what is read, and what is said of files that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from aiofabric.errors import IdentityError
from aiofabric.identity import CertificateAuthority, IssuedIdentity, load_identity, load_msp_folder

PASSWORD = b"open sesame"
AUTHORITY = CertificateAuthority.create("Org1MSP")
ALICE = AUTHORITY.issue("alice", role="client")
BOB = AUTHORITY.issue("bob", role="client")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, ALICE)


def write(folder: Path, issued: IssuedIdentity) -> Path:
    (folder / "cert.pem").write_bytes(issued.certificate_pem)
    (folder / "key.pem").write_bytes(issued.key_pem)
    return folder


def load(folder: Path, password: bytes | None = None) -> object:
    return load_identity("Org1MSP", certificate=folder / "cert.pem", key=folder / "key.pem", password=password)


def rewrite_key(folder: Path, kind: PrivateFormat, password: bytes | None = None) -> None:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    key = load_pem_private_key(ALICE.key_pem, password=None)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, kind, encryption))


def assert_signs(signer: Callable[[bytes], bytes]) -> None:
    public_key = x509.load_pem_x509_certificate(ALICE.certificate_pem).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    public_key.verify(signer(b"message"), b"message", ec.ECDSA(hashes.SHA256()))


def test_a_certificate_and_its_key(folder: Path) -> None:
    identity, signer = load_identity("Org1MSP", certificate=folder / "cert.pem", key=folder / "key.pem")
    assert (identity.msp_id, identity.certificate_pem) == ("Org1MSP", ALICE.certificate_pem)
    assert_signs(signer)


@pytest.mark.parametrize("kind", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_in_either_form(folder: Path, kind: PrivateFormat) -> None:
    rewrite_key(folder, kind, PASSWORD)
    _, signer = load_identity("Org1MSP", certificate=folder / "cert.pem", key=folder / "key.pem", password=PASSWORD)
    assert_signs(signer)


def test_a_key_in_the_older_form(folder: Path) -> None:
    rewrite_key(folder, PrivateFormat.TraditionalOpenSSL)
    _, signer = load_identity("Org1MSP", certificate=folder / "cert.pem", key=folder / "key.pem")
    assert_signs(signer)


def test_the_folder_that_fabrics_tools_make(tmp_path: Path) -> None:
    for name, content in (("signcerts/cert.pem", ALICE.certificate_pem), ("keystore/1234_sk", ALICE.key_pem)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    (tmp_path / "keystore" / ".hidden").touch()
    identity, signer = load_msp_folder("Org1MSP", tmp_path)
    assert identity.certificate_pem == ALICE.certificate_pem
    assert_signs(signer)
    (tmp_path / "keystore" / "5678_sk").write_bytes(BOB.key_pem)
    with pytest.raises(IdentityError, match="holds 2 files") as raised:
        load_msp_folder("Org1MSP", tmp_path)
    assert raised.value.code == "AMBIGUOUS"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IdentityError) as raised:
        load_msp_folder("Org1MSP", tmp_path)
    assert raised.value.code == "FILE_UNREADABLE"


def rsa_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def other_curve(folder: Path) -> None:
    """Put a pair on a curve that Fabric does not know."""
    key = ec.generate_private_key(ec.SECP521R1())
    (folder / "cert.pem").write_bytes(AUTHORITY.issue_for(key.public_key(), "alice", role="client"))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("spoil", "password", "code"),
    [
        pytest.param(lambda folder: (folder / "cert.pem").unlink(), None, "FILE_UNREADABLE", id="no-certificate"),
        pytest.param(lambda folder: (folder / "key.pem").unlink(), None, "FILE_UNREADABLE", id="no-key"),
        pytest.param(
            lambda folder: (folder / "cert.pem").write_bytes(ALICE.key_pem),
            None,
            "CERTIFICATE_UNREADABLE",
            id="not-a-certificate",
        ),
        pytest.param(
            lambda folder: (folder / "key.pem").write_bytes(ALICE.certificate_pem),
            None,
            "KEY_UNREADABLE",
            id="not-a-key",
        ),
        pytest.param(
            lambda folder: (folder / "key.pem").write_bytes(BOB.key_pem), None, "KEY_MISMATCH", id="another-ones-key"
        ),
        pytest.param(lambda folder: (folder / "key.pem").write_bytes(rsa_key()), None, "KEY_UNSUPPORTED", id="rsa-key"),
        pytest.param(other_curve, None, "KEY_UNSUPPORTED", id="curve-of-521-bits"),
        pytest.param(
            lambda folder: rewrite_key(folder, PrivateFormat.PKCS8, PASSWORD), None, "KEY_PASSWORD", id="no-password"
        ),
        pytest.param(
            lambda folder: rewrite_key(folder, PrivateFormat.PKCS8, PASSWORD),
            b"wrong",
            "KEY_PASSWORD",
            id="wrong-password",
        ),
        pytest.param(lambda _: None, PASSWORD, "KEY_PASSWORD", id="password-for-nothing"),
    ],
)
def test_what_cannot_be_used_is_said(
    folder: Path, spoil: Callable[[Path], object], password: bytes | None, code: str
) -> None:
    spoil(folder)
    with pytest.raises(IdentityError, match=r"\.pem") as raised:
        load(folder, password)
    assert raised.value.code == code
    assert PASSWORD.decode() not in str(raised.value)
