"""SenML in JSON (RFC 8428 §5), read without floats, without duplicate keys, and no deeper than allowed."""

import base64
import json
import re
from typing import Any, NoReturn

from wayproof_verifier.telemetry import cbor, decimals, senml
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # an unclosed one too, so that every character is seen once
_NO_BRACKET = re.compile(r"[^\[\]{}]++")


def read(payload: bytes) -> tuple[senml.Reading | senml.TextReading, ...]:
    """Return the readings of a pack. Raises RefusedError."""
    text = cbor.text(payload)
    _refuse_deep_nesting(text)
    try:
        pack = _DECODER.decode(text)
    except ValueError as error:
        raise RefusedError(RejectionCode.MALFORMED_JSON, f"not JSON: {error}") from error
    return senml.resolve(pack)


def _refuse_deep_nesting(text: str) -> None:
    """Count brackets outside of strings first: the standard library's reader recurses as deep as its input says."""
    depth = 0
    for bracket in _NO_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > cbor.MAX_DEPTH:
            raise RefusedError(RejectionCode.TOO_DEEP, f"nested more than {cbor.MAX_DEPTH} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RefusedError(RejectionCode.DUPLICATE_KEY, "an object has the same key twice")
    if "vs" in members:
        _refuse_unstorable(members["vs"])
    if "vd" in members:
        _refuse_other_base64(members["vd"])
    return members


def _refuse_unstorable(value: object) -> None:
    """Escapes bring in what UTF-8 does not: lone surrogates, and U+0000."""
    if isinstance(value, str):
        cbor.text(value.encode("utf-8", "surrogatepass"))


def _refuse_other_base64(value: object) -> None:
    """Data are base64url without padding (RFC 8428 §5), its unused bits zero: one text for the same data."""
    if isinstance(value, str) and not _is_base64url(value):
        raise RefusedError(RejectionCode.INVALID_FIELD, "vd is base64url without padding")


def _is_base64url(text: str) -> bool:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return False
    return senml.data_text(data) == text


def _constant(name: str) -> NoReturn:
    raise RefusedError(RejectionCode.INVALID_NUMBER, f"{name} is no measurement")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=decimals.from_text,
    parse_float=decimals.from_text,
    parse_constant=_constant,
)
