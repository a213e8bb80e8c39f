"""What an organisation may do with a shipment now, as the contract will judge it. Pure."""

from collections.abc import Mapping
from typing import Any

from wayproof_contract.shipment import current_attachments
from wayproof_verifier import coldchain


def role_of(head: Mapping[str, Any], organisation: str) -> str:
    """Return an organisation's role, empty where it is no party."""
    return next((str(party["role"]) for party in head["parties"] if party["msp_id"] == organisation), "")


def actions(head: Mapping[str, Any], *, organisation: str) -> list[str]:
    """Return the names of the requests that may be made of a shipment: the last part of their paths."""
    role = role_of(head, organisation)
    if not role:
        return []
    if head["status"] != "open":
        return ["amendments"]
    offer, is_custodian = head.get("offer"), head["custodian"] == organisation
    permitted = {
        "attachments": True,
        "detachments": bool(current_attachments(head)),
        "offers": is_custodian and offer is None,
        "acceptance": offer is not None and offer["to"] == organisation,
        "rejection": offer is not None and (offer["to"] == organisation or is_custodian),
        "closure": is_custodian and role == "consignee" and offer is None,
        "resolution": any("resolution" not in it for it in coldchain.standing(head["excursions"])),
        "amendments": True,
    }
    return [name for name, may in permitted.items() if may]
