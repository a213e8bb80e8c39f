"""A group of arrivals, judged: the rows to keep, and what each device is to be told. Pure."""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.receipts import Told
from wayproof.ingest.refusal import Refused
from wayproof.store.messages import NewMessage
from wayproof.store.rejections import NewRejection
from wayproof_verifier import telemetry
from wayproof_verifier.entry import SALT_BYTES, entry_hash
from wayproof_verifier.telemetry import Message


@dataclass(slots=True)
class Group:
    """What becomes of a group: rows of `message` and `rejection`, words for devices, refusals by code."""

    messages: list[NewMessage] = field(default_factory=list)
    rejections: list[NewRejection] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=lambda: defaultdict(Told))
    refused: Counter[str] = field(default_factory=Counter)


def assemble(judged: Iterable[tuple[Arrival, Message | Refused]]) -> Group:
    """Put a judged group together, in the order of arrival."""
    group = Group()
    for arrival, verdict in judged:
        if isinstance(verdict, Message):
            group.messages.append(_accepted(arrival, verdict))
            if verdict.is_signed:
                group.told[verdict.device_id].held.append(verdict)
            continue
        group.refused[verdict.code] += 1
        payload_hash = _payload_hash(arrival)
        if verdict.is_entry and verdict.device_id is not None:
            group.messages.append(_refused(arrival, verdict, device_id=verdict.device_id))
        else:
            group.rejections.append(_rejection(arrival, verdict, payload_hash=payload_hash))
        if verdict.is_final and verdict.device_id is not None:
            group.told[verdict.device_id].refused.append(telemetry.Refused(payload_hash, verdict.code))
    return group


def _accepted(arrival: Arrival, message: Message) -> NewMessage:
    topic, payload, salt, entry = _commitment(arrival)
    return NewMessage(
        device_id=message.device_id,
        received_at_ms=arrival.received_at_ms,
        topic=topic,
        payload=payload,
        salt=salt,
        entry=entry,
        message_hash=message.message_hash,
        stream=message.stream,
        boot=message.boot,
        sequence=message.sequence,
        previous=message.previous if message.is_signed else None,
        after=message.after,
        readings=message.readings,
    )


def _refused(arrival: Arrival, refused: Refused, *, device_id: str) -> NewMessage:
    topic, payload, salt, entry = _commitment(arrival)
    return NewMessage(
        device_id=device_id,
        received_at_ms=arrival.received_at_ms,
        topic=topic,
        payload=payload,
        salt=salt,
        entry=entry,
        message_hash=sha256(payload).digest(),
        rejection=refused.code,
    )


def _commitment(arrival: Arrival) -> tuple[str, bytes, bytes, bytes]:
    """Return topic, payload, a fresh salt, and the entry that commits to them."""
    if not isinstance(arrival.payload, bytes):
        raise TypeError("an over-long payload is no entry of the log")
    salt = secrets.token_bytes(SALT_BYTES)
    entry = entry_hash(salt, topic=arrival.topic, payload=arrival.payload, received_at_ms=arrival.received_at_ms)
    return arrival.topic, arrival.payload, salt, entry


def _rejection(arrival: Arrival, refused: Refused, *, payload_hash: bytes) -> NewRejection:
    payload = arrival.payload
    return NewRejection(
        topic=arrival.topic,
        payload_hash=payload_hash,
        payload_size=len(payload) if isinstance(payload, bytes) else payload.size_bytes,
        payload=payload if isinstance(payload, bytes) else None,
        code=refused.code,
        detail=refused.detail,
        received_at_ms=arrival.received_at_ms,
    )


def _payload_hash(arrival: Arrival) -> bytes:
    payload = arrival.payload
    return sha256(payload).digest() if isinstance(payload, bytes) else payload.payload_hash
