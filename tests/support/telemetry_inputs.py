"""Payloads for readers that must never raise: valid ones to change, and hostile ones."""

from collections.abc import Mapping

from support.telemetry_cbor import write
from support.telemetry_device import Device
from support.telemetry_envelopes import PACK, header, sealed
from wayproof_verifier.telemetry import (
    SENML_CBOR,
    Held,
    Receipt,
    Rejection,
    RejectionCode,
    decode,
    decode_receipt,
    encode_receipt,
    receipts_topic,
    verify,
    verify_receipt,
)
from wayproof_verifier.telemetry.cbor import DecimalFraction

DEVICE = Device("reefer-7")
ES256_DEVICE = Device("reefer-8", algorithm="ES256")
T = 1_750_000_000

CBOR_PACK = write([{-2: "a/", -3: T, 0: "b", 2: DecimalFraction(-1, 45)}, {0: "c", 4: True}, {0: "d", 2: 1.5}])
RECEIPT = encode_receipt(
    Receipt("shipper-log", 1, "reefer-7", 5, 6, (Held("conditions", 1, 1, 9, bytes(32)),)),
    algorithm="EdDSA",
    key_id=DEVICE.key.key_id,
    sign=DEVICE.sign,
)
VALID: tuple[bytes, ...] = (
    PACK,
    CBOR_PACK,
    sealed(DEVICE),
    sealed(ES256_DEVICE),
    sealed(DEVICE, CBOR_PACK, type=SENML_CBOR, seq=1, boot=3, prev=bytes(31) + b"\x01", after=[2, 7]),
    RECEIPT,
)
"""Payloads that are accepted, one of each kind."""


def answer(data: bytes) -> set[RejectionCode]:
    """Give a payload to every reader, as a message and as a receipt; return why it is refused."""
    codes = set()
    for device in (DEVICE, ES256_DEVICE):
        message = decode(data, topic=device.topic)
        rejection = message if isinstance(message, Rejection) else verify(message, key=device.key)
        codes |= {rejection.code} if rejection else set()
    receipt = decode_receipt(data)
    rejection = receipt if isinstance(receipt, Rejection) else verify_receipt(receipt, key=DEVICE.key)
    return codes | ({rejection.code} if rejection else set())


def record(value: str) -> bytes:
    """Return a pack in JSON whose one value is written as given."""
    return f'[{{"n":"a","t":{T},"v":{value}}}]'.encode()


C = RejectionCode
FULL = 262_144
HOSTILE: Mapping[str, tuple[RejectionCode, bytes]] = {
    "arrays 10,000 deep in JSON": (C.TOO_DEEP, b"[" * 10_000 + b"]" * 10_000),
    "arrays open to the limit in JSON": (C.TOO_DEEP, b"[" * FULL),
    "objects 10,000 deep in JSON": (C.TOO_DEEP, b'[{"a":' * 10_000),
    "brackets in a string, then nesting": (C.TOO_DEEP, b'["[[\\"]]",' + b"[" * 10_000),
    "brackets closed first": (C.MALFORMED_JSON, b"]" * 20_000 + b"[" * 20_000),
    "a string without an end": (C.MALFORMED_JSON, b'["' + b"a" * (FULL - 2)),
    "backslashes without an end": (C.MALFORMED_JSON, b'["' + b"\\" * (FULL - 2)),
    "quotes without an end": (C.MALFORMED_JSON, b'"' * FULL),
    "arrays 10,000 deep in CBOR": (C.TOO_DEEP, b"\x81" * 10_000 + b"\x00"),
    "maps 10,000 deep in CBOR": (C.TOO_DEEP, b"\x81" + b"\xa1\x00" * 10_000 + b"\x00"),
    "tags to the limit in CBOR": (C.MALFORMED_CBOR, b"\x81" + b"\xc4" * (FULL - 1)),
    "an envelope of nesting": (C.TOO_DEEP, b"\xd2" + b"\x84" * 10_000),
    "a protected header of nesting": (C.TOO_DEEP, b"\xd2" + write([b"\x81" * 10_000, {}, b"", b""])),
    "a signed pack of nesting": (C.TOO_DEEP, sealed(DEVICE, b"[" * 10_000)),
    "an array of 2^64 - 1": (C.MALFORMED_CBOR, b"\x9b" + b"\xff" * 8),
    "a map of 2^63": (C.MALFORMED_CBOR, b"\x81\xbb\x80" + bytes(7)),
    "bytes of 2^64 - 1": (C.MALFORMED_CBOR, b"\xd2\x84\x5b" + b"\xff" * 8),
    "NaN in JSON": (C.INVALID_NUMBER, record("NaN")),
    "NaN in CBOR": (C.INVALID_NUMBER, bytes.fromhex("81a3006161 02f97e00 061a684ee180")),
    "an infinity in CBOR": (C.INVALID_NUMBER, bytes.fromhex("81a3006161 02f97c00 061a684ee180")),
    "1e400": (C.NUMBER_OUT_OF_RANGE, record("1e400")),
    "1e-999999999": (C.NUMBER_OUT_OF_RANGE, record("1e-999999999")),
    "an exponent of 200,000 digits": (C.NUMBER_OUT_OF_RANGE, record("1e" + "9" * 200_000)),
    "an integer of 200,000 digits": (C.NUMBER_OUT_OF_RANGE, record("7" * 200_000)),
    "a fraction of 200,000 digits": (C.NUMBER_OUT_OF_RANGE, record("0." + "7" * 200_000)),
    "an exponent of 2^64 - 1 in CBOR": (
        C.NUMBER_OUT_OF_RANGE,
        write([{0: "a", 6: T, 2: DecimalFraction(2**64 - 1, 1)}]),
    ),
    "an exponent of -2^64 in CBOR": (
        C.NUMBER_OUT_OF_RANGE,
        write([{0: "a", 6: T, 2: DecimalFraction(-(2**64), 10**19)}]),
    ),
    "a double of 1e308 in CBOR": (C.NUMBER_OUT_OF_RANGE, write([{0: "a", 6: T, 2: 1e308}])),
    "a bignum": (C.MALFORMED_CBOR, bytes.fromhex("81a102c258c8") + b"\xff" * 200),
    "a key twice in JSON": (C.DUPLICATE_KEY, b'[{"n":"a","n":"a"}]'),
    "a key twice in CBOR": (C.DUPLICATE_KEY, b"\x81\xa2\x00\x61a\x00\x61a"),
    "a key twice in a protected header": (C.DUPLICATE_KEY, b"\xd2" + write([b"\xa2\x01\x27\x01\x27", {}, b"", b""])),
    "a lone surrogate in JSON": (C.INVALID_TEXT, b'[{"n":"a","t":1750000000,"vs":"\\udfff"}]'),
    "a lone surrogate in UTF-8": (C.INVALID_TEXT, b'[{"n":"\xed\xa0\x80"}]'),
    "a lone surrogate as a label": (C.UNSUPPORTED_FIELD, b'[{"\\ud800":1}]'),
    "a lone surrogate in CBOR": (C.INVALID_TEXT, b"\x81\xa1\x00\x63\xed\xa0\x80"),
    "an indefinite pack": (C.NON_DETERMINISTIC_CBOR, b"\x9f" + CBOR_PACK[1:] + b"\xff"),
    "an indefinite text": (C.NON_DETERMINISTIC_CBOR, b"\x81\xa1\x00\x7f\x61a\xff"),
    "an indefinite envelope": (C.NON_DETERMINISTIC_CBOR, b"\xd2\x9f" + sealed(DEVICE)[2:] + b"\xff"),
    "bytes after a pack in JSON": (C.MALFORMED_JSON, PACK + PACK),
    "bytes after a pack in CBOR": (C.MALFORMED_CBOR, CBOR_PACK + b"\x00"),
    "bytes after an envelope": (C.MALFORMED_CBOR, sealed(DEVICE) + b"\x00"),
    "bytes after a protected header": (
        C.MALFORMED_CBOR,
        b"\xd2" + write([write(header(DEVICE)) + b"\x00", {}, PACK, bytes(64)]),
    ),
    "one byte too many": (C.PAYLOAD_TOO_LARGE, PACK + b" " * (FULL + 1 - len(PACK))),
    "sixteen megabytes of nesting": (C.PAYLOAD_TOO_LARGE, b"[" * (1 << 24)),
    "87,381 empty records": (C.INVALID_PACK, b"[{}" + b",{}" * 87_380 + b"]"),
    "a name of 200,000 characters": (C.INVALID_NAME, f'[{{"n":"{"a" * 200_000}","v":1}}]'.encode()),
}
"""Payloads made to hurt their reader, and what they are answered.

Each is at most as long as a message may be, unless its length is the fault.
"""

RECEIPTS_TOPIC = receipts_topic("ShipperMSP", device_id="reefer-7")
