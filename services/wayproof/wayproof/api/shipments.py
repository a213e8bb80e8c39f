"""Shipments as they are asked for: the list, and one shipment whole."""

from typing import Literal

from fastapi import APIRouter

from wayproof.api.flags import with_flags
from wayproof.api.listing import page_of_gsins
from wayproof.api.models import Shipment, SummaryPage
from wayproof.api.problems import refusals
from wayproof.api.resources import After, Gsin, Held, Limit, Reading, now_ms
from wayproof.api.shipment import describe_shipment
from wayproof.api.summary import glns_of, summary
from wayproof.store.locations import find_locations
from wayproof.store.shipments import find_shipments

router = APIRouter(prefix="/api/v1/shipments", tags=["shipments"])


@router.get("", response_model_exclude_none=True, responses=refusals(400, 503))
def list_shipments(
    resources: Held,
    connection: Reading,
    status: Literal["open", "closed", "all"] = "open",
    after: After = None,
    limit: Limit = 50,
) -> SummaryPage:
    """List our shipments: open ones the most urgent first, closed ones the latest first."""
    organisation, at_ms = resources.settings.organisation, now_ms()
    gsins, following = page_of_gsins(
        connection, status=status, after=after, limit=limit, organisation=organisation, now_ms=at_ms
    )
    shipments = find_shipments(connection, gsins)
    places = find_locations(connection, glns_of(it.head for it in shipments))
    items = [summary(it, organisation=organisation, places=places, now_ms=at_ms) for it in shipments]
    flagged = with_flags(connection, [it.latest for it in items])
    items = [it.model_copy(update={"latest": latest}) for it, latest in zip(items, flagged, strict=True)]
    return SummaryPage(items=items, next=following)


@router.get("/{gsin}", response_model_exclude_none=True, responses=refusals(400, 404, 503))
def get_shipment(gsin: Gsin, resources: Held, connection: Reading) -> Shipment:
    """Tell everything about a shipment that we may see."""
    return describe_shipment(connection, gsin, organisation=resources.settings.organisation)
