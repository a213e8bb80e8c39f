"""Single readings of a shipment, each with what proves it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from wayproof.api.attachments import intervals_of
from wayproof.api.flags import flags_of
from wayproof.api.models import Leaf, LeafAnchor, MessagePlace, Reading, ReadingPage
from wayproof.api.problems import Refusal, refusals
from wayproof.api.resources import After, Gsin, Limit
from wayproof.api.resources import Reading as ReadingConnection
from wayproof.api.shipment import known_shipment
from wayproof.store import flagged
from wayproof.store.flagged import Reason
from wayproof.store.readings import StoredReading, page_of_readings

router = APIRouter(prefix="/api/v1/shipments", tags=["shipments"])

NEWEST = (2**62, 2**62, 2**15 - 1)
"""Before every reading."""


@router.get("/{gsin}/readings", response_model_exclude_none=True, responses=refusals(400, 404, 503))
def list_readings(
    gsin: Gsin,
    connection: ReadingConnection,
    name: Annotated[str | None, Query(max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9:./_-]*$")] = None,
    after: After = None,
    limit: Limit = 50,
) -> ReadingPage:
    """List single readings, newest first, each with its flags, its message's place, its leaf and the first anchor."""
    shipment = known_shipment(connection, gsin)
    intervals = intervals_of(shipment.head)
    found = page_of_readings(connection, intervals, name=name, after=_place(after), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.observed_at_ms}:{last.ingest_id}:{last.ordinal}" if last else None
    flags = flagged.of_messages(connection, [it.ingest_id for it in found[:limit]])
    items = [_reading(it, flags.get((it.ingest_id, it.ordinal), ())) for it in found[:limit]]
    return ReadingPage(items=items, next=following)


def _place(cursor: str | None) -> tuple[int, int, int]:
    if cursor is None:
        return NEWEST
    match cursor.split(":"):
        case [at_ms, ingest_id, ordinal] if cursor.replace(":", "").isdecimal() and cursor.isascii():
            place = int(at_ms), int(ingest_id), int(ordinal)
            if all(it <= most for it, most in zip(place, NEWEST, strict=True)):
                return place
    raise Refusal("after: go on with `next` of the page before", code="malformed_argument", status=400)


def _reading(it: StoredReading, reasons: Sequence[Reason]) -> Reading:
    place = MessagePlace(
        boot=it.boot, sequence=it.sequence, hash=it.message_hash.hex(), received_at_ms=it.received_at_ms
    )
    leaf = anchor = None
    if it.log_id is not None and it.epoch is not None and it.leaf_index is not None:
        leaf = Leaf(log_id=it.log_id, epoch=it.epoch, index=it.leaf_index)
    if it.counter is not None:
        anchor = LeafAnchor(
            counter=it.counter,
            size=it.size or 0,
            at_ms=it.tx_timestamp_ms or 0,
            block_number=it.block_number or 0,
            tx_id=it.tx_id or "",
        )
    return Reading(
        device_id=it.device_id,
        stream=it.stream,
        name=it.name,
        observed_at_ms=it.observed_at_ms,
        value=it.value,
        scale=it.scale,
        unit=it.unit or None,
        text=it.text,
        flags=flags_of(reasons),
        message=place,
        leaf=leaf,
        anchor=anchor,
    )
