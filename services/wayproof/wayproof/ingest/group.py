"""A group of arrivals, judged: the rows to keep, and what each device is to be told. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from wayproof.ingest.accepted import Accepted
from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.commitment import entry, salts
from wayproof.ingest.receipts import Told
from wayproof.ingest.refusal import Refused
from wayproof.store.new_message import NewMessage
from wayproof.store.rejections import NewRejection
from wayproof_verifier import telemetry


@dataclass(slots=True)
class Group:
    """What becomes of a group: rows of `message` and `rejection`, words for devices, refusals by code."""

    messages: list[NewMessage] = field(default_factory=list)
    rejections: list[NewRejection] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=lambda: defaultdict(Told))
    refused: Counter[str] = field(default_factory=Counter)


def assemble(judged: Iterable[tuple[Arrival, Accepted | Refused]]) -> Group:
    """Put a judged group together, in the order of arrival."""
    group = Group()
    pairs = list(judged)
    for (arrival, verdict), salt in zip(pairs, salts(len(pairs)), strict=True):
        if isinstance(verdict, Accepted):
            group.messages.append(_accepted(arrival, verdict, salt))
            if verdict.is_signed:
                group.told[verdict.device_id].held.append(verdict)
            continue
        group.refused[verdict.code] += 1
        payload_hash = _payload_hash(arrival)
        if verdict.is_entry and verdict.device_id is not None:
            group.messages.append(_refused(arrival, verdict, salt, device_id=verdict.device_id))
        else:
            group.rejections.append(_rejection(arrival, verdict, payload_hash=payload_hash))
        if verdict.is_final and verdict.device_id is not None:
            group.told[verdict.device_id].refused.append(telemetry.Refused(payload_hash, verdict.code))
    return group


def _accepted(arrival: Arrival, accepted: Accepted, salt: bytes) -> NewMessage:
    payload = _kept(arrival)
    topic, received_at_ms = arrival.topic, arrival.received_at_ms
    return NewMessage(
        accepted.device_id,
        received_at_ms,
        topic,
        payload,
        salt,
        entry(salt, topic=topic, payload=payload, received_at_ms=received_at_ms),
        accepted.message_hash,
        accepted.stream,
        accepted.boot,
        accepted.sequence,
        accepted.previous,
        accepted.after,
        accepted.measured,
    )


def _refused(arrival: Arrival, refused: Refused, salt: bytes, *, device_id: str) -> NewMessage:
    payload = _kept(arrival)
    return NewMessage(
        device_id=device_id,
        received_at_ms=arrival.received_at_ms,
        topic=arrival.topic,
        payload=payload,
        salt=salt,
        entry=entry(salt, topic=arrival.topic, payload=payload, received_at_ms=arrival.received_at_ms),
        message_hash=sha256(payload).digest(),
        rejection=refused.code,
    )


def _kept(arrival: Arrival) -> bytes:
    """Return the payload of an entry of the log."""
    if not isinstance(arrival.payload, bytes):
        raise TypeError("an over-long payload is no entry of the log")
    return arrival.payload


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
