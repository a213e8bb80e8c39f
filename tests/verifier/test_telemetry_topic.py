"""Topics: built, taken apart, and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_verifier.telemetry import (
    Rejection,
    RejectionCode,
    Topic,
    decode,
    messages_topic,
    parse_topic,
    receipts_topic,
)
from wayproof_verifier.telemetry.topic import MAX_TOPIC_BYTES

ORGANISATIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}", fullmatch=True)
DEVICES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(ORGANISATIONS, DEVICES)
def test_a_topic_that_is_built_is_taken_apart_again(organisation: str, device_id: str) -> None:
    messages = messages_topic(organisation, device_id=device_id)
    receipts = receipts_topic(organisation, device_id=device_id)
    assert parse_topic(messages) == Topic(organisation, device_id, "messages")
    assert parse_topic(receipts) == Topic(organisation, device_id, "receipts")


def test_the_longest_names_fit() -> None:
    assert len(messages_topic("o" * 64, device_id="d" * 64)) <= MAX_TOPIC_BYTES


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "wayproof/v1/ShipperMSP/d",
        "wayproof/v1/ShipperMSP/d/messages/",
        "wayproof/v1/ShipperMSP/d/messages\n",
        "/wayproof/v1/ShipperMSP/d/messages",
        "wayproof/v2/ShipperMSP/d/messages",
        "wayproof/v1//d/messages",
        "wayproof/v1/ShipperMSP/+/messages",
        "wayproof/v1/ShipperMSP/#",
        "wayproof/v1/ShipperMSP/d/other",
        "wayproof/v1/Shipper/MSP/d/messages",
        "wayproof/v1/Ünternehmen/d/messages",
        "wayproof/v1/\ud800/d/messages",
        f"wayproof/v1/{'o' * 65}/d/messages",
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    parsed = parse_topic(topic)
    assert isinstance(parsed, Rejection)
    assert parsed.code is RejectionCode.INVALID_TOPIC


def test_messages_do_not_come_on_a_receipts_topic() -> None:
    answer = decode(b"[]", topic=receipts_topic("ShipperMSP", device_id="d"))
    assert isinstance(answer, Rejection)
    assert answer.code is RejectionCode.INVALID_TOPIC


@pytest.mark.parametrize(("organisation", "device_id"), [("", "d"), ("o", ""), ("o/p", "d"), ("o", "d" * 65)])
def test_names_that_no_topic_holds_are_an_error(organisation: str, device_id: str) -> None:
    with pytest.raises(ValueError, match="no topic holds"):
        messages_topic(organisation, device_id=device_id)
