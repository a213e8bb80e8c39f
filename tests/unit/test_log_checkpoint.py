"""Signed checkpoints: golden bytes, keys of others, and strict reading."""

from base64 import b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from support.log_export import KEY, ORIGIN, PRIVATE_KEY
from wayproof.log import Checkpoint, CheckpointError, VerifierKey, epoch_origin, sign_checkpoint, verify_checkpoint
from wayproof_contract.merkle import EMPTY_ROOT

HEAD = Checkpoint(ORIGIN, 70_000, sha256(b"root").digest())
NOTE = sign_checkpoint(HEAD, key=KEY, signer=PRIVATE_KEY.sign)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
GOLDEN_KEY = "logs.example/north/1+3c839d50+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
GOLDEN_TEXT = b"logs.example/north/1\n70000\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
GOLDEN_SIGNATURE = """
— logs.example/north/1 PIOdUHk9QvSwJtikI6JVtYGKzUx1W7ojXZ5HnfdPfG/xiz79zA5dPSSfOSRMbFWA3pWJ8XpLWJaiiKwetQtH41nVxg4=
""".encode()


def signed(text: bytes) -> bytes:
    """Sign any text as the log would."""
    line = b64encode(KEY.key_id + PRIVATE_KEY.sign(text)).decode()
    return text + f"\n— {KEY.name} {line}\n".encode()


def test_golden_bytes() -> None:
    assert str(KEY) == GOLDEN_KEY
    assert HEAD.text() == GOLDEN_TEXT
    assert NOTE == GOLDEN_TEXT + GOLDEN_SIGNATURE


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # golang.org/x/mod/sumdb/note
    ],
)
def test_verifier_keys_of_others_are_read(text: str) -> None:
    key = VerifierKey.parse(text)
    assert key.name == text.split("+", maxsplit=1)[0]
    assert key.key_id.hex() == text.split("+")[1]
    assert str(key) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+AhpcQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW=",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_verifier_keys_have_one_form(text: str) -> None:
    with pytest.raises(CheckpointError):
        VerifierKey.parse(text)


def test_what_is_signed_reads_back() -> None:
    assert verify_checkpoint(NOTE, key=KEY) == HEAD
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert verify_checkpoint(sign_checkpoint(empty, key=KEY, signer=PRIVATE_KEY.sign), key=KEY) == empty


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_every_changed_byte_is_refused(position: int, change: int) -> None:
    changed = NOTE[:position] + bytes([NOTE[position] ^ change]) + NOTE[position + 1 :]
    with pytest.raises(CheckpointError):
        verify_checkpoint(changed, key=KEY)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.binary().map(lambda end: NOTE + end + b"\n")))
def test_garbage_raises_nothing_else(note: bytes) -> None:
    with pytest.raises(CheckpointError):
        verify_checkpoint(note, key=KEY)


@pytest.mark.parametrize(
    "text",
    [
        HEAD.text() + b"extension\n",
        HEAD.text() + b"\n",
        HEAD.text().replace(b"\n70000\n", b"\n070000\n"),
        HEAD.text().replace(b"\n70000\n", b"\n+70000\n"),
        HEAD.text().replace(b"\n70000\n", b"\n-1\n"),
        HEAD.text().replace(b"\n70000\n", b"\n9007199254740992\n"),
        HEAD.text().replace(b"\n70000\n", b"\n" + b"9" * 5000 + b"\n"),
        HEAD.text().replace(b"\n70000\n", "\n\uff17\n".encode()),
        HEAD.text().replace(b"\n70000\n", b"\n0\n"),
        HEAD.text().replace(b"\n70000\n", b"\n70000\r\n"),
        HEAD.text().replace(b"=\n", b"\n"),
        HEAD.text().replace(b"=\n", b"==\n"),
        ORIGIN.encode() + b"\n1\n" + b64encode(bytes(31)) + b"\n",
        HEAD.text().replace(b"/1\n", b"/2\n"),
        b"\n1\n" + b64encode(bytes(32)) + b"\n",
        b"\xff\n1\n" + b64encode(bytes(32)) + b"\n",
    ],
)
def test_another_text_is_refused_although_it_is_signed(text: bytes) -> None:
    with pytest.raises(CheckpointError):
        verify_checkpoint(signed(text), key=KEY)


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (HEAD.text(), "empty line and signature lines"),
        (NOTE.removesuffix(b"\n"), "empty line and signature lines"),
        (NOTE + b"\xff\n", "not UTF-8"),
        (NOTE + b"- short dash AAAAAAA=\n", "malformed"),
        (NOTE + "— with+plus AAAAAAA=\n".encode(), "malformed"),
        (NOTE + "— no.key AAAAAA==\n".encode(), "too short"),
        (NOTE + "— no.base64 AAAA*\n".encode(), "not base64"),
        (NOTE + "— second.form AAAAAAB=\n".encode(), "second form"),
        (NOTE + "— long AAAA\n".encode() * 5000, "at most"),
    ],
)
def test_a_malformed_note_is_refused_with_its_reason(note: bytes, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        verify_checkpoint(note, key=KEY)


def test_signing_any_text_is_what_these_tests_do() -> None:
    assert signed(HEAD.text()) == NOTE


def test_signatures_of_others_are_passed_over() -> None:
    witness = VerifierKey("witness.example/w1", STRANGER.public_key().public_bytes_raw())
    same_name = VerifierKey(ORIGIN, STRANGER.public_key().public_bytes_raw())
    lines = [f"— {key.name} {b64encode(key.key_id + bytes(72)).decode()}\n" for key in (witness, same_name)]
    assert verify_checkpoint(NOTE + "".join(lines).encode(), key=KEY) == HEAD
    with pytest.raises(CheckpointError, match="not signed by"):
        verify_checkpoint(HEAD.text() + b"\n" + "".join(lines).encode(), key=KEY)


def test_every_signature_under_the_key_must_verify() -> None:
    wrong = f"— {ORIGIN} {b64encode(KEY.key_id + bytes(64)).decode()}\n".encode()
    with pytest.raises(CheckpointError, match="does not belong"):
        verify_checkpoint(NOTE + wrong, key=KEY)


def test_a_signer_that_does_not_belong_to_the_key_signs_nothing() -> None:
    with pytest.raises(CheckpointError, match="does not belong"):
        sign_checkpoint(HEAD, key=KEY, signer=STRANGER.sign)
    other_epoch = Checkpoint(epoch_origin("logs.example/north", epoch=2), HEAD.size, HEAD.root)
    with pytest.raises(CheckpointError, match="not of"):
        sign_checkpoint(other_epoch, key=KEY, signer=PRIVATE_KEY.sign)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x00b", "a\x7fb"])
def test_names_that_a_note_cannot_carry(name: str) -> None:
    with pytest.raises(CheckpointError):
        VerifierKey(name, KEY.public_key)
    with pytest.raises(CheckpointError):
        Checkpoint(name, 1, bytes(32))
