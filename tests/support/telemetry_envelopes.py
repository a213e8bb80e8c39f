"""Envelopes made by hand, right and wrong: what a device's own code would never send."""

from typing import Any

from support.telemetry_cbor import write
from support.telemetry_device import Device
from wayproof_verifier.telemetry.envelope import signed_bytes

PACK = b'[{"n":"temperature","u":"Cel","t":1750000000,"v":4.5}]'


def header(device: Device, **changes: object) -> dict[Any, Any]:
    """Return the header of a device's first message; a change of None takes a label away.

    Labels that are integers are named `alg`, `type` and `kid`.
    """
    members: dict[Any, Any] = {
        "alg": -8 if device.algorithm == "EdDSA" else -7,
        "type": 110,
        "kid": device.key.key_id,
        "seq": 1,
        "boot": 1,
        "prev": bytes(32),
        "stream": "conditions",
    }
    labels = {"alg": 1, "type": 3, "kid": 4}
    return {labels.get(name, name): value for name, value in (members | changes).items() if value is not None}


def seal(device: Device, protected: bytes, payload: bytes = PACK) -> bytes:
    """Return an envelope around a protected header as it stands, truly signed."""
    signature = device.sign(signed_bytes(protected, payload=payload))
    return b"\xd2" + write([protected, {}, payload, signature])


def sealed(device: Device, payload: bytes = PACK, /, **changes: object) -> bytes:
    """Return a truly signed message whose header is the first message's with changes."""
    return seal(device, write(header(device, **changes)), payload)
