"""Messages: from the bytes on a topic to readings and a place in a stream, or to a rejection.

**Where a message is taken apart**: `decode`. It decides by the bytes alone; whether the signature verifies under the
device's registered key is `verify`'s answer, whether neighbours chain is seen where a whole interval is at hand.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeGuard

from wayproof_verifier.telemetry import envelope as cose
from wayproof_verifier.telemetry import senml_cbor, senml_json
from wayproof_verifier.telemetry.envelope import SENML_CBOR, SENML_JSON, Envelope, PublicKey, Signer
from wayproof_verifier.telemetry.rejection import RefusedError, Rejection, RejectionCode
from wayproof_verifier.telemetry.senml import Reading, TextReading
from wayproof_verifier.telemetry.topic import message_source

MAX_PAYLOAD_BYTES = 262_144
"""Longest payload of a message."""

LIMIT = 2**53
"""Boots and sequences stay below: what every JSON library can hold exactly."""

NO_MESSAGE = bytes(cose.HASH_BYTES)
"""The previous hash of a stream's first message ever."""

STREAM_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

AnyReading = Reading | TextReading

_REQUIRED = {cose.ALGORITHM, cose.CONTENT_TYPE, cose.KEY_ID, "seq", "boot", "prev", "stream"}
_READERS = {SENML_JSON: senml_json.read, SENML_CBOR: senml_cbor.read}
_CBOR_ARRAYS = range(0x80, 0xA0)  # first bytes of a bare pack in CBOR; no JSON begins with one


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded message, its signature not verified.

    From an unsigned device `envelope` is None, and there is no stream: its name is empty, boot and sequence are 0, and
    `message_hash` is the SHA-256 of the payload.
    """

    organisation: str
    device_id: str
    readings: tuple[AnyReading, ...]
    message_hash: bytes
    stream: str = ""
    boot: int = 0
    sequence: int = 0
    previous: bytes = NO_MESSAGE
    """Message hash of the stream's message before; zeros for the first ever."""
    after: tuple[int, int] | None = None
    """(boot, sequence) of the message before, in the first of a boot; None in the first ever and in all others."""
    envelope: Envelope | None = None

    @property
    def is_signed(self) -> bool:
        """Whether there is a signature at all."""
        return self.envelope is not None


def decode(payload: bytes, *, topic: str) -> Message | Rejection:
    """Decode what was published on a topic. Never raises, whatever the bytes."""
    try:
        return _decode(payload, topic)
    except RefusedError as error:
        return error.rejection


def verify(message: Message, *, key: PublicKey) -> Rejection | None:
    """Verify a message under its device's registered key; None if it is good."""
    if message.envelope is None:
        return Rejection(RejectionCode.BAD_SIGNATURE, "the message is not signed")
    try:
        cose.verify_signature(message.envelope, key=key)
    except RefusedError as error:
        return error.rejection
    return None


def encode_message(
    pack: bytes,
    *,
    content_type: int,
    algorithm: str,
    key_id: bytes,
    stream: str,
    boot: int,
    sequence: int,
    previous: bytes,
    after: tuple[int, int] | None,
    sign: Signer,
) -> bytes:
    """Return the payload that a device publishes: a SenML pack, signed at its place in a stream.

    Nothing is checked: what a device should not say, it can say, and `decode` refuses it.
    """
    header: dict[int | str, Any] = {
        cose.ALGORITHM: cose.ALGORITHM_NUMBERS[algorithm],
        cose.CONTENT_TYPE: content_type,
        cose.KEY_ID: key_id,
        "stream": stream,
        "boot": boot,
        "seq": sequence,
        "prev": previous,
    }
    if after is not None:
        header["after"] = list(after)
    return cose.encode_envelope(header, payload=pack, sign=sign)


def _decode(payload: bytes, topic: str) -> Message:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise RefusedError(RejectionCode.PAYLOAD_TOO_LARGE, f"{len(payload)} bytes; at most {MAX_PAYLOAD_BYTES}")
    organisation, device_id = message_source(topic)
    if not payload.startswith(cose.TAG):
        content_type = SENML_CBOR if payload and payload[0] in _CBOR_ARRAYS else SENML_JSON
        return Message(organisation, device_id, _READERS[content_type](payload), sha256(payload).digest())
    envelope = cose.read_envelope(payload)
    header = envelope.header
    _check_header(header)
    read = _READERS.get(header[cose.CONTENT_TYPE])
    if read is None:
        raise RefusedError(RejectionCode.UNSUPPORTED_CONTENT_TYPE, "a message is SenML, in JSON (110) or CBOR (112)")
    return Message(
        organisation=organisation,
        device_id=device_id,
        readings=read(envelope.payload),
        message_hash=cose.message_hash(envelope.signed_bytes),
        stream=header["stream"],
        boot=header["boot"],
        sequence=header["seq"],
        previous=header["prev"],
        after=_after(header),
        envelope=envelope,
    )


def _check_header(header: Mapping[int | str, Any]) -> None:
    if header.keys() - {"after"} != _REQUIRED:
        raise _invalid("a message has the labels 1, 3, 4, seq, boot, prev, stream, and after where a boot begins")
    if not (_is_number(header["seq"]) and _is_number(header["boot"])):
        raise _invalid("seq and boot are numbers from 1 on, below 2^53")
    if not (cose.is_hash(header["prev"]) and cose.is_hash(header[cose.KEY_ID])):
        raise _invalid("prev and the key id have 32 bytes each")
    if type(header["stream"]) is not str or STREAM_NAME.fullmatch(header["stream"]) is None:
        raise _invalid("stream is a lower-case name of at most 32 characters")
    if type(header[cose.CONTENT_TYPE]) is not int:
        raise _invalid("the content type is a number")
    _check_chain(header)


def _check_chain(header: Mapping[int | str, Any]) -> None:
    """Check what `prev` and `after` say against each other: three cases, and no fourth."""
    is_first_of_boot, is_first_ever = header["seq"] == 1, header["prev"] == NO_MESSAGE
    if is_first_ever and not is_first_of_boot:
        raise _invalid("prev is zeros in a stream's first message only")
    if ("after" in header) != (is_first_of_boot and not is_first_ever):
        raise _invalid("after stands exactly where a boot begins and there is a message before it")
    if "after" in header and not _is_earlier(header["after"], boot=header["boot"]):
        raise _invalid("after is [boot, sequence] of an earlier boot")


def _after(header: Mapping[int | str, Any]) -> tuple[int, int] | None:
    return tuple(header["after"]) if "after" in header else None


def _is_earlier(value: object, *, boot: int) -> bool:
    if type(value) is not list:  # a decimal fraction is a pair too: it would be a second form of the same
        return False
    match value:
        case [earlier, sequence]:
            return _is_number(earlier) and _is_number(sequence) and earlier < boot
    return False


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 1 <= value < LIMIT


def _invalid(detail: str) -> RefusedError:
    return RefusedError(RejectionCode.INVALID_HEADER, detail)
