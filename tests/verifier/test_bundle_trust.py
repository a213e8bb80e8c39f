"""The trust root file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_verifier.errors import EncodingError, VerificationError
from wayproof_verifier.trust import TrustRoot

ROOT = TrustRoot(
    channel="cold", genesis=bytes(range(32)), contract="wayproof", organisations=("CarrierMSP", "MakerMSP")
)


def changed(**members: object) -> bytes:
    return json.dumps({**json.loads(ROOT.encode()), **members}).encode()


def test_what_is_written_is_read_again() -> None:
    assert TrustRoot.decode(ROOT.encode()) == ROOT


def test_people_may_lay_it_out_as_they_like() -> None:
    assert TrustRoot.decode(json.dumps(json.loads(ROOT.encode()), indent=4).encode()) == ROOT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"v":1}',
        b"[" * 100_000,
        ROOT.encode().replace(b'"v":1', b'"v":1,"v":1'),
        ROOT.encode() + b"x",
        b" " * 70_000,
        changed(v=2),
        changed(v=True),
        changed(more=1),
        changed(genesis="00"),
        changed(genesis="AB" * 32),
        changed(genesis=1),
        changed(channel=""),
        changed(contract=None),
        changed(organisations=[]),
        changed(organisations=["A", "A"]),
        changed(organisations=["A", 1]),
        changed(organisations="A"),
        changed(endorsement_policy=1.5),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError, match="the trust root cannot be used"):
        TrustRoot.decode(data)


@given(st.binary(max_size=100))
def test_garbage_raises_nothing_but_a_verification_error(data: bytes) -> None:
    with pytest.raises(VerificationError):
        TrustRoot.decode(data)
