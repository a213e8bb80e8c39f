"""Schemas, the AsyncAPI document and the examples: they agree with the decoder, as far as each can say it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from support.telemetry_cases import ACCEPTED_PACKS, REFUSED_PACKS
from support.telemetry_golden import DEVICE, FOLDER
from wayproof_contract import canonical
from wayproof_verifier.telemetry import (
    Message,
    Receipt,
    RejectionCode,
    decode,
    decode_receipt,
    encode_receipt,
    messages_topic,
    receipts_topic,
)
from wayproof_verifier.telemetry.envelope import encode_envelope
from wayproof_verifier.telemetry.senml import MAX_RECORDS, UNITS

C = RejectionCode
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ASYNCAPI: dict[str, Any] = yaml.safe_load((REFERENCE / "telemetry" / "asyncapi.yaml").read_text("utf-8"))


def schema(name: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads((REFERENCE / "telemetry" / name).read_text("utf-8"))
    return members


PACK_SCHEMA, RECEIPT_SCHEMA = schema("senml-pack.schema.json"), schema("receipt.schema.json")
PACKS, RECEIPTS = Draft202012Validator(PACK_SCHEMA), Draft202012Validator(RECEIPT_SCHEMA)
RECEIPT: dict[str, Any] = RECEIPT_SCHEMA["examples"][0]

BEYOND_A_SCHEMA = {
    C.MALFORMED_JSON,
    C.DUPLICATE_KEY,
    C.INVALID_TIME,
    C.INVALID_TEXT,
    C.TOO_DEEP,
    C.NUMBER_OUT_OF_RANGE,
    C.INVALID_NUMBER,
    C.INVALID_NAME,
    C.UNSUPPORTED_VERSION,
    C.UNSUPPORTED_UNIT,
}
"""Codes of which some faults only the decoder sees: how text is written, and what base fields resolve to."""


@pytest.mark.parametrize("document", [PACK_SCHEMA, RECEIPT_SCHEMA])
def test_the_schemas_are_schemas(document: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(document)


@pytest.mark.parametrize("pack", ACCEPTED_PACKS)
def test_what_is_decoded_fits_the_schema(pack: str) -> None:
    PACKS.validate(json.loads(pack))


@pytest.mark.parametrize(("code", "pack"), [case for case in REFUSED_PACKS if case[0] not in BEYOND_A_SCHEMA])
def test_what_is_refused_does_not_fit_the_schema(code: RejectionCode, pack: str) -> None:
    assert not PACKS.is_valid(json.loads(pack)), code


@pytest.mark.parametrize(
    "pack",
    [
        '[{"n":"a b","t":1750000000,"v":1}]',
        '[{"n":"a","u":"Fahrenheit","t":1750000000,"v":1}]',
        '[{"bver":11,"n":"a","t":1750000000,"v":1}]',
        '[{"bver":1.5,"n":"a","t":1750000000,"v":1}]',
        '[{"n":"a","t":1750000000,"vs":"\\u0000"}]',
        '[{"n":"a","t":1750000000,"v":9223372036854775808}]',
    ],
)
def test_of_the_other_faults_the_schema_sees_what_it_can(pack: str) -> None:
    assert pack in {text for _, text in REFUSED_PACKS}
    assert not PACKS.is_valid(json.loads(pack))


def test_the_schema_knows_the_decoders_numbers() -> None:
    assert PACK_SCHEMA["maxItems"] == MAX_RECORDS
    assert PACK_SCHEMA["$defs"]["unit"]["enum"] == list(UNITS)


def sealed_receipt(members: object) -> bytes:
    header: dict[int | str, Any] = {1: -8, 3: 50, 4: DEVICE.key.key_id}
    return encode_envelope(header, payload=canonical.encode(members), sign=DEVICE.sign)


def held(**changes: object) -> dict[str, Any]:
    return {"held": [RECEIPT["held"][0] | changes]}


@pytest.mark.parametrize("change", [{}, {"held": []}, {"refused": []}, {"issued_at_ms": 0}, held(first=9)], ids=repr)
def test_receipts_that_fit_the_schema_are_read(change: dict[str, Any]) -> None:
    RECEIPTS.validate(RECEIPT | change)
    assert isinstance(decode_receipt(sealed_receipt(RECEIPT | change)), Receipt)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"more": 1},
        {"epoch": 0},
        {"epoch": "1"},
        {"log_id": "a/b"},
        {"device_id": ""},
        {"issued_at_ms": -1},
        {"anchored_by_ms": True},
        {"held": {}},
        held(stream="Conditions"),
        held(boot=0),
        held(last_hash="00"),
        held(more=1),
        {"refused": [{"payload_hash": "00" * 32}]},
        {"refused": [{"payload_hash": "00" * 32, "reason": "Not good"}]},
        {"refused": [{"payload_hash": "AA" * 32, "reason": "not_good"}]},
    ],
    ids=repr,
)
def test_receipts_that_do_not_fit_the_schema_are_refused(change: dict[str, Any]) -> None:
    assert not RECEIPTS.is_valid(RECEIPT | change)
    assert not isinstance(decode_receipt(sealed_receipt(RECEIPT | change)), Receipt)


def test_what_we_write_fits_the_schema() -> None:
    fixture = json.loads((FOLDER / "receipt.json").read_text("utf-8"))
    RECEIPTS.validate(json.loads(fixture["payload_text"]))
    receipt = decode_receipt(sealed_receipt(RECEIPT))
    assert isinstance(receipt, Receipt)
    again = encode_receipt(receipt, algorithm="EdDSA", key_id=DEVICE.key.key_id, sign=DEVICE.sign)
    assert again == sealed_receipt(RECEIPT)


# The AsyncAPI document: its structure, its references, its examples.


def nodes(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - of any shape
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def resolve(reference: str) -> Any:  # noqa: ANN401 - of any shape
    file, _, pointer = reference.partition("#")
    target: Any = schema(file) if file else ASYNCAPI
    for part in pointer.split("/")[1:]:
        target = target[part]
    return target


def examples() -> list[tuple[str, Any]]:
    messages = ASYNCAPI["components"]["messages"]
    return [(name, example["payload"]) for name, message in messages.items() for example in message["examples"]]


def test_every_reference_resolves() -> None:
    references = [node["$ref"] for node in nodes(ASYNCAPI) if "$ref" in node]
    assert {"senml-pack.schema.json", "receipt.schema.json"} <= set(references)
    assert all(isinstance(resolve(reference), dict) for reference in references)


def test_the_document_has_the_members_that_asyncapi_requires() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= ASYNCAPI["info"].keys()
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = resolve(operation["channel"]["$ref"])
        own = [f"{operation['channel']['$ref']}/messages/{name}" for name in channel["messages"]]
        assert [message["$ref"] for message in operation["messages"]] == own
        assert resolve(operation["bindings"]["$ref"])["mqtt"] == {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}
    for message in ASYNCAPI["components"]["messages"].values():
        assert {"contentType", "payload", "examples"} <= message.keys()


def test_the_addresses_are_the_topics() -> None:
    parts = {"organisation": "ShipperMSP", "device_id": "reefer-7"}
    topics = {name: channel["address"].format(**parts) for name, channel in ASYNCAPI["channels"].items()}
    assert topics == {
        "messages": messages_topic("ShipperMSP", device_id="reefer-7"),
        "receipts": receipts_topic("ShipperMSP", device_id="reefer-7"),
    }
    for channel in ASYNCAPI["channels"].values():
        assert set(channel["parameters"]) == set(re.findall(r"{(\w+)}", channel["address"])) == set(parts)


@pytest.mark.parametrize(("name", "payload"), examples())
def test_the_examples_fit_their_schemas_and_decode(name: str, payload: Any) -> None:  # noqa: ANN401 - of any shape
    message = ASYNCAPI["components"]["messages"][name]
    Draft202012Validator(resolve(message["payload"]["$ref"])).validate(payload)
    data = bytes.fromhex(payload) if isinstance(payload, str) else json.dumps(payload).encode()
    if name == "receipt":
        assert isinstance(decode_receipt(data), Receipt)
        return
    decoded = decode(data, topic=DEVICE.topic)
    assert isinstance(decoded, Message)
    assert decoded.is_signed == (name == "signed_message")


@pytest.mark.parametrize("pack", PACK_SCHEMA["examples"])
def test_the_schemas_example_decodes(pack: object) -> None:
    PACKS.validate(pack)
    assert isinstance(decode(json.dumps(pack).encode(), topic=DEVICE.topic), Message)


def test_the_documents_pack_fits_and_decodes() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (REFERENCE / "telemetry.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    PACKS.validate(json.loads(blocks[0]))
    assert isinstance(decode(blocks[0].encode(), topic=DEVICE.topic), Message)
