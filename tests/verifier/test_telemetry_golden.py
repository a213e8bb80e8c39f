"""Golden bytes: ours do not change, and each step follows from the one before by the standard's own means."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.telemetry_cbor import write
from support.telemetry_golden import FOLDER, fixtures
from wayproof_verifier.telemetry import Message, PublicKey, Receipt, decode, decode_receipt, verify, verify_receipt

NAMES = ["message_json", "message_cbor", "entry", "receipt"]
MESSAGES = ["message_json", "message_cbor"]
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "telemetry.md"


def load(name: str) -> dict[str, Any]:
    fixture: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return fixture


def raw(fixture: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(fixture[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_the_golden_ones(name: str) -> None:
    assert fixtures()[name] == load(name)


def test_every_fixture_is_compared_and_explained() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)
    explained = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{name}.json`" in explained for name in NAMES)


@pytest.mark.parametrize(
    ("name", "payload", "whole"), [*((it, "pack", "message") for it in MESSAGES), ("receipt", "payload", "receipt")]
)
def test_each_step_follows_from_the_one_before(name: str, payload: str, whole: str) -> None:
    fixture = load(name)
    private = Ed25519PrivateKey.from_private_bytes(sha256(fixture["key"]["seed"].encode()).digest())
    assert private.private_bytes_raw() == raw(fixture["key"], "private")
    assert raw(fixture["key"], "spki").endswith(private.public_key().public_bytes_raw())
    assert sha256(raw(fixture["key"], "spki")).hexdigest() == fixture["key"]["key_id"]
    signed = write(["Signature1", raw(fixture, "protected"), b"", raw(fixture, payload)])
    assert raw(fixture, "signed_bytes") == signed
    assert fixture.get("message_hash", fixture.get("signed_bytes_hash")) == sha256(signed).hexdigest()
    assert raw(fixture, "signature") == private.sign(signed)
    parts = [raw(fixture, "protected"), {}, raw(fixture, payload), raw(fixture, "signature")]
    assert raw(fixture, whole) == b"\xd2" + write(parts)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_message_says_what_stands_beside_it(name: str) -> None:
    fixture = load(name)
    header = {
        1: -8,
        3: fixture["content_type"],
        4: raw(fixture["key"], "key_id"),
        "seq": fixture["sequence"],
        "boot": fixture["boot"],
        "prev": raw(fixture, "previous"),
        "stream": fixture["stream"],
    } | ({"after": fixture["after"]} if fixture["after"] else {})
    assert raw(fixture, "protected") == write(header)
    message = decode(raw(fixture, "message"), topic=fixture["topic"])
    assert isinstance(message, Message)
    assert verify(message, key=PublicKey.from_spki(raw(fixture["key"], "spki"))) is None
    assert [reading.as_list() for reading in message.readings] == fixture["readings"]


def test_the_golden_messages_chain() -> None:
    first, second = map(load, MESSAGES)
    assert second["previous"] == first["message_hash"]
    assert second["after"] == [first["boot"], first["sequence"]]


def test_the_golden_entry_is_made_as_documented() -> None:
    fixture = load("entry")
    parts = [
        raw(fixture, "salt"),
        fixture["topic"].encode(),
        raw(fixture, "payload"),
        fixture["received_at_ms"].to_bytes(8),
    ]
    preimage = b"wayproof.entry\x01" + b"".join(len(part).to_bytes(4) + part for part in parts)
    assert raw(fixture, "preimage") == preimage
    assert raw(fixture, "entry") == sha256(preimage).digest()
    assert raw(fixture, "leaf") == sha256(b"\x00" + raw(fixture, "entry")).digest()


def test_the_golden_receipt_verifies() -> None:
    fixture = load("receipt")
    receipt = decode_receipt(raw(fixture, "receipt"))
    assert isinstance(receipt, Receipt)
    assert verify_receipt(receipt, key=PublicKey.from_spki(raw(fixture["key"], "spki"))) is None
    assert raw(fixture, "payload") == fixture["payload_text"].encode()
    assert json.loads(fixture["payload_text"])["held"][0]["last_hash"] == load("message_cbor")["message_hash"]


def test_the_message_in_the_document_is_the_golden_one() -> None:
    block = DOCUMENT.read_text("utf-8").split("```hex\n")[1].split("```")[0]
    lines = [line.split("#")[0] for line in block.splitlines()]
    assert bytes.fromhex("".join(lines)).hex() == load("message_cbor")["message"]
