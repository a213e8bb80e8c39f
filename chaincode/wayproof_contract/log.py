"""Logs: an organisation's append-only tree, its epochs, its anchors, and what was lawfully erased from it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from wayproof_contract.errors import ContractError
from wayproof_contract.merkle import EMPTY_ROOT, verify_consistency
from wayproof_contract.session import Record, Session, stamped
from wayproof_contract.state import (
    anchor_head_key,
    anchor_key,
    device_key,
    erasure_key,
    log_event_key,
    log_key,
)


def apply(head: Mapping[str, Any] | None, event: Mapping[str, Any]) -> Record:
    """Return the log after an event; the keys are those of the present epoch."""
    match event["kind"], head:
        case "log_registered", None:
            return stamped(
                {
                    "log_id": event["log_id"],
                    "organisation": event["organisation"],
                    "origin": event["origin"],
                    "epoch": 1,
                    "status": "open",
                    "checkpoint_key": event["checkpoint_key"],
                    "receipt_key": event["receipt_key"],
                },
                event,
            )
        case "log_retired", Mapping() if "next" in event:
            return stamped({**head, **event["next"], "epoch": head["epoch"] + 1}, event)
        case "log_retired", Mapping():
            return stamped({**head, "status": "retired"}, event)
    raise ContractError("wrong_event", f"{event['kind']} cannot follow here")


def register_log(session: Session, argument: Record) -> Record:
    """Open an organisation's log: its first epoch, empty."""
    session.refuse_existing(log_key(argument["log_id"]))
    _open_epoch(session, argument["log_id"], epoch=1)
    return _append(session, "log_registered", argument, head=None)


def retire_log(session: Session, argument: Record) -> Record:
    """Close an epoch that cannot go on, naming the loss and its last anchor; with `next`, open the next one."""
    head = own_open_log(session, argument["log_id"])
    _require_epoch(head, argument["epoch"])
    anchor = session.read(anchor_head_key(argument["log_id"]))
    last = {name: anchor[name] for name in ("counter", "size", "root")}
    if "next" in argument:
        _open_epoch(session, argument["log_id"], epoch=head["epoch"] + 1)
    return _append(session, "log_retired", {**argument, "last": last}, head=head)


def anchor_log(session: Session, argument: Record) -> Record:
    """Record the log's new tree head, if it is consistent with the last one. The same head again changes nothing."""
    log = own_open_log(session, argument["log_id"])
    _require_epoch(log, argument["epoch"])
    last = session.read(anchor_head_key(argument["log_id"]))
    same = (argument["size"], argument["root"]) == (last["size"], last["root"])
    if argument["counter"] == last["counter"] and same:
        return last
    if argument["counter"] != last["counter"] + 1:
        raise ContractError("wrong_counter", f"the next anchor has counter {last['counter'] + 1}; ask for the head")
    _require_consistency(last, argument)
    anchor = session.signed({name: argument[name] for name in ("log_id", "epoch", "counter", "size", "root")})
    session.write(anchor_key(argument["log_id"], argument["epoch"], argument["counter"]), anchor)
    session.write(anchor_head_key(argument["log_id"]), anchor)
    return anchor


def record_erasure(session: Session, argument: Record) -> Record:
    """Record that a message was lawfully erased: who, why, and its place, so that the chain stays whole."""
    log = session.read(log_key(argument["log_id"]))
    session.caller.require_organisation(log["organisation"], what=f"log {argument['log_id']}")
    key = erasure_key(argument["log_id"], argument["epoch"], argument["index"])
    session.refuse_existing(key)
    device = session.read(device_key(argument["position"]["device_id"]))
    if device["home_log"] != argument["log_id"]:
        raise ContractError("wrong_position", f"this device's home log is {device['home_log']}")
    anchor = resolved_anchor(session, {name: argument[name] for name in ("log_id", "epoch", "counter")})
    if argument["index"] >= anchor["size"]:
        raise ContractError("not_anchored", f"this anchor ends at index {anchor['size']}; name one above the message")
    erasure = session.signed(argument)
    session.write(key, erasure)
    return erasure


def own_open_log(session: Session, log_id: str) -> Record:
    """Return the caller's own log, not retired."""
    head = session.read(log_key(log_id))
    session.caller.require_organisation(head["organisation"], what=f"log {log_id}")
    if head["status"] != "open":
        raise ContractError("log_retired", f"log {log_id} is retired; register another one")
    return head


def resolved_anchor(session: Session, reference: Record) -> Record:
    """Return an anchor reference with its size. Reads an immutable record, so no later anchor can conflict."""
    if reference["counter"] == 0 and _was_opened(session, reference["log_id"], epoch=reference["epoch"]):
        return {**reference, "size": 0}
    anchor = session.find(anchor_key(reference["log_id"], reference["epoch"], reference["counter"]))
    if anchor is None:
        raise ContractError("wrong_anchor", f"log {reference['log_id']} has no such anchor; name one that is committed")
    return {**reference, "size": anchor["size"]}


def _was_opened(session: Session, log_id: str, *, epoch: int) -> bool:
    """Tell whether an epoch was ever opened: every event but a final retirement opens the one of its own number."""
    event = session.find(log_event_key(log_id, epoch))
    return event is not None and (event["kind"] == "log_registered" or "next" in event)


def _require_epoch(log: Mapping[str, Any], epoch: int) -> None:
    if log["epoch"] != epoch:
        raise ContractError("wrong_epoch", f"log {log['log_id']} is in epoch {log['epoch']}")


def _require_consistency(last: Mapping[str, Any], argument: Mapping[str, Any]) -> None:
    consistent = verify_consistency(
        last["size"],
        first_root=bytes.fromhex(last["root"]),
        second_size=argument["size"],
        second_root=bytes.fromhex(argument["root"]),
        proof=[bytes.fromhex(node) for node in argument["proof"]],
    )
    if not consistent:
        raise ContractError(
            "inconsistent_log",
            f"nothing proves that the log of size {last['size']} is a prefix of this one; a log is never rewritten",
        )


def _open_epoch(session: Session, log_id: str, *, epoch: int) -> None:
    session.write(
        anchor_head_key(log_id),
        {
            "log_id": log_id,
            "epoch": epoch,
            "counter": 0,
            "size": 0,
            "root": EMPTY_ROOT.hex(),
            "tx_id": session.tx_id,
            "tx_timestamp_ms": session.tx_timestamp_ms,
        },
    )


def _append(session: Session, kind: str, argument: Record, *, head: Record | None) -> Record:
    log_id = argument["log_id"]
    return session.append(
        kind, argument, head=head, fold=apply, head_key=log_key(log_id), event_key=partial(log_event_key, log_id)
    )
