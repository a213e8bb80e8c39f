"""Shipments in transit: create, attach and detach devices, excursions, close, amend; and what custody builds on."""

from functools import partial
from typing import Any

from wayproof_contract.device import UNSIGNED, active_device
from wayproof_contract.errors import ContractError
from wayproof_contract.log import resolved_anchor
from wayproof_contract.session import Record, Session
from wayproof_contract.shipment import apply, current_attachments, order_of, stream_of
from wayproof_contract.state import device_key, party_key, shipment_event_key, shipment_key


def create_shipment(session: Session, argument: Record) -> Record:
    """Create a shipment; its consignor is the caller and its first custodian."""
    session.refuse_existing(shipment_key(argument["gsin"]))
    parties = argument["parties"]
    _require_parties(session, parties)
    _require_unique([unit["sscc"] for unit in argument["units"]], what="an SSCC")
    _require_unique([limit["name"] for limit in argument["limits"]], what="a limit for one measurement")
    for party in parties:
        session.write(party_key(party["msp_id"], argument["gsin"]), {"gsin": argument["gsin"]})
    return append(session, "shipment_created", argument, head=None)


def attach_device(session: Session, argument: Record) -> Record:
    """Begin an interval: the messages of a stream after this position belong to the shipment."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    position, anchor = argument["position"], argument["anchor"]
    device = active_device(session, position["device_id"])
    session.caller.require_organisation(device["organisation"], what=f"device {position['device_id']}")
    if device["keys"][-1]["algorithm"] == UNSIGNED:
        raise ContractError("unsigned_device", "a device that does not sign has no stream that could be attached")
    if any(stream_of(item["start"]) == stream_of(position) for item in current_attachments(head)):
        raise ContractError("already_attached", f"{_name(position)} is attached already")
    for earlier in head["attachments"]:
        if stream_of(earlier["start"]) == stream_of(position):
            _require_not_before(position, bound=earlier["end"])
    _require_home(device, anchor)
    return append(session, "device_attached", {**argument, "anchor": resolved_anchor(session, anchor)}, head=head)


def detach_device(session: Session, argument: Record) -> Record:
    """End an interval; before another organisation has taken over, only with the counterparty's consent."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    position = argument["position"]
    attachment = _attachment(head, position)
    _require_not_before(position, bound=_reached(attachment))
    _require_home(session.read(device_key(position["device_id"])), argument["anchor"])
    event = {**argument, "anchor": resolved_anchor(session, argument["anchor"])}
    if _may_detach(session, head, attachment, position=position):
        return append(session, "device_detached", event, head=head)
    if {"position": position, "organisation": session.caller.msp_id} in attachment.get("detach_requests", []):
        counterparty = _counterparty(head, requester=session.caller.msp_id)
        raise ContractError(
            "detach_needs_counterparty", f"asked for already; now {counterparty} names the same position"
        )
    return append(session, "detach_requested", event, head=head)


def record_excursion(session: Session, argument: Record) -> Record:
    """Record an interval during which readings of an attached stream were outside limits."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    if any(excursion["excursion_id"] == argument["excursion_id"] for excursion in head["excursions"]):
        raise ContractError("already_exists", f"excursion {argument['excursion_id']} is there already")
    stream = (argument["device_id"], argument["stream"])
    if all(stream_of(attachment["start"]) != stream for attachment in head["attachments"]):
        raise ContractError("not_attached", f"{stream[0]} {stream[1]} was never attached to this shipment")
    if argument.get("ended_at_ms", argument["started_at_ms"]) < argument["started_at_ms"]:
        raise ContractError("malformed_argument", "an excursion ends after it starts")
    return append(session, "excursion_recorded", argument, head=head)


def resolve_excursion(session: Session, argument: Record) -> Record:
    """Say what an excursion meant for the goods."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    for excursion in head["excursions"]:
        if excursion["excursion_id"] == argument["excursion_id"]:
            if "resolution" in excursion:
                raise ContractError("excursion_resolved", "it is resolved; a remark can go into an amendment")
            if argument["ended_at_ms"] < excursion["started_at_ms"]:
                raise ContractError("malformed_argument", "an excursion ends after it starts")
            return append(session, "excursion_resolved", argument, head=head)
    raise ContractError("not_found", f"there is no excursion {argument['excursion_id']}")


def close_shipment(session: Session, argument: Record) -> Record:
    """Close a shipment: by its consignee, who has the goods. Every attached interval ends here."""
    head = open_shipment(session, argument["gsin"])
    require_custodian(session, head)
    if session.caller.msp_id != _party_with(head, "consignee"):
        raise ContractError("not_custodian", "the consignee closes a shipment, once it has the goods")
    if "offer" in head:
        raise ContractError("offer_pending", "an offer of custody is pending; withdraw it first")
    return append(session, "shipment_closed", with_condition(session, head, argument), head=head)


def amend_shipment(session: Session, argument: Record) -> Record:
    """Add to a shipment: a remark, another due time before close, late messages after it. Nothing is rewritten."""
    head = session.read(shipment_key(argument["gsin"]))
    require_party(session, head)
    closed = head["status"] == "closed"
    if "due_at_ms" in argument and closed:
        raise ContractError("shipment_closed", "a due time changes before close only")
    if "late" in argument and not closed:
        raise ContractError("shipment_open", "late messages are added after close; until then the interval is open")
    _require_unique([stream_of(position) for position in argument.get("late", [])], what="a stream")
    for position in argument.get("late", []):
        attachment = _attachment(head, position, ended=True)
        if order_of(position) <= order_of(attachment["end"]):
            raise ContractError("wrong_position", f"the interval of {_name(position)} reaches that far already")
    return append(session, "shipment_amended", argument, head=head)


# --- what custody builds on -------------------------------------------------------------------------------------


def open_shipment(session: Session, gsin: str) -> Record:
    """Return a shipment that is not closed."""
    head = session.read(shipment_key(gsin))
    if head["status"] != "open":
        raise ContractError("shipment_closed", "a closed shipment can only be amended")
    return head


def require_party(session: Session, head: Record) -> None:
    """Raise unless the caller's organisation is a party to the shipment."""
    if all(party["msp_id"] != session.caller.msp_id for party in head["parties"]):
        raise ContractError("not_a_party", f"{session.caller.msp_id} is no party to this shipment")


def require_custodian(session: Session, head: Record) -> None:
    """Raise unless the caller's organisation has the goods."""
    require_party(session, head)
    if head["custodian"] != session.caller.msp_id:
        raise ContractError("not_custodian", f"{head['custodian']} has custody; only it may do this")


def with_condition(session: Session, head: Record, argument: Record) -> Record:
    """Return the argument with its condition checked: a position for each attached stream, an anchor for each log."""
    condition = argument["condition"]
    attachments = current_attachments(head)
    positions = condition["positions"]
    if [stream_of(position) for position in positions] != [stream_of(item["start"]) for item in attachments]:
        raise ContractError("wrong_position", "the condition has one position for each attached stream, in their order")
    for position, attachment in zip(positions, attachments, strict=True):
        _require_not_before(position, bound=_reached(attachment))
    logs = [attachment["anchor"]["log_id"] for attachment in attachments]
    anchors = condition["anchors"]
    if [anchor["log_id"] for anchor in anchors] != sorted(dict.fromkeys(logs)):
        raise ContractError("wrong_anchor", "the condition has one anchor for each home log of the devices, by log id")
    resolved = [resolved_anchor(session, anchor) for anchor in anchors]
    return {**argument, "condition": {**condition, "anchors": resolved}}


def append(session: Session, kind: str, members: Record, *, head: Record | None) -> Record:
    """Append an event to a shipment and return its new head."""
    gsin = members["gsin"]
    return session.append(
        kind,
        members,
        head=head,
        fold=apply,
        head_key=shipment_key(gsin),
        event_key=partial(shipment_event_key, gsin),
    )


# --- rules --------------------------------------------------------------------------------------------------------


def _require_parties(session: Session, parties: list[Record]) -> None:
    _require_unique([party["msp_id"] for party in parties], what="an organisation")
    roles = [party["role"] for party in parties]
    if roles.count("consignor") != 1 or roles.count("consignee") != 1:
        raise ContractError("malformed_argument", "parties: exactly one consignor and exactly one consignee")
    consignor = next(party["msp_id"] for party in parties if party["role"] == "consignor")
    session.caller.require_organisation(consignor, what="the consignor's part")


def _require_unique(values: list[Any], *, what: str) -> None:
    if len(dict.fromkeys(values)) != len(values):
        raise ContractError("malformed_argument", f"{what} is there twice")


def _require_home(device: Record, anchor: Record) -> None:
    if anchor["log_id"] != device["home_log"]:
        raise ContractError("wrong_anchor", f"name an anchor of the device's home log, {device['home_log']}")


def _require_not_before(position: Record, *, bound: Record) -> None:
    """Raise if a position lies before another one of its stream, or at the same place with another hash."""
    if order_of(position) < order_of(bound) or (order_of(position) == order_of(bound) and position != bound):
        boot, sequence = order_of(bound)
        raise ContractError(
            "wrong_position", f"{_name(position)} has reached message {sequence} of boot {boot} already"
        )


def _reached(attachment: Record) -> Record:
    """Return how far an interval certainly goes: what was handed over cannot be left out afterwards."""
    handed_over: Record | None = attachment.get("handed_over")
    return handed_over or attachment["start"]


def _attachment(head: Record, position: Record, *, ended: bool = False) -> Record:
    """Return the latest attachment of a stream, current or ended as wanted."""
    of_stream = [item for item in head["attachments"] if stream_of(item["start"]) == stream_of(position)]
    if not of_stream or ("end" in of_stream[-1]) != ended:
        raise ContractError("not_attached", f"{_name(position)} is not attached to this shipment")
    latest: Record = of_stream[-1]
    return latest


def _may_detach(session: Session, head: Record, attachment: Record, *, position: Record) -> bool:
    """Tell whether a detachment takes effect: after somebody else took over, or when the counterparty agrees.

    Whoever attached the device is one of the two: nobody else can end what it measures.
    """
    caller, owner = session.caller.msp_id, attachment["organisation"]
    taken_over = head["custodian_since"] > attachment["attached"] and head["custodian"] != owner
    if taken_over and caller == owner:
        return True
    return any(
        request["position"] == position
        and caller == _counterparty(head, requester=request["organisation"])
        and owner in (caller, request["organisation"])
        for request in attachment.get("detach_requests", [])
    )


def _counterparty(head: Record, *, requester: str) -> str:
    """Return who must agree: to whom custody is offered, else the consignee, else (it asked itself) the consignor."""
    offered = [head["offer"]["to"]] if "offer" in head else []
    candidates = [*offered, _party_with(head, "consignee"), _party_with(head, "consignor")]
    return str(next(candidate for candidate in candidates if candidate != requester))


def _party_with(head: Record, role: str) -> str:
    return str(next(party["msp_id"] for party in head["parties"] if party["role"] == role))


def _name(position: Record) -> str:
    return f"{position['device_id']} {position['stream']}"
