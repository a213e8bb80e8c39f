"""Refused payloads: what came that could not be accepted, and why."""

from fastapi import APIRouter

from wayproof.api.models import Answer, Hash, Instant
from wayproof.api.problems import Refusal, refusals
from wayproof.api.resources import After, Limit, Reading
from wayproof.store.rejections import ListedRejection, list_rejections

router = APIRouter(prefix="/api/v1/rejections", tags=["rejections"])

NEWEST = (2**62, True, 2**62)
"""Before every rejection."""


class Rejection(Answer):
    """A refused payload; `logged` when it came from a known device: then it is an entry of the log.

    `replayed_at_ms` is when an operator last had it judged again.
    """

    rejection_id: str
    code: str
    detail: str
    topic: str
    device_id: str | None = None
    payload_hash: Hash
    payload_size: int
    times: int
    first_received_at_ms: Instant
    last_received_at_ms: Instant
    replayed_at_ms: Instant | None = None
    logged: bool


class RejectionPage(Answer):
    """A page of refused payloads, the newest first."""

    items: list[Rejection]
    next: str | None = None


@router.get("", response_model_exclude_none=True, responses=refusals(400, 503))
def list_all(connection: Reading, after: After = None, limit: Limit = 50) -> RejectionPage:
    """List refused payloads, the newest first."""
    found = list_rejections(connection, after=_place(after), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.last_received_at_ms}:{_id(last)}" if last else None
    return RejectionPage(items=[_rejection(it) for it in found[:limit]], next=following)


def _place(cursor: str | None) -> tuple[int, bool, int]:
    if cursor is None:
        return NEWEST
    match cursor.split(":"):
        case [at_ms, "log" | "other" as kind, number] if f"{at_ms}{number}".isdecimal() and cursor.isascii():
            place = int(at_ms or 0), kind == "log", int(number or 0)
            if place[0] <= NEWEST[0] and place[2] <= NEWEST[2]:
                return place
    raise Refusal("after: go on with `next` of the page before", code="malformed_argument", status=400)


def _id(it: ListedRejection) -> str:
    return f"{'log' if it.is_logged else 'other'}:{it.number}"


def _rejection(it: ListedRejection) -> Rejection:
    return Rejection(
        rejection_id=_id(it),
        code=it.code,
        detail=it.detail,
        topic=it.topic or "",
        device_id=it.device_id,
        payload_hash=it.payload_hash.hex(),
        payload_size=it.payload_size or 0,
        times=it.times,
        first_received_at_ms=it.first_received_at_ms,
        last_received_at_ms=it.last_received_at_ms,
        replayed_at_ms=it.replayed_at_ms,
        logged=it.is_logged,
    )
