"""SenML in CBOR (RFC 8428 §6): deterministic, with text labels or the integer labels of its table 4."""

from typing import Any

from wayproof_verifier.telemetry import cbor, decimals, senml
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

LABELS = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
"""The integer labels (RFC 8428 table 4) and their names."""

_DATA_LABELS = (8, "vd")


def read(payload: bytes) -> tuple[senml.Reading | senml.TextReading, ...]:
    """Return the readings of a pack. Raises RefusedError."""
    pack = cbor.read(payload)
    if not isinstance(pack, list) or len(pack) > senml.MAX_RECORDS:
        raise RefusedError(RejectionCode.INVALID_PACK, f"a pack is an array of 1 to {senml.MAX_RECORDS} records")
    return senml.resolve([_record(item) for item in pack])


def _record(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RefusedError(RejectionCode.INVALID_PACK, "a record is a map")
    record = {str(LABELS.get(label, label)): _value(label, value) for label, value in item.items()}
    if len(record) != len(item):
        raise RefusedError(RejectionCode.DUPLICATE_KEY, "a label is there both as text and as integer")
    return record


def _value(label: int | str, value: Any) -> object:  # noqa: ANN401 - what the reader made of the bytes
    """Hand a value over in the form that `senml` expects; what has no such form stays, and is refused there."""
    if label in _DATA_LABELS:
        # In CBOR data are bytes; base64url in a text string would be a second form of the same.
        return senml.data_text(value) if isinstance(value, bytes) else None
    kind = type(value)
    if kind is cbor.DecimalFraction:
        return decimals.scaled(value.mantissa, scale=-value.exponent)
    if kind is float:
        return decimals.from_float(value)
    if kind is int:
        return decimals.scaled(value, scale=0)
    return value
