"""Golden bytes of telemetry: every intermediate value, so that another implementation sees where it differs.

    PYTHONPATH=tests python -m support.telemetry_golden

writes `tests/fixtures/telemetry/*.json` again. They change only if the format does, which it must not.
"""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.telemetry_cbor import write
from support.telemetry_device import Device, Place
from wayproof_contract.merkle import leaf_hash
from wayproof_verifier.entry import entry_hash, entry_preimage
from wayproof_verifier.telemetry import (
    SENML_CBOR,
    SENML_JSON,
    Held,
    Message,
    Receipt,
    Refused,
    RejectionCode,
    decode,
    decode_receipt,
    encode_receipt,
)
from wayproof_verifier.telemetry.cbor import DecimalFraction
from wayproof_verifier.telemetry.envelope import message_hash

FOLDER = Path(__file__).parents[1] / "fixtures" / "telemetry"
KEY_NOTE = "A published test key: SHA-256 of the text in `seed`. It protects nothing; never register it."
Fixture = dict[str, object]

DEVICE, LOG = Device("golden-device"), Device("golden-log")
JSON_PACK = (
    b'[{"bn":"reefer-7/","bt":1750000000.25,"n":"temperature","u":"Cel","v":-18.50},{"n":"door","t":-30,"vb":false}]'
)
CBOR_PACK = write(
    [
        {0: "temperature", 1: "Cel", 2: DecimalFraction(-1, -185), 6: 1_750_000_060},
        {0: "raw", 6: 1_750_000_060, 8: b"hi\n"},
    ]
)
SALT = bytes(range(16))
RECEIVED_AT_MS = 1_750_000_061_007


def fixtures() -> dict[str, Fixture]:
    """Return every fixture by the name of its file."""
    first = DEVICE.payload(JSON_PACK, place=Place("conditions", 1, 1, bytes(32)))
    first_hash = _decoded(first).message_hash
    second = DEVICE.payload(CBOR_PACK, place=Place("conditions", 2, 1, first_hash, (1, 1)), content_type=SENML_CBOR)
    return {
        "message_json": _message(first, content_type=SENML_JSON),
        "message_cbor": _message(second, content_type=SENML_CBOR),
        "entry": _entry(second),
        "receipt": _receipt(_decoded(second)),
    }


def _decoded(payload: bytes) -> Message:
    message = decode(payload, topic=DEVICE.topic)
    assert isinstance(message, Message)
    return message


def _key(device: Device) -> Fixture:
    assert isinstance(device.private_key, Ed25519PrivateKey)
    return {
        "note": KEY_NOTE,
        "seed": f"wayproof published test key: {device.device_id}",
        "private": device.private_key.private_bytes_raw().hex(),
        "spki": device.spki.hex(),
        "key_id": device.key.key_id.hex(),
    }


def _message(payload: bytes, *, content_type: int) -> Fixture:
    message = _decoded(payload)
    assert message.envelope is not None
    return {
        "key": _key(DEVICE),
        "topic": DEVICE.topic,
        "content_type": content_type,
        "stream": message.stream,
        "boot": message.boot,
        "sequence": message.sequence,
        "previous": message.previous.hex(),
        "after": list(message.after or ()),
        "pack": message.envelope.payload.hex(),
        "protected": message.envelope.protected.hex(),
        "signed_bytes": message.envelope.signed_bytes.hex(),
        "message_hash": message.message_hash.hex(),
        "signature": message.envelope.signature.hex(),
        "message": payload.hex(),
        "readings": [reading.as_list() for reading in message.readings],
    }


def _entry(payload: bytes) -> Fixture:
    preimage = entry_preimage(SALT, topic=DEVICE.topic, payload=payload, received_at_ms=RECEIVED_AT_MS)
    entry = entry_hash(SALT, topic=DEVICE.topic, payload=payload, received_at_ms=RECEIVED_AT_MS)
    return {
        "salt": SALT.hex(),
        "topic": DEVICE.topic,
        "payload": payload.hex(),
        "received_at_ms": RECEIVED_AT_MS,
        "preimage": preimage.hex(),
        "entry": entry.hex(),
        "leaf": leaf_hash(entry).hex(),
    }


def _receipt(message: Message) -> Fixture:
    receipt = Receipt(
        log_id="golden-log",
        epoch=1,
        device_id=DEVICE.device_id,
        issued_at_ms=1_750_000_062_000,
        anchored_by_ms=1_750_000_362_000,
        held=(Held(message.stream, message.boot, 1, message.sequence, message.message_hash),),
        refused=(Refused(bytes(range(32)), RejectionCode.MALFORMED_JSON),),
    )
    data = encode_receipt(receipt, algorithm="EdDSA", key_id=LOG.key.key_id, sign=LOG.sign)
    read = decode_receipt(data)
    assert isinstance(read, Receipt)
    assert read.envelope is not None
    return {
        "key": _key(LOG),
        "payload": read.envelope.payload.hex(),
        "payload_text": read.envelope.payload.decode(),
        "protected": read.envelope.protected.hex(),
        "signed_bytes": read.envelope.signed_bytes.hex(),
        "signed_bytes_hash": message_hash(read.envelope.signed_bytes).hex(),
        "signature": read.envelope.signature.hex(),
        "receipt": data.hex(),
    }


def main() -> None:
    """Write the fixtures."""
    for name, fixture in fixtures().items():
        (FOLDER / f"{name}.json").write_text(json.dumps(fixture, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
