"""Custody: **where a custody rule is enforced**. One custodian offers, another organisation accepts or rejects.

Each step is signed by its own organisation and records the condition of the goods as that organisation saw it.
"""

from wayproof_contract.errors import ContractError
from wayproof_contract.session import Record, Session
from wayproof_contract.transit import append, open_shipment, require_custodian, require_party, with_condition


def offer_custody(session: Session, argument: Record) -> Record:
    """Offer custody to another party. The custodian stays responsible until it is accepted."""
    head = open_shipment(session, argument["gsin"])
    require_custodian(session, head)
    if "offer" in head:
        raise ContractError("offer_pending", f"custody is offered to {head['offer']['to']}; withdraw that first")
    takers = [party["msp_id"] for party in head["parties"] if party["role"] != "auditor"]
    if argument["to"] not in takers or argument["to"] == session.caller.msp_id:
        raise ContractError("not_a_party", "custody goes to another party of the shipment that is not an auditor")
    return append(session, "custody_offered", with_condition(session, head, argument), head=head)


def accept_custody(session: Session, argument: Record) -> Record:
    """Take over: from this event on the caller's organisation has the goods."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    _pending(head, argument["offer"])
    if head["offer"]["to"] != session.caller.msp_id:
        raise ContractError("not_addressee", f"custody is offered to {head['offer']['to']}")
    return append(session, "custody_accepted", with_condition(session, head, argument), head=head)


def reject_custody(session: Session, argument: Record) -> Record:
    """Refuse an offer, or withdraw one's own. The custodian stays the same."""
    head = open_shipment(session, argument["gsin"])
    require_party(session, head)
    _pending(head, argument["offer"])
    if session.caller.msp_id not in (head["offer"]["to"], head["custodian"]):
        raise ContractError("not_addressee", "only whoever is offered custody, or offers it, may reject")
    return append(session, "custody_rejected", argument, head=head)


def _pending(head: Record, version: int) -> None:
    if "offer" not in head or head["offer"]["version"] != version:
        raise ContractError("no_offer", "there is no such offer; read the shipment again")
