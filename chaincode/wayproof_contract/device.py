"""Devices: who they belong to, their keys, and when a key ended."""

import base64
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from wayproof_contract import log
from wayproof_contract.errors import ContractError
from wayproof_contract.session import Record, Session, stamped
from wayproof_contract.state import device_event_key, device_key, device_public_key

UNSIGNED = "none"


def key_id(public_key: str) -> str:
    """Return the hex SHA-256 of a SubjectPublicKeyInfo DER given in base64."""
    return sha256(base64.b64decode(public_key)).hexdigest()


def apply(head: Mapping[str, Any] | None, event: Mapping[str, Any]) -> Record:
    """Return the device after an event. `keys` lists every key the device ever had, the present one last."""
    match event["kind"], head:
        case "device_registered", None:
            return stamped(
                {
                    "device_id": event["device_id"],
                    "organisation": event["organisation"],
                    "model": event["model"],
                    "home_log": event["home_log"],
                    "status": "active",
                    "keys": [_key(event)],
                },
                event,
            )
        case "device_key_rotated", Mapping():
            return stamped({**head, "keys": [*_ended(head, event), _key(event)]}, event)
        case "device_revoked", Mapping():
            return stamped({**head, "status": "revoked", "keys": _ended(head, event)}, event)
    raise ContractError("wrong_event", f"{event['kind']} cannot follow here")


def _key(event: Mapping[str, Any]) -> Record:
    key = {"algorithm": event["algorithm"], "since": event["version"]}
    if event["algorithm"] != UNSIGNED:
        key |= {"public_key": event["public_key"], "key_id": key_id(event["public_key"])}
    return key


def _ended(head: Mapping[str, Any], event: Mapping[str, Any]) -> list[Record]:
    *earlier, present = head["keys"]
    return [*earlier, {**present, "until": event["version"]}]


def register_device(session: Session, argument: Record) -> Record:
    """Enter a device of the caller's organisation into the register."""
    session.refuse_existing(device_key(argument["device_id"]))
    log.own_open_log(session, argument["home_log"])
    _take_key(session, argument)
    return _append(session, "device_registered", argument, head=None)


def rotate_device_key(session: Session, argument: Record) -> Record:
    """Give a device another key; the old one counts up to the last positions and under heads anchored before."""
    head = _own_active(session, argument)
    _take_key(session, argument)
    return _append(session, "device_key_rotated", argument, head=head)


def revoke_device(session: Session, argument: Record) -> Record:
    """End a device's key for good."""
    return _append(session, "device_revoked", argument, head=_own_active(session, argument))


def active_device(session: Session, device_id: str) -> Record:
    """Return a device that is not revoked."""
    head = session.read(device_key(device_id))
    if head["status"] != "active":
        raise ContractError("device_revoked", f"device {device_id} is revoked; register another one")
    return head


def _own_active(session: Session, argument: Record) -> Record:
    """Return the caller's own device, checking that the last positions are of this device and of one stream each."""
    head = active_device(session, argument["device_id"])
    session.caller.require_organisation(head["organisation"], what=f"device {argument['device_id']}")
    streams = [position["stream"] for position in argument["last_positions"]]
    devices = [position["device_id"] for position in argument["last_positions"]]
    if streams != sorted(dict.fromkeys(streams)) or any(device != argument["device_id"] for device in devices):
        raise ContractError("malformed_argument", "last_positions: one for each stream of this device, by stream name")
    return head


def _take_key(session: Session, argument: Record) -> None:
    """Bind a key to a device: no key ever belongs to two devices, or twice to one."""
    if argument["algorithm"] == UNSIGNED:
        return
    key = device_public_key(key_id(argument["public_key"]))
    if session.find(key) is not None:
        raise ContractError("key_in_use", "this key was registered before; make a new one")
    session.write(key, {"device_id": argument["device_id"]})


def _append(session: Session, kind: str, argument: Record, *, head: Record | None) -> Record:
    device_id = argument["device_id"]
    return session.append(
        kind,
        argument,
        head=head,
        fold=apply,
        head_key=device_key(device_id),
        event_key=partial(device_event_key, device_id),
    )
