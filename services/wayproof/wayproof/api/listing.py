"""The list of shipments: open ones by urgency, closed ones by their last change, a page at a time."""

from heapq import nsmallest

from wayproof.api.problems import Refusal
from wayproof.api.urgency import FINE, judge
from wayproof.store.connection import Connection
from wayproof.store.shipments import (
    ClosedShipment,
    OpenPlace,
    UnwatchedShipment,
    closed_shipments,
    unwatched_shipments,
    watched_shipments,
)

MOST_URGENT = OpenPlace(-1, 0, "")
"""Before every open shipment."""

NEWEST = ClosedShipment("~", 2**62)
"""Before every closed shipment."""


def place_of(it: UnwatchedShipment, *, organisation: str, now_ms: int) -> OpenPlace:
    """Return where an open shipment stands that no monitor has judged."""
    judged = judge(
        due_at_ms=it.due_at_ms,
        offer_to=it.offer_to,
        excursions=it.excursions,
        organisation=organisation,
        now_ms=now_ms,
    )
    return OpenPlace(judged.urgency, it.due_at_ms, it.gsin)


def page_of_gsins(
    connection: Connection, *, status: str, after: str | None, limit: int, organisation: str, now_ms: int
) -> tuple[list[str], str | None]:
    """Return the GSINs of a page, and what the next page goes on after; with `all`, closed ones follow the open."""
    gsins: list[str] = []
    if status != "closed" and not (after or "").startswith("closed"):
        last = open_place(after)
        others = [place_of(it, organisation=organisation, now_ms=now_ms) for it in unwatched_shipments(connection)]
        watched = watched_shipments(connection, after=last, limit=limit + 1)
        page = nsmallest(limit + 1, [*watched, *[place for place in others if place > last]])
        if len(page) > limit:
            return [place.gsin for place in page[:limit]], _open_cursor(page[limit - 1])
        gsins = [place.gsin for place in page]
        if status == "open":
            return gsins, None
        if len(gsins) == limit:
            return gsins, _closed_cursor(NEWEST)
        after = None
    left = limit - len(gsins)
    closed = closed_shipments(connection, after=closed_place(after), limit=left + 1)
    gsins += [it.gsin for it in closed[:left]]
    return gsins, _closed_cursor(closed[left - 1]) if len(closed) > left else None


def open_place(cursor: str | None) -> OpenPlace:
    """Read what `next` said of an open shipment. Raises Refusal."""
    if cursor is None:
        return MOST_URGENT
    match cursor.split(":"):
        case ["open", urgency, due_at_ms, gsin] if f"{urgency}{due_at_ms}".isdecimal() and cursor.isascii():
            place = OpenPlace(int(urgency or 0), int(due_at_ms or 0), gsin.replace("\0", ""))
            if place.urgency <= FINE and place.due_at_ms <= NEWEST.changed_block:
                return place
    raise _unreadable()


def closed_place(cursor: str | None) -> ClosedShipment:
    """Read what `next` said of a closed shipment. Raises Refusal."""
    if cursor is None:
        return NEWEST
    match cursor.split(":"):
        case ["closed", block, gsin] if block.isdecimal() and int(block) <= NEWEST.changed_block:
            return ClosedShipment(gsin.replace("\0", ""), int(block))
    raise _unreadable()


def _open_cursor(place: OpenPlace) -> str:
    return f"open:{place.urgency}:{place.due_at_ms}:{place.gsin}"


def _closed_cursor(place: ClosedShipment) -> str:
    return f"closed:{place.changed_block}:{place.gsin}"


def _unreadable() -> Refusal:
    return Refusal("after: go on with `next` of the page before", code="malformed_argument", status=400)
