"""Receipts: written, read again, and refused in any other form."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_cbor import write
from support.telemetry_device import Device
from support.telemetry_envelopes import header, seal, sealed
from wayproof_contract import canonical
from wayproof_contract.canonical import CanonicalError
from wayproof_verifier.telemetry import (
    Held,
    Receipt,
    Refused,
    Rejection,
    RejectionCode,
    decode_receipt,
    encode_receipt,
    verify_receipt,
)

C = RejectionCode
LOG = Device("log-receipt-key")
HASH = bytes(range(32))
NUMBERS = st.integers(1, 2**53 - 1)
IDENTIFIERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
HELD = st.builds(
    lambda stream, boot, ends, last: Held(stream, boot, min(ends), max(ends), last),
    st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True),
    NUMBERS,
    st.tuples(NUMBERS, NUMBERS),
    st.binary(min_size=32, max_size=32),
)
REFUSED = st.builds(Refused, st.binary(min_size=32, max_size=32), st.sampled_from([code.value for code in C]))
RECEIPTS = st.builds(
    Receipt,
    log_id=IDENTIFIERS,
    epoch=NUMBERS,
    device_id=IDENTIFIERS,
    issued_at_ms=NUMBERS,
    anchored_by_ms=NUMBERS,
    held=st.lists(HELD, max_size=3).map(tuple),
    refused=st.lists(REFUSED, max_size=3).map(tuple),
    envelope=st.none(),
)
RECEIPT = Receipt(
    "shipper-log", 1, "reefer-7", 5, 6, (Held("conditions", 1, 1, 9, HASH),), (Refused(HASH, "wrong_key"),)
)
HEADER = write({1: -8, 3: 50, 4: LOG.key.key_id})


def encoded(receipt: Receipt) -> bytes:
    return encode_receipt(receipt, algorithm="EdDSA", key_id=LOG.key.key_id, sign=LOG.sign)


def members() -> dict[str, Any]:
    receipt = decode_receipt(encoded(RECEIPT))
    assert isinstance(receipt, Receipt)
    assert receipt.envelope is not None
    return canonical.decode_object(receipt.envelope.payload)


def answer(data: bytes) -> RejectionCode | None:
    receipt = decode_receipt(data)
    if isinstance(receipt, Rejection):
        return receipt.code
    rejection = verify_receipt(receipt, key=LOG.key)
    return rejection.code if rejection else None


@given(RECEIPTS)
def test_a_receipt_is_read_as_it_was_written(receipt: Receipt) -> None:
    read = decode_receipt(encoded(receipt))
    assert isinstance(read, Receipt)
    assert replace(read, envelope=None) == receipt
    assert verify_receipt(read, key=LOG.key) is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"log_id": ""},
        {"log_id": 1},
        {"epoch": 0},
        {"epoch": True},
        {"device_id": "a/b"},
        {"issued_at_ms": -1},
        {"anchored_by_ms": "6"},
        {"held": {}},
        {"held": [1]},
        {"held": [{}]},
        {"refused": "none"},
        {"refused": [{"payload_hash": "00", "reason": "wrong_key"}]},
        {"refused": [{"payload_hash": HASH.hex(), "reason": "Wrong key"}]},
        {"extra": 1},
        *(
            {"held": [{"stream": "s", "boot": 1, "first": 1, "last": 1, "last_hash": HASH.hex()} | change]}
            for change in (
                {"stream": "S"},
                {"boot": 0},
                {"first": 0},
                {"first": 2},
                {"last": "1"},
                {"last_hash": HASH.hex().upper()},
                {"more": 1},
            )
        ),
    ],
    ids=repr,
)
def test_any_other_payload_is_refused(change: dict[str, Any]) -> None:
    assert answer(seal(LOG, HEADER, canonical.encode(members()))) is None
    assert answer(seal(LOG, HEADER, canonical.encode(members() | change))) is C.INVALID_RECEIPT


@pytest.mark.parametrize(
    "name", ["v", "log_id", "epoch", "device_id", "issued_at_ms", "anchored_by_ms", "held", "refused"]
)
def test_no_member_may_be_missing(name: str) -> None:
    rest = members()
    del rest[name]
    assert answer(seal(LOG, HEADER, canonical.encode(rest))) is C.INVALID_RECEIPT


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"\xff", b"[" * 10_000, b'{"v":1,"v":1}', b"9" * 10_000, b"NaN"]
)
def test_what_is_not_canonical_json_is_refused(payload: bytes) -> None:
    assert answer(seal(LOG, HEADER, payload)) is C.INVALID_RECEIPT
    assert answer(seal(LOG, HEADER, b" " + canonical.encode(members()))) is C.INVALID_RECEIPT


@pytest.mark.parametrize(
    ("code", "header_members"),
    [
        (C.UNSUPPORTED_CONTENT_TYPE, {1: -8, 3: 110, 4: LOG.key.key_id}),
        (C.UNSUPPORTED_CONTENT_TYPE, {1: -8, 3: 50.0, 4: LOG.key.key_id}),
        (C.INVALID_HEADER, {1: -8, 3: 50}),
        (C.INVALID_HEADER, {1: -8, 3: 50, 4: LOG.key.key_id[1:]}),
        (C.INVALID_HEADER, {1: -8, 3: 50, 4: LOG.key.key_id, "seq": 1}),
        (C.UNSUPPORTED_ALGORITHM, {1: -9, 3: 50, 4: LOG.key.key_id}),
        (C.WRONG_KEY, {1: -8, 3: 50, 4: HASH}),
    ],
)
def test_any_other_header_is_refused(code: RejectionCode, header_members: dict[Any, Any]) -> None:
    assert answer(seal(LOG, write(header_members), canonical.encode(members()))) is code


def test_a_message_is_no_receipt() -> None:
    assert answer(sealed(LOG)) is C.INVALID_HEADER
    assert header(LOG)[3] == 110


def test_every_changed_byte_is_refused_or_fails_to_verify() -> None:
    data = encoded(RECEIPT)
    for at in range(len(data)):
        assert answer(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]) is not None, at


def test_a_receipt_is_not_longer_than_a_message() -> None:
    assert answer(encoded(RECEIPT) + bytes(262_144)) is C.PAYLOAD_TOO_LARGE


def test_an_unsigned_receipt_counts_for_nothing() -> None:
    rejection = verify_receipt(RECEIPT, key=LOG.key)
    assert rejection is not None
    assert rejection.code is C.BAD_SIGNATURE


def test_a_number_that_canonical_json_does_not_hold_is_an_error() -> None:
    with pytest.raises(CanonicalError):
        encoded(replace(RECEIPT, issued_at_ms=2**53))
