"""Why a payload is refused: a closed list of stable codes, and the value that carries one.

Bad input is expected, so it is a value and not an exception: `decode` answers a `Rejection`. Inside this package the
refusal travels as `RefusedError` from where it is found to the function that the caller sees. Where a payload has
several faults, the first one found is named; which one that is, is no promise.
"""

from dataclasses import dataclass
from enum import StrEnum


class RejectionCode(StrEnum):
    """What is wrong. A value is never renamed or used for anything else; receipts and logs carry them."""

    PAYLOAD_TOO_LARGE = "payload_too_large"
    """More than 262,144 bytes: send several messages."""
    INVALID_TOPIC = "invalid_topic"
    """Not `wayproof/v1/{organisation}/{device_id}/messages`."""
    MALFORMED_JSON = "malformed_json"
    """Not JSON (RFC 8259): a comma too many, a number like `01`, something after the value."""
    MALFORMED_CBOR = "malformed_cbor"
    """Not CBOR (RFC 8949), cut short, longer than its value, or with an item that no message has (null, other tags)."""
    NON_DETERMINISTIC_CBOR = "non_deterministic_cbor"
    """CBOR in another form than the deterministic one (RFC 8949 §4.2.1)."""
    DUPLICATE_KEY = "duplicate_key"
    """A map has the same key twice, or a SenML label both as text and as integer."""
    TOO_DEEP = "too_deep"
    """Nested more than 8 deep."""
    INVALID_TEXT = "invalid_text"
    """Text is not UTF-8, or has a lone surrogate or U+0000."""
    MALFORMED_ENVELOPE = "malformed_envelope"
    """Not the one accepted form of COSE_Sign1."""
    INVALID_SIGNATURE_FORM = "invalid_signature_form"
    """A signature that is not 64 bytes, or for ES256 not in low-S form."""
    UNSUPPORTED_ALGORITHM = "unsupported_algorithm"
    """A signature algorithm other than ES256 and EdDSA."""
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    """A content type other than those that stand in the specification."""
    INVALID_HEADER = "invalid_header"
    """A protected header is missing, too much, of the wrong type, out of range, or contradicts another one."""
    INVALID_PACK = "invalid_pack"
    """A SenML pack is not an array of 1 to 1,000 maps."""
    UNSUPPORTED_FIELD = "unsupported_field"
    """A SenML label that is unknown or not supported (`s`, `bs`)."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """A SenML version (`bver`) that is no whole number from 1 to 10, or not the same in the whole pack."""
    INVALID_FIELD = "invalid_field"
    """A SenML field of the wrong type, or `vd` in JSON that is not unpadded base64url."""
    INVALID_NAME = "invalid_name"
    """A resolved name that is empty, too long or has other characters than allowed."""
    INVALID_VALUE = "invalid_value"
    """A record with no value, or with more than one."""
    INVALID_NUMBER = "invalid_number"
    """Not a number: NaN or an infinity."""
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    """A number that does not fit integer · 10^-scale with scale 0 to 15 and the integer's magnitude below 2^63."""
    INVALID_TIME = "invalid_time"
    """A resolved time that is relative (below 2^28 seconds) or beyond 2^53 - 1 milliseconds."""
    UNSUPPORTED_UNIT = "unsupported_unit"
    """A unit that is not in the table of units."""
    INVALID_RECEIPT = "invalid_receipt"
    """The payload of a receipt is not canonical JSON with exactly a receipt's members."""
    WRONG_KEY = "wrong_key"
    """The key id is not the registered key's: another device, or the key was rotated."""
    WRONG_ALGORITHM = "wrong_algorithm"
    """The algorithm is not the registered key's."""
    BAD_SIGNATURE = "bad_signature"
    """The signature does not verify under the registered key."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A payload refused: a stable `code` for programs and a `detail` for people."""

    code: RejectionCode
    detail: str


class RefusedError(Exception):
    """Carries a rejection to the function that answers it; never leaves this package."""

    def __init__(self, code: RejectionCode, detail: str) -> None:
        super().__init__(detail)
        self.rejection = Rejection(code, detail)
