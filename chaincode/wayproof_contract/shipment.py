"""A shipment as the fold of its events: parties, custodian, offer, attachments, excursions, amendments."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wayproof_contract.errors import ContractError
from wayproof_contract.session import Record, stamped

Head = Mapping[str, Any]
Event = Mapping[str, Any]


def apply(head: Head | None, event: Event) -> Record:
    """Return the shipment after an event.

    `attachments` and `excursions` are lists in the order of their events. An attachment has the position `handed_over`
    named by the last acceptance of custody, and an `end` once it is over; an excursion has a `resolution`.
    """
    if head is None:
        if event["kind"] != "shipment_created":
            raise ContractError("wrong_event", f"{event['kind']} cannot come first")
        return stamped(_created(event), event)
    change = _CHANGES.get(event["kind"])
    if change is None:
        raise ContractError("wrong_event", f"{event['kind']} cannot follow here")
    return stamped(change(head, event), event)


def stream_of(position: Mapping[str, Any]) -> tuple[str, str]:
    """Return (device id, stream) of a position."""
    return position["device_id"], position["stream"]


def order_of(position: Mapping[str, Any]) -> tuple[int, int]:
    """Return (boot, sequence): positions of one stream are ordered by it."""
    return position["boot"], position["sequence"]


def current_attachments(head: Head) -> list[Record]:
    """Return the attachments that are not over, ordered by device and stream."""
    current = [attachment for attachment in head["attachments"] if "end" not in attachment]
    return sorted(current, key=lambda attachment: stream_of(attachment["start"]))


def _created(event: Event) -> Record:
    copied = ("gsin", "organisation", "parties", "lane", "due_at_ms", "limits", "units")
    return {
        **{name: event[name] for name in copied},
        "status": "open",
        "custodian": event["organisation"],
        "custodian_since": event["version"],
        "attachments": [],
        "excursions": [],
        "amendments": [],
    }


def _attached(head: Head, event: Event) -> Record:
    attachment = {
        "start": event["position"],
        "anchor": event["anchor"],
        "attached": event["version"],
        "organisation": event["organisation"],
    }
    return {**head, "attachments": [*head["attachments"], attachment]}


def _detach_requested(head: Head, event: Event) -> Record:
    """Keep one request for each organisation: its latest."""
    request = {"position": event["position"], "organisation": event["organisation"]}

    def ask(attachment: Record) -> Record:
        others = [it for it in attachment.get("detach_requests", []) if it["organisation"] != event["organisation"]]
        return {**attachment, "detach_requests": [*others, request]}

    return _change_attachment(head, event["position"], ask)


def _detached(head: Head, event: Event) -> Record:
    return _end_attachment(head, event["position"], version=event["version"])


def _end_attachment(head: Head, position: Record, *, version: int) -> Record:
    def end(attachment: Record) -> Record:
        kept = {name: value for name, value in attachment.items() if name != "detach_requests"}
        return {**kept, "end": position, "ended": version}

    return _change_attachment(head, position, end)


def _change_attachment(head: Head, position: Record, change: Callable[[Record], Record]) -> Record:
    """Change the latest attachment of a stream."""
    attachments = list(head["attachments"])
    place = max(
        place for place, attachment in enumerate(attachments) if stream_of(attachment["start"]) == stream_of(position)
    )
    attachments[place] = change(attachments[place])
    return {**head, "attachments": attachments}


def _offered(head: Head, event: Event) -> Record:
    return {**head, "offer": {"version": event["version"], "to": event["to"]}}


def _accepted(head: Head, event: Event) -> Record:
    changed: Record = {
        **_without_offer(head),
        "custodian": event["organisation"],
        "custodian_since": event["version"],
    }
    for position in event["condition"]["positions"]:
        changed = _hand_over(changed, position)
    return changed


def _hand_over(head: Head, position: Record) -> Record:
    return _change_attachment(head, position, lambda attachment: {**attachment, "handed_over": position})


def _rejected(head: Head, _event: Event) -> Record:
    return _without_offer(head)


def _without_offer(head: Head) -> Record:
    return {name: value for name, value in head.items() if name != "offer"}


_EXCURSION_MEMBERS = (
    "excursion_id",
    "device_id",
    "stream",
    "name",
    "direction",
    "started_at_ms",
    "ended_at_ms",
    "peak",
    "rule",
    "as_of_ms",
)


def _excursion_recorded(head: Head, event: Event) -> Record:
    excursion = {name: event[name] for name in _EXCURSION_MEMBERS if name in event}
    return {**head, "excursions": [*head["excursions"], excursion]}


def _excursion_resolved(head: Head, event: Event) -> Record:
    resolved = {name: event[name] for name in ("ended_at_ms", "resolution", "remark")}
    return {
        **head,
        "excursions": [
            {**excursion, **resolved} if excursion["excursion_id"] == event["excursion_id"] else excursion
            for excursion in head["excursions"]
        ],
    }


def _amended(head: Head, event: Event) -> Record:
    amendment = {"version": event["version"], "organisation": event["organisation"], "remark": event["remark"]}
    changed: Record = {**head, "amendments": [*head["amendments"], amendment]}
    if "due_at_ms" in event:
        changed["due_at_ms"] = event["due_at_ms"]
    for position in event.get("late", []):
        changed = _end_attachment(changed, position, version=event["version"])
    return changed


def _closed(head: Head, event: Event) -> Record:
    changed: Record = {**head, "status": "closed"}
    for position in event["condition"]["positions"]:
        changed = _end_attachment(changed, position, version=event["version"])
    return changed


_CHANGES: Mapping[str, Callable[[Head, Event], Record]] = MappingProxyType(
    {
        "device_attached": _attached,
        "detach_requested": _detach_requested,
        "device_detached": _detached,
        "custody_offered": _offered,
        "custody_accepted": _accepted,
        "custody_rejected": _rejected,
        "excursion_recorded": _excursion_recorded,
        "excursion_resolved": _excursion_resolved,
        "shipment_amended": _amended,
        "shipment_closed": _closed,
    }
)
