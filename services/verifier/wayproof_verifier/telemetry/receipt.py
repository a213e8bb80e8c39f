"""Receipts: the platform's signed statement of what it holds durably (docs/reference/telemetry.md, Receipts)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayproof_contract import canonical
from wayproof_verifier.telemetry import envelope as cose
from wayproof_verifier.telemetry.envelope import Envelope, PublicKey, Signer
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES, STREAM_NAME
from wayproof_verifier.telemetry.rejection import RefusedError, Rejection, RejectionCode

_HEADER = {cose.ALGORITHM, cose.CONTENT_TYPE, cose.KEY_ID}
_MEMBERS = {"v", "log_id", "epoch", "device_id", "issued_at_ms", "anchored_by_ms", "held", "refused"}
_HELD = {"stream", "boot", "first", "last", "last_hash"}
_REFUSED = {"payload_hash", "reason"}
_HASH = re.compile(r"[0-9a-f]{64}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Held:
    """A range of a stream that is held: sequences `first` to `last` of a boot, and the last one's message hash."""

    stream: str
    boot: int
    first: int
    last: int
    last_hash: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A payload that was refused: its SHA-256 and the rejection code."""

    payload_hash: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform says to one device; `envelope` is what its signature is checked on (None before signing)."""

    log_id: str
    epoch: int
    device_id: str
    issued_at_ms: int
    anchored_by_ms: int
    held: tuple[Held, ...]
    refused: tuple[Refused, ...] = ()
    envelope: Envelope | None = None


def encode_receipt(receipt: Receipt, *, algorithm: str, key_id: bytes, sign: Signer) -> bytes:
    """Return the signed receipt as it is published. Raises CanonicalError for a number beyond 2^53 - 1."""
    payload = {
        "v": 1,
        "log_id": receipt.log_id,
        "epoch": receipt.epoch,
        "device_id": receipt.device_id,
        "issued_at_ms": receipt.issued_at_ms,
        "anchored_by_ms": receipt.anchored_by_ms,
        "held": [
            {
                "stream": held.stream,
                "boot": held.boot,
                "first": held.first,
                "last": held.last,
                "last_hash": held.last_hash.hex(),
            }
            for held in receipt.held
        ],
        "refused": [{"payload_hash": it.payload_hash.hex(), "reason": str(it.reason)} for it in receipt.refused],
    }
    header: dict[int | str, Any] = {
        cose.ALGORITHM: cose.ALGORITHM_NUMBERS[algorithm],
        cose.CONTENT_TYPE: cose.JSON,
        cose.KEY_ID: key_id,
    }
    return cose.encode_envelope(header, payload=canonical.encode(payload), sign=sign)


def decode_receipt(data: bytes) -> Receipt | Rejection:
    """Read a receipt. Never raises: what is no receipt is a `Rejection`."""
    try:
        return _decode(data)
    except canonical.CanonicalError as error:
        return Rejection(RejectionCode.INVALID_RECEIPT, str(error))
    except RefusedError as error:
        return error.rejection


def verify_receipt(receipt: Receipt, *, key: PublicKey) -> Rejection | None:
    """Check a receipt under the log's receipt key of that epoch; None if it is good."""
    if receipt.envelope is None:
        return Rejection(RejectionCode.BAD_SIGNATURE, "the receipt is not signed")
    try:
        cose.verify_signature(receipt.envelope, key=key)
    except RefusedError as error:
        return error.rejection
    return None


def _decode(data: bytes) -> Receipt:
    if len(data) > MAX_PAYLOAD_BYTES:
        raise RefusedError(RejectionCode.PAYLOAD_TOO_LARGE, f"{len(data)} bytes; at most {MAX_PAYLOAD_BYTES}")
    envelope = cose.read_envelope(data)
    if envelope.header.keys() != _HEADER:
        raise RefusedError(RejectionCode.INVALID_HEADER, "a receipt has the labels 1, 3 and 4")
    if not cose.is_hash(envelope.header[cose.KEY_ID]):
        raise RefusedError(RejectionCode.INVALID_HEADER, "the key id has 32 bytes")
    content_type = envelope.header[cose.CONTENT_TYPE]
    if type(content_type) is not int or content_type != cose.JSON:  # 50.0 would be a second form of 50
        raise RefusedError(RejectionCode.UNSUPPORTED_CONTENT_TYPE, "a receipt is JSON (50)")
    members = _members(canonical.decode(envelope.payload), _MEMBERS)
    if type(members["v"]) is not int or members["v"] != 1:
        raise _invalid("this version of a receipt is not known")
    return Receipt(
        log_id=_text(members["log_id"], _IDENTIFIER),
        epoch=_number(members["epoch"], least=1),
        device_id=_text(members["device_id"], _IDENTIFIER),
        issued_at_ms=_number(members["issued_at_ms"]),
        anchored_by_ms=_number(members["anchored_by_ms"]),
        held=tuple(_held(item) for item in _list(members["held"])),
        refused=tuple(_refused(item) for item in _list(members["refused"])),
        envelope=envelope,
    )


def _held(item: object) -> Held:
    members = _members(item, _HELD)
    first, last = _number(members["first"], least=1), _number(members["last"], least=1)
    if first > last:
        raise _invalid("a range goes from first to last")
    stream = _text(members["stream"], STREAM_NAME)
    return Held(stream, _number(members["boot"], least=1), first, last, _hash(members["last_hash"]))


def _refused(item: object) -> Refused:
    members = _members(item, _REFUSED)
    return Refused(_hash(members["payload_hash"]), _text(members["reason"], _REASON))


def _members(value: object, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise _invalid(f"expected the members {', '.join(sorted(names))}")
    return value


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise _invalid("expected an array")
    return value


def _text(value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _invalid(f"not as it should be: {value!r:.80}")
    return value


def _number(value: object, *, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise _invalid(f"expected a whole number from {least} on")
    return value


def _hash(value: object) -> bytes:
    return bytes.fromhex(_text(value, _HASH))


def _invalid(detail: str) -> RefusedError:
    return RefusedError(RejectionCode.INVALID_RECEIPT, detail)
