"""Messages: what a header may say, and packs without a signature."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_cbor import write
from support.telemetry_device import Device, Place
from support.telemetry_envelopes import PACK, sealed
from wayproof_verifier.telemetry import SENML_CBOR, Message, Reading, Rejection, RejectionCode, decode, verify
from wayproof_verifier.telemetry.cbor import DecimalFraction
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

C = RejectionCode
DEVICE = Device("reefer-7")
HASH = sha256(b"the message before").digest()
READING = Reading("temperature", 45, 1, "CEL", 1_750_000_000_000)
CBOR_PACK = write([{0: "temperature", 1: "Cel", 2: DecimalFraction(-1, 45), 6: 1_750_000_000}])
NUMBERS = st.integers(1, 2**53 - 1)


def answer(payload: bytes) -> RejectionCode | None:
    message = decode(payload, topic=DEVICE.topic)
    return message.code if isinstance(message, Rejection) else None


@given(NUMBERS, NUMBERS, st.binary(min_size=32, max_size=32), st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True))
def test_what_a_device_says_is_read(boot: int, sequence: int, previous: bytes, stream: str) -> None:
    after = (boot - 1, sequence) if sequence == 1 and any(previous) else None
    place = Place(stream, boot, sequence, previous, after)
    message = decode(DEVICE.payload(PACK, place=place), topic=DEVICE.topic)
    if (sequence == 1 and any(previous) and boot == 1) or (sequence > 1 and not any(previous)):
        assert isinstance(message, Rejection)
        assert message.code is C.INVALID_HEADER
        return
    assert isinstance(message, Message)
    assert Place(message.stream, message.boot, message.sequence, message.previous, message.after) == place
    assert (message.organisation, message.device_id) == ("ShipperMSP", "reefer-7")
    assert message.readings == (READING,)
    assert verify(message, key=DEVICE.key) is None


@pytest.mark.parametrize("after", [None, [2, 5], [1, 1]])
def test_the_three_places_of_a_message(after: list[int] | None) -> None:
    assert answer(sealed(DEVICE)) is None
    assert answer(sealed(DEVICE, boot=3, seq=1, prev=HASH, after=[2, 5])) is None
    assert answer(sealed(DEVICE, boot=3, seq=2, prev=HASH)) is None
    assert answer(sealed(DEVICE, boot=3, seq=2, prev=HASH, after=after)) is (C.INVALID_HEADER if after else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 0},
        {"seq": -1},
        {"seq": 2**53},
        {"seq": True},
        {"seq": 1.0},
        {"seq": "1"},
        {"seq": DecimalFraction(0, 1)},
        {"seq": None},
        {"boot": 0},
        {"boot": 2**53},
        {"boot": None},
        {"prev": None},
        {"prev": b""},
        {"prev": bytes(31)},
        {"prev": bytes(33)},
        {"prev": "0" * 32},
        {"kid": None},
        {"kid": bytes(31)},
        {"kid": "0" * 32},
        {"stream": None},
        {"stream": ""},
        {"stream": "Conditions"},
        {"stream": "1conditions"},
        {"stream": "s" * 33},
        {"stream": b"conditions"},
        {"stream": "conditions\n"},
        {"type": None},
        {"type": "110"},
        {"type": 110.0},
        {"extra": 1},
        {"crit": [1]},
        {"seq": 2},  # prev is zeros in the first message only
        {"seq": 1, "boot": 2, "prev": HASH},  # a boot begins, and nothing says after what
        {"seq": 1, "boot": 2, "after": [1, 1]},  # the first ever comes after nothing
        {"seq": 2, "prev": HASH, "after": [1, 1]},  # within a boot there is one message before
        {"seq": 1, "boot": 2, "prev": HASH, "after": [2, 1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [3, 1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [1, 0]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [0, 1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [1, 1, 1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": [True, 1]},
        {"seq": 1, "boot": 2, "prev": HASH, "after": {1: 1}},
        {"seq": 1, "boot": 2, "prev": HASH, "after": DecimalFraction(1, 1)},
    ],
    ids=repr,
)
def test_any_other_header_is_refused(changes: dict[str, object]) -> None:
    assert answer(sealed(DEVICE, **changes)) is C.INVALID_HEADER


@pytest.mark.parametrize("content_type", [0, 50, 60, 111, 113, -110, 2**64 - 1])
def test_other_content_types_are_refused(content_type: int) -> None:
    assert answer(sealed(DEVICE, type=content_type)) is C.UNSUPPORTED_CONTENT_TYPE


def test_a_pack_is_read_as_the_content_type_says() -> None:
    message = decode(sealed(DEVICE, CBOR_PACK, type=SENML_CBOR), topic=DEVICE.topic)
    assert isinstance(message, Message)
    assert message.readings == (READING,)
    assert answer(sealed(DEVICE, PACK, type=SENML_CBOR)) is C.MALFORMED_CBOR
    assert answer(sealed(DEVICE, CBOR_PACK)) is C.INVALID_TEXT


@pytest.mark.parametrize("pack", [PACK, b" \n" + PACK, CBOR_PACK])
def test_a_bare_pack_is_a_message_without_stream_and_signature(pack: bytes) -> None:
    message = decode(pack, topic=DEVICE.topic)
    assert isinstance(message, Message)
    assert not message.is_signed
    assert message.readings == (READING,)
    assert message.message_hash == sha256(pack).digest()
    assert (message.stream, message.boot, message.sequence, message.after) == ("", 0, 0, None)
    rejection = verify(message, key=DEVICE.key)
    assert rejection is not None
    assert rejection.code is C.BAD_SIGNATURE


def test_the_longest_payload_and_one_byte_more() -> None:
    longest = PACK + b" " * (MAX_PAYLOAD_BYTES - len(PACK))
    assert answer(longest) is None
    assert answer(longest + b" ") is C.PAYLOAD_TOO_LARGE
