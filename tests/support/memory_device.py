"""A device with a key of its own: it numbers, chains and signs what it measures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wayproof.errors import WayproofError
from wayproof_verifier.telemetry import (
    SENML_JSON,
    Message,
    decode,
    encode_message,
    es256_signer,
    key_id,
    messages_topic,
)

NOTHING_YET = bytes(32)
BOOT = 1

Measured = Mapping[str, object]
"""A SenML record without its time: name `n`, unit `u`, value `v`."""


@dataclass(slots=True)
class Device:
    """A device of an organisation, in its first boot; `streams` holds (last sequence, its message hash) by name."""

    organisation: str
    device_id: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    streams: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def topic(self) -> str:
        """Where it publishes."""
        return messages_topic(self.organisation, device_id=self.device_id)

    def publish(self, stream: str, *, observed_at_s: int, measured: Sequence[Measured]) -> bytes:
        """Return the payload of a stream's next message: one instant, one or more values."""
        sequence, previous = self.streams.get(stream, (0, NOTHING_YET))
        pack = [{"bt": observed_at_s, **measured[0]}, *measured[1:]]
        payload = encode_message(
            json.dumps(pack, separators=(",", ":")).encode(),
            content_type=SENML_JSON,
            algorithm="ES256",
            key_id=key_id(self.public_key),
            stream=stream,
            boot=BOOT,
            sequence=sequence + 1,
            previous=previous,
            after=None,
            sign=es256_signer(self.key),
        )
        message = decode(payload, topic=self.topic)
        if not isinstance(message, Message):
            raise WayproofError(f"the device would publish what nobody accepts: {message}")
        self.streams[stream] = (sequence + 1, message.message_hash)
        return payload

    def position(self, stream: str) -> dict[str, Any]:
        """Return the position of a stream's last message, as the contract takes it."""
        sequence, last_hash = self.streams.get(stream, (0, NOTHING_YET))
        return {
            "device_id": self.device_id,
            "stream": stream,
            "boot": BOOT if sequence else 0,
            "sequence": sequence,
            "hash": last_hash.hex(),
        }
