"""The list of shipments: open ones by urgency, closed ones by their last change, a page at a time."""

from collections.abc import Sequence
from heapq import nsmallest

from wayproof.api.problems import Refusal
from wayproof.api.urgency import judge
from wayproof.store.connection import Connection
from wayproof.store.shipments import ClosedShipment, OpenShipment, closed_shipments, open_shipments

OpenPlace = tuple[int, int, str]
"""Urgency, due time and GSIN: where an open shipment stands, the most urgent first."""

NEWEST = ClosedShipment("~", 2**62)
"""Before every closed shipment."""


def place_of(it: OpenShipment, *, organisation: str, now_ms: int) -> OpenPlace:
    """Return where an open shipment stands in the list."""
    if it.urgency is not None:
        return it.urgency, it.due_at_ms, it.gsin
    judged = judge(
        due_at_ms=it.due_at_ms,
        offer_to=it.offer_to,
        excursions=it.excursions,
        organisation=organisation,
        now_ms=now_ms,
    )
    return judged.urgency, it.due_at_ms, it.gsin


def page_of_gsins(
    connection: Connection, *, status: str, after: str | None, limit: int, organisation: str, now_ms: int
) -> tuple[list[str], str | None]:
    """Return the GSINs of a page, and what the next page goes on after; with `all`, closed ones follow the open."""
    gsins: list[str] = []
    if status != "closed" and not (after or "").startswith("closed"):
        places = [place_of(it, organisation=organisation, now_ms=now_ms) for it in open_shipments(connection)]
        page = _after(places, open_place(after), limit=limit + 1)
        if len(page) > limit:
            return [gsin for _, _, gsin in page[:limit]], _open_cursor(page[limit - 1])
        gsins = [gsin for _, _, gsin in page]
        if status == "open":
            return gsins, None
        if len(gsins) == limit:
            return gsins, _closed_cursor(NEWEST)
        after = None
    left = limit - len(gsins)
    closed = closed_shipments(connection, after=closed_place(after), limit=left + 1)
    gsins += [it.gsin for it in closed[:left]]
    return gsins, _closed_cursor(closed[left - 1]) if len(closed) > left else None


def open_place(cursor: str | None) -> OpenPlace | None:
    """Read what `next` said of an open shipment. Raises Refusal."""
    if cursor is None:
        return None
    match cursor.split(":"):
        case ["open", urgency, due_at_ms, gsin] if urgency.isdecimal() and due_at_ms.isdecimal():
            return int(urgency), int(due_at_ms), gsin
    raise _unreadable()


def closed_place(cursor: str | None) -> ClosedShipment:
    """Read what `next` said of a closed shipment. Raises Refusal."""
    if cursor is None:
        return NEWEST
    match cursor.split(":"):
        case ["closed", block, gsin] if block.isdecimal() and int(block) <= NEWEST.changed_block:
            return ClosedShipment(gsin.replace("\0", ""), int(block))
    raise _unreadable()


def _after(places: Sequence[OpenPlace], last: OpenPlace | None, *, limit: int) -> list[OpenPlace]:
    return nsmallest(limit, (place for place in places if last is None or place > last))


def _open_cursor(place: OpenPlace) -> str:
    urgency, due_at_ms, gsin = place
    return f"open:{urgency}:{due_at_ms}:{gsin}"


def _closed_cursor(place: ClosedShipment) -> str:
    return f"closed:{place.changed_block}:{place.gsin}"


def _unreadable() -> Refusal:
    return Refusal("after: go on with `next` of the page before", code="malformed_argument", status=400)
