"""Changes of shipments: requests that become transactions, signed with this organisation's key."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from wayproof.api.attachments import held_streams, intervals_of
from wayproof.api.bodies import (
    AmendmentBody,
    ConditionBody,
    DetachmentBody,
    OfferBody,
    RemarkBody,
    ResolutionBody,
    ShipmentBody,
    StreamBody,
)
from wayproof.api.conditions import Known, anchor_reference, condition, detachment, last_held
from wayproof.api.models import Shipment, Summary
from wayproof.api.problems import Refusal, not_found, refusals
from wayproof.api.resources import Gsin, Held, Resources, now_ms
from wayproof.api.shipment import describe_shipment, known_shipment
from wayproof.api.submission import PENDING, Committed, Pending, submit
from wayproof.api.summary import glns_of, summary
from wayproof.store.connection import Connection, snapshot
from wayproof.store.devices import describe_device
from wayproof.store.locations import find_locations
from wayproof.store.readings import find_streams, latest_readings
from wayproof.store.shipments import events, latest_anchors
from wayproof_contract.shipment import current_attachments

router = APIRouter(prefix="/api/v1/shipments", tags=["changes"])

CREATED: dict[str, Any] = {
    "status_code": 201,
    "response_model_exclude_none": True,
    "responses": {**PENDING, **refusals(400, 403, 404, 409, 413, 415, 503, 504)},
}

OfferVersion = Annotated[int, Path(ge=1, le=999_999)]
ExcursionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


@router.post("", response_model=Summary, **CREATED)
async def create(body: ShipmentBody, resources: Held) -> Summary | JSONResponse:
    """Create a shipment: we are its consignor, and have custody."""
    committed = await submit(resources, resources.operator, "create_shipment", body.argument())
    if not committed.is_projected:
        return Pending.of(committed).answer()
    return await run_in_threadpool(_summary, resources, body.gsin)


@router.post("/{gsin}/attachments", response_model=Shipment, **CREATED)
async def attach(gsin: Gsin, body: StreamBody, resources: Held) -> Shipment | JSONResponse:
    """Attach a stream of a device of ours, at the last message held."""
    argument = await run_in_threadpool(_attachment, resources, gsin, body)
    return await _change(resources, gsin, "attach_device", argument)


@router.post("/{gsin}/detachments", response_model=Shipment, **CREATED)
async def detach(gsin: Gsin, body: DetachmentBody, resources: Held) -> Shipment | JSONResponse:
    """Detach a stream, or ask the counterparty to agree."""
    argument = await run_in_threadpool(_detachment, resources, gsin, body)
    return await _change(resources, gsin, "detach_device", argument)


@router.post("/{gsin}/offers", response_model=Shipment, **CREATED)
async def offer(gsin: Gsin, body: OfferBody, resources: Held) -> Shipment | JSONResponse:
    """Offer custody to another party."""
    stated = await run_in_threadpool(_condition, resources, gsin, body)
    return await _change(resources, gsin, "offer_custody", {"to": body.to, "condition": stated})


@router.post("/{gsin}/offers/{version}/acceptance", response_model=Shipment, **CREATED)
async def accept(gsin: Gsin, version: OfferVersion, body: ConditionBody, resources: Held) -> Shipment | JSONResponse:
    """Accept custody: from now on we have the goods."""
    stated = await run_in_threadpool(_condition, resources, gsin, body, version)
    return await _change(resources, gsin, "accept_custody", {"offer": version, "condition": stated})


@router.post("/{gsin}/offers/{version}/rejection", response_model=Shipment, **CREATED)
async def reject(gsin: Gsin, version: OfferVersion, body: RemarkBody, resources: Held) -> Shipment | JSONResponse:
    """Refuse an offer made to us, or withdraw our own."""
    await run_in_threadpool(_require_known, resources, gsin)
    return await _change(resources, gsin, "reject_custody", {"offer": version, **body.argument()})


@router.post("/{gsin}/closure", response_model=Shipment, **CREATED)
async def close(gsin: Gsin, body: ConditionBody, resources: Held) -> Shipment | JSONResponse:
    """Close the shipment: we are the consignee and have the goods."""
    stated = await run_in_threadpool(_condition, resources, gsin, body)
    return await _change(resources, gsin, "close_shipment", {"condition": stated})


@router.post("/{gsin}/excursions/{excursion_id}/resolution", response_model=Shipment, **CREATED)
async def resolve(
    gsin: Gsin, excursion_id: ExcursionId, body: ResolutionBody, resources: Held
) -> Shipment | JSONResponse:
    """Say what an excursion meant for the goods."""
    argument = await run_in_threadpool(_resolution, resources, gsin, excursion_id, body)
    return await _change(resources, gsin, "resolve_excursion", argument)


@router.post("/{gsin}/amendments", response_model=Shipment, **CREATED)
async def amend(gsin: Gsin, body: AmendmentBody, resources: Held) -> Shipment | JSONResponse:
    """Add to the record; nothing is rewritten."""
    await run_in_threadpool(_require_known, resources, gsin)
    return await _change(resources, gsin, "amend_shipment", body.argument())


async def _change(resources: Resources, gsin: str, name: str, argument: Mapping[str, Any]) -> Shipment | JSONResponse:
    committed: Committed = await submit(resources, resources.operator, name, {"gsin": gsin, **argument})
    if not committed.is_projected:
        return Pending.of(committed).answer()
    return await run_in_threadpool(_shipment, resources, gsin)


def _shipment(resources: Resources, gsin: str) -> Shipment:
    with resources.connection() as connection, snapshot(connection):
        return describe_shipment(connection, gsin, organisation=resources.settings.organisation)


def _summary(resources: Resources, gsin: str) -> Summary:
    with resources.connection() as connection, snapshot(connection):
        shipment = known_shipment(connection, gsin)
        places = find_locations(connection, glns_of([shipment.head]))
        return summary(shipment, organisation=resources.settings.organisation, places=places, now_ms=now_ms())


def _require_known(resources: Resources, gsin: str) -> None:
    with resources.connection() as connection:
        known_shipment(connection, gsin)


def _attachment(resources: Resources, gsin: str, body: StreamBody) -> dict[str, Any]:
    with resources.connection() as connection, snapshot(connection):
        known_shipment(connection, gsin)
        device = describe_device(connection, body.device_id.replace("\0", ""))
        if device is None:
            raise not_found(f"device {body.device_id[:64]!r}")
        found = find_streams(connection, [(body.device_id, body.stream.replace("\0", ""))])
        held = held_streams(found, organisation=resources.settings.organisation)
        if not held:
            raise Refusal(
                f"the messages of {body.device_id} are kept by {device.keeper or 'nobody known here'}: attach it there",
                code="positions_needed",
                status=409,
            )
        (anchor,) = latest_anchors(connection, [device.home_log])
        return {"position": last_held(*held.values()), "anchor": anchor_reference(anchor)}


def _detachment(resources: Resources, gsin: str, body: DetachmentBody) -> dict[str, Any]:
    with resources.connection() as connection, snapshot(connection):
        head = known_shipment(connection, gsin).head
        given = [body.position.argument()] if body.position else []
        known = _known(connection, head, organisation=resources.settings.organisation, given=given)
        position = detachment(head, known, name=(body.device_id, body.stream))
        device = describe_device(connection, position["device_id"])
        if device is None:
            raise not_found(f"device {body.device_id[:64]!r}")
        (anchor,) = latest_anchors(connection, [device.home_log])
        return {"position": position, "anchor": anchor_reference(anchor)}


def _condition(resources: Resources, gsin: str, body: ConditionBody, accepted: int | None = None) -> dict[str, Any]:
    with resources.connection() as connection, snapshot(connection):
        head = known_shipment(connection, gsin).head
        offered = None
        if accepted is not None:
            made = [it for it in events(connection, gsin) if (it.version, it.kind) == (accepted, "custody_offered")]
            offered = made[0].event["condition"] if made else None
        known = _known(
            connection,
            head,
            organisation=resources.settings.organisation,
            given=[it.argument() for it in body.positions or ()],
            given_latest=[it.argument() for it in body.latest or ()],
            offered=offered,
        )
        return condition(head, known, remark=body.remark)


def _known(
    connection: Connection,
    head: Mapping[str, Any],
    *,
    organisation: str,
    **stated: Any,  # noqa: ANN401 - fields of Known
) -> Known:
    current = current_attachments(head)
    attached = {it["attached"] for it in current}
    intervals = [it for it in intervals_of(head) if it.attached in attached]
    streams = find_streams(connection, [(it.device_id, it.stream) for it in intervals])
    return Known(
        held=held_streams(streams, organisation=organisation),
        measured=latest_readings(connection, intervals),
        anchors=latest_anchors(connection, [it["anchor"]["log_id"] for it in current]),
        **stated,
    )


def _resolution(resources: Resources, gsin: str, excursion_id: str, body: ResolutionBody) -> dict[str, Any]:
    with resources.connection() as connection:
        head = known_shipment(connection, gsin).head
    recorded = {it["excursion_id"]: it for it in head["excursions"]}
    if excursion_id not in recorded:
        raise not_found(f"excursion {excursion_id}")
    ended_at_ms = body.ended_at_ms
    if ended_at_ms is None:
        ended_at_ms = recorded[excursion_id].get("ended_at_ms", now_ms())
    return {
        "excursion_id": excursion_id,
        "ended_at_ms": ended_at_ms,
        "resolution": body.resolution,
        "remark": body.remark,
    }
