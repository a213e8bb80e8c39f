"""The judgement on a message: by its bytes, its topic and the register; final only where the bytes decide it."""

from dataclasses import replace

import pytest

from support.telemetry_device import Device as Sender
from support.telemetry_device import json_pack
from support.telemetry_envelopes import sealed
from wayproof.ingest.arrivals import OverLong, bounded
from wayproof.ingest.judge import House, device_of, judge, may_be_outdated
from wayproof.ingest.refusal import PlatformCode, Refused
from wayproof.ingest.registry import Device, ready
from wayproof.store.devices import RegisteredDevice, RegisteredKey
from wayproof_verifier.telemetry import Message, RejectionCode
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

HOUSE = House("ShipperMSP", "shipper-log")
UNSIGNED = RegisteredKey("none", None, None, has_ended=False)


def key_of(sender: Sender, *, has_ended: bool = False) -> RegisteredKey:
    return RegisteredKey(sender.algorithm, sender.key.key_id, sender.spki, has_ended)


def registered(sender: Sender, *keys: RegisteredKey) -> Device:
    return ready(RegisteredDevice(sender.device_id, "ShipperMSP", "shipper-log", keys or (key_of(sender),)))


def refused(judged: Message | Refused) -> tuple[str, bool, bool]:
    """Return the code, whether it becomes an entry, and whether it is final."""
    assert isinstance(judged, Refused), judged
    return judged.code, judged.is_entry, judged.is_final


@pytest.fixture
def sender() -> Sender:
    return Sender("reefer-1")


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_message_under_the_registered_key_is_accepted(algorithm: str) -> None:
    sender = Sender(f"reefer-{algorithm}", algorithm=algorithm)
    judged = judge(sender.next(), topic=sender.topic, device=registered(sender), house=HOUSE)
    assert judged == sender.last["conditions"]


def test_a_message_under_a_key_that_has_ended_is_accepted(sender: Sender) -> None:
    device = registered(sender, key_of(sender, has_ended=True), key_of(Sender("its-next-key")))
    assert isinstance(judge(sender.next(), topic=sender.topic, device=device, house=HOUSE), Message)


def ending(sender: Sender, *streams: tuple[str, int, int]) -> RegisteredKey:
    last = [{"stream": name, "boot": boot, "sequence": sequence} for name, boot, sequence in streams]
    return RegisteredKey(sender.algorithm, sender.key.key_id, sender.spki, has_ended=True, last_positions=last)


def test_under_a_key_that_has_ended_counts_what_lies_before_its_end_and_nothing_else(sender: Sender) -> None:
    device = registered(sender, ending(sender, ("conditions", 1, 2)), key_of(Sender("its-next-key")))
    first, second, third = sender.next(), sender.next(), sender.next()
    elsewhere, later = sender.next(stream="position"), sender.equivocate({"humidity": "1"})
    for payload in (first, second):
        assert isinstance(judge(payload, topic=sender.topic, device=device, house=HOUSE), Message)
    for payload in (third, elsewhere, later):
        judged = judge(payload, topic=sender.topic, device=device, house=HOUSE)
        assert refused(judged) == (PlatformCode.KEY_ENDED, True, False)
    forged = third[:-1] + bytes([third[-1] ^ 1])
    assert refused(judge(forged, topic=sender.topic, device=device, house=HOUSE)) == ("bad_signature", True, True)


def test_an_equivocation_is_accepted(sender: Sender) -> None:
    sender.next()
    judged = judge(sender.equivocate({"humidity": "1"}), topic=sender.topic, device=registered(sender), house=HOUSE)
    assert isinstance(judged, Message)


def test_a_device_that_is_not_registered_may_be_in_a_moment(sender: Sender) -> None:
    judged = judge(sender.next(), topic=sender.topic, device=None, house=HOUSE)
    assert refused(judged) == (PlatformCode.UNKNOWN_DEVICE, False, False)
    assert may_be_outdated(judged)


def test_a_key_of_another_device_is_no_reason_to_give_up(sender: Sender) -> None:
    other = registered(Sender("reefer-2"))
    judged = judge(sender.next(), topic=Sender("reefer-2").topic, device=other, house=HOUSE)
    assert refused(judged) == (RejectionCode.WRONG_KEY, True, False)
    assert may_be_outdated(judged)


def test_a_forged_signature_is_final(sender: Sender) -> None:
    forger = Sender("reefer-1")
    forger.sign = Sender("a-thief").sign
    judged = judge(
        forger.payload(place=forger.next_place()), topic=sender.topic, device=registered(sender), house=HOUSE
    )
    assert refused(judged) == (RejectionCode.BAD_SIGNATURE, True, True)
    assert not may_be_outdated(judged)


def test_the_algorithm_comes_from_the_key() -> None:
    sender = Sender("reefer-1", algorithm="ES256")
    judged = judge(sealed(sender, alg=-8), topic=sender.topic, device=registered(sender), house=HOUSE)
    assert refused(judged) == (RejectionCode.WRONG_ALGORITHM, True, True)


def test_what_is_no_message_is_final_and_an_entry_of_the_log(sender: Sender) -> None:
    judged = judge(b"[" * 10_000, topic=sender.topic, device=registered(sender), house=HOUSE)
    assert refused(judged) == (RejectionCode.TOO_DEEP, True, True)


def test_an_unsigned_message_counts_only_while_the_device_is_registered_without_a_key(sender: Sender) -> None:
    pack = json_pack({"temperature": "4.5"}, observed_at_ms=1_750_000_000_000)
    without_key = registered(sender, UNSIGNED)
    accepted = judge(pack, topic=sender.topic, device=without_key, house=HOUSE)
    assert isinstance(accepted, Message)
    assert (accepted.stream, accepted.boot, accepted.sequence) == ("", 0, 0)
    for device in (
        registered(sender),
        registered(sender, replace(UNSIGNED, has_ended=True), key_of(sender)),
        registered(sender, replace(UNSIGNED, has_ended=True)),
    ):
        judged = judge(pack, topic=sender.topic, device=device, house=HOUSE)
        assert refused(judged) == (PlatformCode.NOT_SIGNED, True, False)
        assert may_be_outdated(judged)


def test_a_device_that_belongs_elsewhere_is_no_entry_of_our_log(sender: Sender) -> None:
    device = registered(sender)
    elsewhere = replace(device, organisation="CarrierMSP")
    other_log = replace(device, home_log="another-log")
    payload = sender.next()
    carrier = Sender("reefer-1", organisation="CarrierMSP").topic
    judged = [
        judge(payload, topic=sender.topic, device=elsewhere, house=HOUSE),
        judge(payload, topic=carrier, device=device, house=HOUSE),
        judge(payload, topic=sender.topic, device=other_log, house=HOUSE),
    ]
    assert [refused(it) for it in judged] == [
        (PlatformCode.OTHER_ORGANISATION, False, False),
        (PlatformCode.OTHER_ORGANISATION, False, False),
        (PlatformCode.OTHER_LOG, False, False),
    ]


@pytest.mark.parametrize(
    "topic", ["", "wayproof/v1/ShipperMSP/a b/messages", "wayproof/v1/ShipperMSP/reefer-1/receipts"]
)
def test_a_topic_that_is_none_is_no_entry(topic: str, sender: Sender) -> None:
    assert device_of(topic) is None
    judged = judge(sender.next(), topic=topic, device=None, house=HOUSE)
    assert refused(judged) == (RejectionCode.INVALID_TOPIC, False, False)


def test_of_an_over_long_payload_only_digest_and_size_are_left(sender: Sender) -> None:
    longest = bytes(MAX_PAYLOAD_BYTES)
    assert bounded(longest) is longest
    over_long = bounded(longest + b"x")
    assert isinstance(over_long, OverLong)
    assert over_long.size_bytes == MAX_PAYLOAD_BYTES + 1
    known = judge(over_long, topic=sender.topic, device=registered(sender), house=HOUSE)
    assert refused(known) == (RejectionCode.PAYLOAD_TOO_LARGE, False, True)
    assert isinstance(known, Refused)
    assert known.device_id == "reefer-1"
    stranger = judge(over_long, topic=sender.topic, device=None, house=HOUSE)
    assert isinstance(stranger, Refused)
    assert (stranger.code, stranger.device_id) == (RejectionCode.PAYLOAD_TOO_LARGE, None)
