"""**Where it is decided which refused payloads may be judged again**, and what became of them.

A replay is a delivery: the bytes that were kept, on the topic that they came on, through the broker, to ingest. Whoever
has a device's signed message can deliver it, and always could; so a replay adds no trust, and none is needed. What is
accepted has a `received_at` of now, and its leaf stands where the log is now; the refusal stays where it is. That it
was a replay, and whose, is noted beside the refusal before anything is published.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wayproof.errors import WayproofError
from wayproof.replay.publisher import Publisher
from wayproof.store.connection import Connection
from wayproof.store.replays import Place, StoredRejection, accepted, find_rejection, note_replay, refusals
from wayproof_verifier.telemetry import Message, Topic, decode, parse_topic

MAY_CHANGE = frozenset({"unknown_device", "other_organisation", "other_log", "not_signed", "wrong_key"})
"""Codes that say what was registered at the time: every other one is decided for ever, by the bytes alone or by the
ledger."""

LOOKED_EVERY_S = 0.2
SEEN_WITHIN_S = 15.0
"""How long ingest may take to judge it."""

Verdict = Literal["accepted", "refused", "not_seen"]


class NotReplayable(WayproofError):  # noqa: N818 - a state that nobody can change
    """A refused payload cannot be judged again, or to no other end."""

    code = "not_replayable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a replay; `detail` is the message's number, or the code of the new refusal."""

    verdict: Verdict
    detail: str


def require_replayable(connection: Connection, rejection_id: str, *, anyway: bool = False) -> StoredRejection:
    """Return a refused payload by its id (`other:7`, `log:7`). Raises NotReplayable.

    With `anyway`, also one that the bytes alone decided: a later version of the program may decide otherwise.
    """
    rejection = find_by_id(connection, rejection_id)
    if rejection.topic is None or rejection.payload is None:
        raise NotReplayable(
            f"{rejection_id}: its payload is not kept (over-long, dropped to keep to the limit, erased)"
        )
    if rejection.code not in MAY_CHANGE and not anyway:
        raise NotReplayable(
            f"{rejection_id}: {rejection.code} is decided for good, so it would be refused again; "
            "use --anyway where this program has changed since"
        )
    return rejection


def find_by_id(connection: Connection, rejection_id: str) -> StoredRejection:
    """Return a refused payload by its id. Raises NotReplayable with the code `not_found`."""
    kind, _, number = rejection_id.partition(":")
    if kind in ("log", "other") and number.isascii() and number.isdecimal() and len(number) < 19:  # noqa: PLR2004 - bigint
        found = find_rejection(connection, is_logged=kind == "log", number=int(number))
        if found is not None:
            return found
    raise NotReplayable(f"{rejection_id}: there is no such rejection; see `wayproof rejections list`", code="not_found")


def replay(
    connection: Connection,
    publisher: Publisher,
    rejection: StoredRejection,
    *,
    operator: str,
    clock_ns: Callable[[], int] = time.time_ns,
    within_s: float = SEEN_WITHIN_S,
) -> Outcome:
    """Publish a payload again, as `operator`, and say what became of it. Raises NotPublished."""
    if rejection.topic is None or rejection.payload is None:
        raise NotReplayable(f"rejection {rejection.number}: its payload is not kept")
    place, device_id = _place(rejection.payload, rejection.topic), _device(rejection.topic)
    before = refusals(connection, rejection, device_id=device_id)
    note_replay(connection, rejection, operator=operator, replayed_at_ms=clock_ns() // 1_000_000)
    publisher.publish(rejection.topic, rejection.payload)
    deadline = time.monotonic() + within_s
    while True:
        ingest_id = accepted(connection, place) if place else None
        if ingest_id is not None:
            return Outcome("accepted", str(ingest_id))
        for code, times in refusals(connection, rejection, device_id=device_id).items():
            if times > before.get(code, 0):
                return Outcome("refused", code)
        if time.monotonic() > deadline:
            return Outcome("not_seen", "")
        time.sleep(LOOKED_EVERY_S)


def _place(payload: bytes, topic: str) -> Place | None:
    """Return where the message would stand, None where the bytes are none."""
    message = decode(payload, topic=topic)
    if not isinstance(message, Message):
        return None
    return Place(message.device_id, message.stream, message.boot, message.sequence, message.message_hash)


def _device(topic: str) -> str | None:
    parsed = parse_topic(topic)
    return parsed.device_id if isinstance(parsed, Topic) else None
