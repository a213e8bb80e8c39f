"""The ledger's side of enrolment: a device is registered once, with its key, and revoked for good."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from wayproof.enrolment.desk import Taken
from wayproof.enrolment.errors import EnrolmentError
from wayproof.errors import ContractRefusal
from wayproof.ledger import Ledger
from wayproof.store.devices import DescribedDevice
from wayproof_verifier.telemetry import PublicKey

Record = Mapping[str, Any]


async def register(ledger: Ledger, taken: Taken, *, organisation: str, home_log: str) -> Record | None:
    """Register a device unless it is, with this key; return what was recorded, None if there was nothing to do.

    Raises EnrolmentError if the device has another key, belongs to others, or is revoked; and as the ledger does.
    """
    head = await _find(ledger, taken.device_id)
    if head is not None:
        _require_same(head, taken, organisation=organisation)
        return None
    argument = {
        "device_id": taken.device_id,
        "algorithm": PublicKey.from_spki(taken.public_key).algorithm,
        "public_key": b64encode(taken.public_key).decode(),
        "home_log": home_log,
        "model": taken.model,
    }
    return await ledger.submit("register_device", argument)


def revocation(device: DescribedDevice, *, reason: str) -> dict[str, Any]:
    """Return the argument that revokes a device: what it signed up to the last positions held here still counts."""
    return {
        "device_id": device.device_id,
        "reason": reason,
        "last_positions": list(_last_positions(device)),
    }


def _last_positions(device: DescribedDevice) -> Iterable[dict[str, Any]]:
    for stream in sorted(device.streams or (), key=lambda it: str(it["stream"])):
        if stream["stream"]:  # what came unsigned has no chain, and no position
            yield {
                "device_id": device.device_id,
                **{name: stream[name] for name in ("stream", "boot", "sequence", "hash")},
            }


async def _find(ledger: Ledger, device_id: str) -> Record | None:
    try:
        return await ledger.query("get_device", {"device_id": device_id})
    except ContractRefusal as refusal:
        if refusal.code == "not_found":
            return None
        raise


def _require_same(head: Record, taken: Taken, *, organisation: str) -> None:
    if head["status"] != "active":
        raise EnrolmentError(f"device {taken.device_id} is revoked: register another one", code="device_revoked")
    present = head["keys"][-1].get("key_id")
    if head["organisation"] != organisation or present != sha256(taken.public_key).hexdigest():
        raise EnrolmentError(f"device {taken.device_id} is registered with another key", code="device_exists")
