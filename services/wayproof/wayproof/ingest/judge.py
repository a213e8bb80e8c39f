"""**Where it is decided whether a message is accepted**: by its bytes, its topic, and what is registered. Pure.

A refusal is final only where the bytes alone decide it. What is well signed but in doubt (a sequence that is missing, a
second message at the same place, a key that ended later in the stream) is accepted: whoever verifies the evidence
judges it by position. What a key signed beyond the position at which it ended can never count, and is kept as a
refusal. Where the register may merely be behind, nothing is final, and the device will send again.
"""

from dataclasses import dataclass
from functools import lru_cache

from wayproof.ingest.arrivals import OverLong
from wayproof.ingest.refusal import PlatformCode, Refused
from wayproof.ingest.registry import Device
from wayproof_verifier.telemetry import Message, Rejection, RejectionCode, Topic, decode, parse_topic, verify
from wayproof_verifier.telemetry.envelope import KEY_ID
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class House:
    """Who we are: our organisation (MSP id) and the log that we keep."""

    organisation: str
    log_id: str


def device_of(topic: str) -> str | None:
    """Return the device that a topic names, None if it is no topic of messages."""
    parsed = _parsed(topic)
    return parsed.device_id if isinstance(parsed, Topic) and parsed.kind == "messages" else None


def judge(payload: bytes | OverLong, *, topic: str, device: Device | None, house: House) -> Message | Refused:
    """Judge what was published; `device` is the registered device that the topic names. Never raises."""
    ours = our_device(topic, device, house)
    if isinstance(payload, OverLong):
        detail = f"{payload.size_bytes} bytes; at most {MAX_PAYLOAD_BYTES}"
        told = ours.device_id if isinstance(ours, Device) else None
        return Refused(RejectionCode.PAYLOAD_TOO_LARGE, detail, told, is_final=True)
    if isinstance(ours, Refused):
        return ours
    message = decode(payload, topic=topic)
    if isinstance(message, Rejection):
        return _entry(message.code, message.detail, ours, is_final=True)
    return _check_signature(message, ours) or message


def our_device(topic: str, device: Device | None, house: House) -> Device | Refused:
    """Return the device, or why what comes on this topic is not for our log."""
    parsed = _parsed(topic)
    if isinstance(parsed, Rejection):
        return Refused(parsed.code, parsed.detail)
    if parsed.kind != "messages":
        return Refused(RejectionCode.INVALID_TOPIC, "messages come on wayproof/v1/{organisation}/{device_id}/messages")
    if device is None:
        return Refused(PlatformCode.UNKNOWN_DEVICE, "the device is not registered here, or not yet")
    if {parsed.organisation, device.organisation} != {house.organisation}:
        detail = f"topic of {parsed.organisation}, device of {device.organisation}; this is {house.organisation}"
        return Refused(PlatformCode.OTHER_ORGANISATION, detail)
    if device.home_log != house.log_id:
        return Refused(PlatformCode.OTHER_LOG, f"the device's home log is {device.home_log}")
    return device


def may_be_outdated(judged: Message | Refused) -> bool:
    """Tell whether a newer record of the device could change the answer."""
    return isinstance(judged, Refused) and judged.code in _DEPEND_ON_RECORD


_DEPEND_ON_RECORD = frozenset({PlatformCode.UNKNOWN_DEVICE, PlatformCode.NOT_SIGNED, RejectionCode.WRONG_KEY})


@lru_cache(maxsize=16_384)
def _parsed(topic: str) -> Topic | Rejection:
    """Return a topic taken apart: there are few, and each comes often."""
    return parse_topic(topic)


def _check_signature(message: Message, device: Device) -> Refused | None:
    """Return why a message does not count as the device's, None if it does."""
    if message.envelope is None:
        if device.may_be_unsigned:
            return None
        return _entry(PlatformCode.NOT_SIGNED, "the device is registered with a key", device, is_final=False)
    key = device.keys.get(message.envelope.header[KEY_ID])
    if key is None:
        detail = f"no key of {device.device_id} has this key id, or not yet"
        return _entry(RejectionCode.WRONG_KEY, detail, device, is_final=False)
    rejection = verify(message, key=key)
    if rejection is not None:
        return _entry(rejection.code, rejection.detail, device, is_final=True)
    position = (message.boot, message.sequence)
    if device.has_key_ended(key.key_id, stream=message.stream, position=position):
        detail = f"the key ended before boot {message.boot} sequence {message.sequence} of {message.stream}"
        return _entry(PlatformCode.KEY_ENDED, detail, device, is_final=False)
    return None


def _entry(code: RejectionCode | PlatformCode, detail: str, device: Device, *, is_final: bool) -> Refused:
    return Refused(code, detail, device.device_id, is_entry=True, is_final=is_final)
