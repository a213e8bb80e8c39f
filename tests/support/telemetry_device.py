"""A small device in memory: a key from a seed, streams, boots, and the mistakes that devices make.

    device = Device("reefer-7")
    payload = device.next({"temperature": "-18.5"})
    decode(payload, topic=device.topic)

Its keys are made from published seeds: they prove nothing and protect nothing.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wayproof_verifier.telemetry import (
    SENML_JSON,
    Message,
    PublicKey,
    decode,
    encode_message,
    es256_signer,
    messages_topic,
)

START_MS = 1_750_000_000_000
"""When the first reading of a device is observed, unless it is told otherwise."""

UNITS = {
    "temperature": "Cel",
    "humidity": "%RH",
    "latitude": "lat",
    "longitude": "lon",
    "altitude": "m",
    "battery": "%EL",
    "shock": "m/s2",
    "light": "lx",
    "pressure": "Pa",
}
"""SenML units of the usual measurements; another name gets none."""

Values = Mapping[str, str | int | bool]
"""Measured values by name: numbers as JSON number text or int, and booleans."""

ONE_VALUE: Values = {"temperature": "4.5"}

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def published_key(seed: str, *, algorithm: str = "EdDSA") -> PrivateKey:
    """Return the published test key of a seed."""
    secret = sha256(b"wayproof published test key: " + seed.encode()).digest()
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret[:31]), ec.SECP256R1())


def public_spki(key: PrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo DER of a key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signer(key: PrivateKey) -> Callable[[bytes], bytes]:
    """Return what signs with a key, in the accepted form."""
    return key.sign if isinstance(key, ed25519.Ed25519PrivateKey) else es256_signer(key)


def json_pack(values: Values, *, observed_at_ms: int) -> bytes:
    """Return a SenML JSON pack of values observed at one instant; number text stands in it digit by digit."""
    records = []
    for name, value in values.items():
        unit = f'"u":{json.dumps(UNITS[name])},' if name in UNITS else ""
        content = f'"vb":{json.dumps(value)}' if isinstance(value, bool) else f'"v":{value}'
        records.append(f'"n":{json.dumps(name)},{unit}{content}')
    base_time = f'"bt":{observed_at_ms // 1000}.{observed_at_ms % 1000:03d},'
    return f"[{{{base_time}{'},{'.join(records)}}}]".encode()


@dataclass(frozen=True)
class Place:
    """The place of a message in its stream: what its header says besides the key."""

    stream: str
    boot: int
    sequence: int
    previous: bytes
    after: tuple[int, int] | None = None


@dataclass
class Device:
    """A device of one organisation; each message is observed `interval_ms` after the one before."""

    device_id: str = "device-1"
    organisation: str = "ShipperMSP"
    algorithm: str = "EdDSA"
    stream: str = "conditions"
    observed_at_ms: int = START_MS
    interval_ms: int = 60_000
    boot: int = 1
    last: dict[str, Message] = field(default_factory=dict)
    """The last message of each stream, as it was decoded."""

    def __post_init__(self) -> None:
        self.private_key = published_key(self.device_id, algorithm=self.algorithm)
        self.spki = public_spki(self.private_key)
        self.key = PublicKey.from_spki(self.spki)
        self.sign = signer(self.private_key)
        self.topic = messages_topic(self.organisation, device_id=self.device_id)

    def next(self, values: Values | bytes = ONE_VALUE, *, stream: str = "", content_type: int = SENML_JSON) -> bytes:
        """Return the next message's payload; `values` is a mapping, or a whole SenML pack."""
        payload = self.payload(values, place=self.next_place(stream), content_type=content_type)
        message = decode(payload, topic=self.topic)
        assert isinstance(message, Message), message
        self.last[message.stream] = message
        self.observed_at_ms += self.interval_ms
        return payload

    def equivocate(self, values: Values | bytes = ONE_VALUE, *, stream: str = "") -> bytes:
        """Return another message in the place of the last one; the stream goes on from the first."""
        last = self.last[stream or self.stream]
        place = Place(last.stream, last.boot, last.sequence, last.previous, last.after)
        return self.payload(values, place=place)

    def restart(self) -> None:
        """Begin a new boot: every stream's next message is its first of it."""
        self.boot += 1

    def next_place(self, stream: str = "") -> Place:
        """Return where a stream's next message stands."""
        name = stream or self.stream
        last = self.last.get(name)
        if last is None:
            return Place(name, self.boot, 1, bytes(32))
        if last.boot == self.boot:
            return Place(name, self.boot, last.sequence + 1, last.message_hash)
        return Place(name, self.boot, 1, last.message_hash, (last.boot, last.sequence))

    def position(self, stream: str = "") -> dict[str, str | int]:
        """Return the position of a stream's last message, as the contract takes it."""
        name = stream or self.stream
        last = self.last.get(name)
        boot, sequence, last_hash = (last.boot, last.sequence, last.message_hash) if last else (0, 0, bytes(32))
        return {
            "device_id": self.device_id,
            "stream": name,
            "boot": boot,
            "sequence": sequence,
            "hash": last_hash.hex(),
        }

    def payload(self, values: Values | bytes = ONE_VALUE, *, place: Place, content_type: int = SENML_JSON) -> bytes:
        """Return a signed payload in any place, right or wrong; the device does not remember it."""
        pack = values if isinstance(values, bytes) else json_pack(values, observed_at_ms=self.observed_at_ms)
        return encode_message(
            pack,
            content_type=content_type,
            algorithm=self.algorithm,
            key_id=self.key.key_id,
            stream=place.stream,
            boot=place.boot,
            sequence=place.sequence,
            previous=place.previous,
            after=place.after,
            sign=self.sign,
        )

    def displaced(self, **changes: object) -> bytes:
        """Return the next message with parts of its place replaced (`sequence`, `previous`, …)."""
        return self.payload(place=replace(self.next_place(), **changes))  # type: ignore[arg-type]
