"""The codes: closed, stable, documented, and each produced by some input."""

import re
from pathlib import Path

from support.telemetry_cases import REFUSED_PACKS
from support.telemetry_cbor import write
from support.telemetry_envelopes import PACK, header, seal, sealed
from support.telemetry_inputs import DEVICE, ES256_DEVICE, HOSTILE, RECEIPT, RECEIPTS_TOPIC, answer
from wayproof_verifier.telemetry import Rejection, RejectionCode, decode

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "telemetry.md"

OTHERS = (
    b"\xd2" + write([]),  # malformed_envelope
    b"\xd2" + write([write(header(DEVICE)), {}, PACK, b""]),  # invalid_signature_form
    sealed(DEVICE, alg=-37),  # unsupported_algorithm
    sealed(DEVICE, type=60),  # unsupported_content_type
    sealed(DEVICE, seq=0),  # invalid_header
    seal(DEVICE, write({1: -8, 3: 50, 4: DEVICE.key.key_id}), b"{}"),  # invalid_receipt
    sealed(DEVICE, kid=bytes(32)),  # wrong_key
    sealed(ES256_DEVICE, alg=-8),  # wrong_algorithm
    RECEIPT[:-1] + bytes([RECEIPT[-1] ^ 1]),  # bad_signature
)


def test_every_code_is_produced_by_some_input() -> None:
    inputs = [pack.encode("utf-8", "surrogatepass") for _, pack in REFUSED_PACKS]
    inputs += [payload for _, payload in HOSTILE.values()]
    codes = set().union(*map(answer, (*inputs, *OTHERS)))
    astray = decode(PACK, topic=RECEIPTS_TOPIC)
    assert isinstance(astray, Rejection)
    assert codes | {astray.code} == set(RejectionCode)


def test_codes_are_spelled_as_receipts_carry_them() -> None:
    for code in RejectionCode:
        assert code.value == code.name.lower()
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", code.value)


def test_the_document_lists_every_code_once() -> None:
    section = DOCUMENT.read_text("utf-8").split("## Refusals")[1]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == [code.value for code in RejectionCode]
