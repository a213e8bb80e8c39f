"""The log's entry: an unambiguous pre-image, and its hash."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_verifier.entry import SALT_BYTES, entry_hash, entry_preimage

PARTS = st.tuples(
    st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=40),
    st.integers(0, 2**64 - 1),
)
Parts = tuple[bytes, str, bytes, int]
SALT = bytes(range(16))


def preimage(parts: Parts) -> bytes:
    salt, topic, payload, received_at_ms = parts
    return entry_preimage(salt, topic=topic, payload=payload, received_at_ms=received_at_ms)


def take_apart(data: bytes) -> Parts:
    """Read a pre-image as its specification says."""
    assert data.startswith(b"wayproof.entry\x01")
    at, parts = 15, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        parts.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    salt, topic, payload, received = parts
    return salt, topic.decode(), payload, int.from_bytes(received)


@given(PARTS)
def test_a_pre_image_can_be_read_in_one_way(parts: Parts) -> None:
    assert take_apart(preimage(parts)) == parts


@given(PARTS)
def test_the_entry_is_the_hash_of_the_pre_image(parts: Parts) -> None:
    salt, topic, payload, received_at_ms = parts
    entry = entry_hash(salt, topic=topic, payload=payload, received_at_ms=received_at_ms)
    assert entry == sha256(preimage(parts)).digest()


def test_bytes_do_not_move_between_the_parts() -> None:
    assert preimage((SALT, "ab", b"c", 1)) != preimage((SALT, "a", b"bc", 1))


@pytest.mark.parametrize("parts", [(SALT[1:], "t", b"", 1), (SALT, "t", b"", -1), (SALT, "t", b"", 2**64)])
def test_what_has_no_entry_is_an_error(parts: Parts) -> None:
    with pytest.raises(ValueError, match=r"salt|received_at_ms"):
        preimage(parts)
