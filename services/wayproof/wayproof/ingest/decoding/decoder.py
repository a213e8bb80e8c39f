"""The fast decoder: a message as it is to be stored, where it is certain that the verifier would say the same."""

from hashlib import sha256
from typing import NamedTuple

from wayproof.ingest.decoding.cbor_packs import CborPacks
from wayproof.ingest.decoding.envelopes import Signed, open_envelope
from wayproof.ingest.decoding.json_packs import JsonPacks
from wayproof.store.measured import Measured
from wayproof_verifier.telemetry.envelope import SENML_JSON, TAG
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

_TAG = TAG[0]
_CBOR_ARRAYS = range(0x80, 0xA0)


class Quick(NamedTuple):
    """A decoded message, its signature not verified: as `wayproof_verifier.telemetry.Message`, without its source."""

    measured: Measured
    message_hash: bytes
    envelope: Signed | None


class Decoder:
    """Decodes payloads of up to 16 KiB. Not shared between threads; its memory is bounded."""

    def __init__(self) -> None:
        self._json = JsonPacks()
        self._cbor = CborPacks()

    def decode(self, payload: bytes) -> Quick | None:
        """Return what was published on a topic of messages; None where `telemetry.decode` has to say."""
        if not payload or len(payload) > MAX_PAYLOAD_BYTES:
            return None
        if payload[0] != _TAG:
            packs = self._cbor if payload[0] in _CBOR_ARRAYS else self._json
            measured = packs.read(payload)
            return None if measured is None else Quick(measured, sha256(payload).digest(), None)
        envelope = open_envelope(payload)
        if envelope is None:
            return None
        measured = (self._json if envelope.content_type == SENML_JSON else self._cbor).read(envelope.pack)
        return None if measured is None else Quick(measured, sha256(envelope.signed).digest(), envelope)
