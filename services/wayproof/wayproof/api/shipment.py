"""One shipment whole: composed of what the ledger says and of what is held here."""

from collections.abc import Mapping, Sequence
from typing import Any

from wayproof.api.attachments import describe, intervals_of, place_of
from wayproof.api.custody_line import custodian_at, custody_line, latest_observed_ms
from wayproof.api.flags import with_flags
from wayproof.api.models import (
    Amendment,
    Anchor,
    Condition,
    CustodyPeriod,
    Excursion,
    HandoverReading,
    LedgerEvent,
    Offer,
    Party,
    Position,
    Proof,
    Quantity,
    Shipment,
)
from wayproof.api.permitted import actions
from wayproof.api.problems import not_found
from wayproof.api.resources import now_ms
from wayproof.api.summary import core, glns_of, location
from wayproof.store import readings as held_readings
from wayproof.store.connection import Connection
from wayproof.store.locations import find_locations
from wayproof.store.log import epochs
from wayproof.store.readings import Contents
from wayproof.store.shipments import (
    StoredEvent,
    StoredShipment,
    events,
    find_shipments,
    latest_anchors,
    nearest_anchors,
)
from wayproof_verifier import coldchain


def known_shipment(connection: Connection, gsin: str) -> StoredShipment:
    """Return a shipment that the organisation may see. Raises Refusal (404)."""
    found = find_shipments(connection, [gsin])
    if not found:
        raise not_found(f"shipment {gsin}")
    return found[0]


def describe_shipment(connection: Connection, gsin: str, *, organisation: str) -> Shipment:
    """Return a shipment whole. Raises Refusal (404)."""
    shipment = known_shipment(connection, gsin)
    head, recorded = shipment.head, events(connection, gsin)
    intervals = intervals_of(head)
    contents = held_readings.contents(connection, intervals)
    attached = describe(
        head,
        streams=held_readings.find_streams(connection, [(it.device_id, it.stream) for it in intervals]),
        contents=contents,
        breaks=held_readings.breaks(connection, intervals),
        organisation=organisation,
    )
    line = custody_line(
        recorded,
        handed_over_ms=_handed_over_ms(connection, recorded),
        observed_ms=_observed_ms(contents),
    )
    measured = [] if shipment.latest else held_readings.latest_readings(connection, intervals)
    places = find_locations(connection, glns_of([head]))
    members = core(shipment, organisation=organisation, places=places, now_ms=now_ms(), measured=measured)
    (latest,) = with_flags(connection, [members["latest"]])
    received = max((it.last_received_at_ms for it in contents.values()), default=None)
    return Shipment(
        **{**members, "latest": latest, "last_received_at_ms": members["last_received_at_ms"] or received},
        excursions=_excursions(head, recorded, line=line),
        parties=[
            Party(role=it["role"], msp_id=it["msp_id"], location=location(it["party_gln"], places))
            for it in head["parties"]
        ],
        units=head["units"],
        limits=head["limits"],
        offer=_offer(head, recorded),
        custody=line,
        attachments=attached,
        proof=_proof(connection, head, recorded, contents=contents),
        events=[
            LedgerEvent(
                version=it.version,
                kind=it.kind,
                organisation=it.organisation,
                at_ms=it.tx_timestamp_ms,
                tx_id=it.tx_id,
                block_number=it.block_number,
            )
            for it in recorded
        ],
        amendments=[_amendment(it) for it in recorded if it.kind == "shipment_amended"],
        actions=actions(head, organisation=organisation),
    )


def _handed_over_ms(connection: Connection, recorded: Sequence[StoredEvent]) -> dict[int, int]:
    """Return, by version of each acceptance, when the last message that it names was observed."""
    positions = [
        (event.version, it)
        for event in recorded
        if event.kind == "custody_accepted"
        for it in event.event["condition"]["positions"]
    ]
    observed = held_readings.observed_at(
        connection, [(it["device_id"], it["stream"], place_of(it)) for _, it in positions]
    )
    found: dict[int, int] = {
        event.version: latest
        for event in recorded
        if event.kind == "custody_accepted" and (latest := latest_observed_ms(event.event["condition"])) is not None
    }
    for (version, _), at_ms in zip(positions, observed, strict=True):
        if at_ms is not None:
            found[version] = max(at_ms, found.get(version, at_ms))
    return found


def _observed_ms(contents: Mapping[int, Contents]) -> tuple[int | None, int | None]:
    first = [it.first_observed_at_ms for it in contents.values() if it.first_observed_at_ms is not None]
    last = [it.last_observed_at_ms for it in contents.values() if it.last_observed_at_ms is not None]
    return min(first, default=None), max(last, default=None)


def _excursions(
    head: Mapping[str, Any], recorded: Sequence[StoredEvent], *, line: Sequence[CustodyPeriod]
) -> list[Excursion]:
    standing = {it["excursion_id"] for it in coldchain.standing(head["excursions"])}
    tx_ids = {it.event["excursion_id"]: it.tx_id for it in recorded if it.kind == "excursion_recorded"}
    return [
        Excursion(
            **{**it, "peak": Quantity(**it["peak"])},
            standing=it["excursion_id"] in standing,
            custodian=custodian_at(line, it["started_at_ms"]),
            tx_id=tx_ids[it["excursion_id"]],
        )
        for it in head["excursions"]
    ]


def _offer(head: Mapping[str, Any], recorded: Sequence[StoredEvent]) -> Offer | None:
    pending = head.get("offer")
    if pending is None:
        return None
    (made,) = [it for it in recorded if it.version == pending["version"]]
    condition = made.event["condition"]
    return Offer(
        version=made.version,
        to=pending["to"],
        by=made.organisation,
        at_ms=made.tx_timestamp_ms,
        condition=Condition(
            positions=[Position(**it) for it in condition["positions"]],
            latest=[HandoverReading(**it) for it in condition["latest"]],
            remark=condition["remark"],
        ),
    )


def _amendment(it: StoredEvent) -> Amendment:
    late = it.event.get("late")
    return Amendment(
        version=it.version,
        organisation=it.organisation,
        at_ms=it.tx_timestamp_ms,
        remark=it.event["remark"],
        due_at_ms=it.event.get("due_at_ms"),
        late=[Position(**position) for position in late] if late else None,
    )


def _proof(
    connection: Connection,
    head: Mapping[str, Any],
    recorded: Sequence[StoredEvent],
    *,
    contents: Mapping[int, Contents],
) -> Proof:
    log_ids = {it["anchor"]["log_id"] for it in head["attachments"]}
    anchored = {it.log_id: it.size for it in latest_anchors(connection, log_ids)}
    ours = {it.log_id: it.size for it in epochs(connection) if it.log_id in log_ids}  # the last epoch counts
    anchored_size = max((anchored[it] for it in (ours or anchored)), default=0)
    near = nearest_anchors(connection, log_ids=log_ids, blocks=[it.block_number for it in recorded])
    return Proof(
        messages=sum(it.messages for it in contents.values()),
        sealed=sum(it.sealed for it in contents.values()),
        anchored=sum(it.anchored for it in contents.values()),
        log_size=max(ours.values(), default=anchored_size),
        anchored_size=anchored_size,
        anchors=[
            Anchor(
                log_id=it.log_id,
                epoch=it.epoch,
                counter=it.counter,
                size=it.size,
                root=it.root.hex(),
                at_ms=it.tx_timestamp_ms,
                block_number=it.block_number,
                tx_id=it.tx_id,
            )
            for it in near
        ],
    )
