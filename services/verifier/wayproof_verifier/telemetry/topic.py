"""Topics: who speaks (docs/reference/telemetry.md, Topics)."""

import re
from dataclasses import dataclass

from wayproof_verifier.telemetry.rejection import RefusedError, Rejection, RejectionCode

MAX_TOPIC_BYTES = 160
"""Longest topic; the longest names make 150."""

_TOPIC = re.compile(
    r"wayproof/v1/(?P<organisation>[A-Za-z0-9][A-Za-z0-9.-]{0,63})/(?P<device_id>[A-Za-z0-9][A-Za-z0-9._-]{0,63})/"
    r"(?P<kind>messages|receipts)"
)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart: the organisation (MSP id), the device, and the direction (`messages` or `receipts`)."""

    organisation: str
    device_id: str
    kind: str


def messages_topic(organisation: str, *, device_id: str) -> str:
    """Return the topic on which a device publishes. Raises ValueError for names that no topic can hold."""
    return _build(organisation, device_id, "messages")


def receipts_topic(organisation: str, *, device_id: str) -> str:
    """Return the topic on which a device is answered. Raises ValueError for names that no topic can hold."""
    return _build(organisation, device_id, "receipts")


def parse_topic(topic: str) -> Topic | Rejection:
    """Take a topic apart; every string is answered."""
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return Rejection(
            RejectionCode.INVALID_TOPIC, "a topic is wayproof/v1/{organisation}/{device_id}/messages|receipts"
        )
    return Topic(*match.groups())


def message_source(topic: str) -> tuple[str, str]:
    """Return the organisation and device of a message's topic. Raises RefusedError."""
    parsed = parse_topic(topic)
    if isinstance(parsed, Topic) and parsed.kind == "messages":
        return parsed.organisation, parsed.device_id
    raise RefusedError(RejectionCode.INVALID_TOPIC, "messages come on wayproof/v1/{organisation}/{device_id}/messages")


def _build(organisation: str, device_id: str, kind: str) -> str:
    topic = f"wayproof/v1/{organisation}/{device_id}/{kind}"
    if _TOPIC.fullmatch(topic) is None:
        raise ValueError(f"no topic holds the organisation {organisation!r} and the device {device_id!r}")
    return topic
