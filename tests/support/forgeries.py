"""Messages that somebody else made, or that come where they do not belong: what an attacker can send, by kind."""

import hmac
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from support.telemetry_cbor import write
from support.telemetry_device import Device, json_pack
from support.telemetry_envelopes import header, sealed
from wayproof_verifier.telemetry import RejectionCode
from wayproof_verifier.telemetry.envelope import P256_ORDER, read_envelope, signed_bytes

C = RejectionCode
ANY = frozenset({*RejectionCode, "not_signed"})
"""Where the bytes were changed blindly, any refusal will do."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One try: its kind, where it is published, what, and the codes that it may be refused with."""

    kind: str
    topic: str
    payload: bytes
    codes: frozenset[str]


def tampered(device: Device, honest: bytes, *, chance: random.Random) -> Iterator[Forgery]:
    """Yield a real message with one byte changed, for every byte of it."""
    for place in range(len(honest)):
        changed = bytearray(honest)
        changed[place] ^= chance.randrange(1, 256)
        yield Forgery(f"a byte of a real message changed ({device.algorithm})", device.topic, bytes(changed), ANY)


def of_a_stranger(device: Device, *, chance: random.Random) -> Iterator[Forgery]:
    """Yield one of each kind that somebody without the device's key can make."""
    thief = Device(f"thief-{chance.random()}", organisation=device.organisation, algorithm=device.algorithm)
    last = device.last[device.stream]
    as_device = replace_key(thief, device)
    pack = json_pack({"temperature": f"{chance.randrange(4000) / 100:.2f}"}, observed_at_ms=device.observed_at_ms)

    def forged(kind: str, payload: bytes, *codes: str) -> Forgery:
        return Forgery(kind, device.topic, payload, frozenset(codes) or ANY)

    place = device.next_place()
    yield forged("signed by a stranger", as_device.payload(pack, place=place), C.BAD_SIGNATURE)
    yield forged("a stranger's own key", thief.payload(pack, place=place), C.WRONG_KEY)
    past = replace(place, boot=1, sequence=chance.randrange(2, 20), after=None)
    yield forged("a past sequence, other bytes", as_device.payload(pack, place=past), C.BAD_SIGNATURE)
    later = replace(place, boot=last.boot + 1, sequence=1, after=(last.boot, last.sequence))
    yield forged("a later boot", as_device.payload(pack, place=later), C.BAD_SIGNATURE)
    yield forged("not signed", pack, "not_signed")
    for name, changes in _confusions(device).items():
        yield forged(f"algorithm: {name}", sealed(as_device, pack, **changes))
    yield forged("algorithm: HMAC with the public key", _hmac(device, pack))


def of_captured(device: Device, honest: bytes, *, chance: random.Random) -> Iterator[Forgery]:
    """Yield what can be made of a message that somebody overheard."""
    envelope = read_envelope(honest)

    def changed(kind: str, payload: bytes, *codes: str) -> Forgery:
        return Forgery(kind, device.topic, payload, frozenset(codes) or ANY)

    def again(**members: object) -> bytes:
        names: dict[str, object] = {"alg": 1, "type": 3, "kid": 4}
        made = dict(envelope.header) | {names.get(name, name): value for name, value in members.items()}
        return b"\xd2" + write([write(made), {}, envelope.payload, envelope.signature])

    other = "position" if envelope.header["stream"] != "position" else "conditions"
    yield changed("moved to another stream", again(stream=other), C.BAD_SIGNATURE)
    yield changed("moved to another boot", again(boot=envelope.header["boot"] + 1))
    sequence = envelope.header["seq"] + 1 + chance.randrange(1000)
    yield changed("moved to another sequence", again(seq=sequence))
    yield changed("another key id", again(kid=chance.randbytes(32)), C.WRONG_KEY)
    protected, signature = envelope.protected, envelope.signature
    content = write([protected, {}, envelope.payload, signature])
    yield changed("untagged", content)
    yield changed("tagged twice", b"\xd2\xd2" + content)
    unprotected = write([protected, {4: device.key.key_id}, envelope.payload, signature])
    yield changed("with an unprotected header", b"\xd2" + unprotected, C.MALFORMED_ENVELOPE)
    other_pack = json_pack({"temperature": f"{chance.randrange(4000) / 100:.2f}"}, observed_at_ms=device.observed_at_ms)
    yield changed("other readings", b"\xd2" + write([protected, {}, other_pack, signature]), C.BAD_SIGNATURE)
    for length in (0, 63, 65):
        short = write([protected, {}, envelope.payload, (signature + b"\x00")[:length]])
        yield changed("a signature of another length", b"\xd2" + short, C.INVALID_SIGNATURE_FORM)
    if device.algorithm == "ES256":
        r, s = signature[:32], int.from_bytes(signature[32:])
        high = write([protected, {}, envelope.payload, r + (P256_ORDER - s).to_bytes(32)])
        yield changed("the other valid signature (high s)", b"\xd2" + high, C.INVALID_SIGNATURE_FORM)


def replace_key(thief: Device, device: Device) -> Device:
    """Return the device with its key id and a thief's signature."""
    made = Device(device.device_id, organisation=device.organisation, algorithm=device.algorithm)
    made.sign = thief.sign
    return made


def _confusions(device: Device) -> dict[str, dict[str, object]]:
    """Return headers that name another algorithm than the key's."""
    other = -7 if device.algorithm == "EdDSA" else -8
    return {
        "the other one": {"alg": other},
        "none": {"alg": None},
        "zero": {"alg": 0},
        "RS256": {"alg": -257},
        "ES384": {"alg": -35},
        "as text": {"alg": "ES256"},
    }


def _hmac(device: Device, pack: bytes) -> bytes:
    protected = write(header(device, alg=5))
    mac = hmac.digest(device.spki, signed_bytes(protected, payload=pack), "sha256")
    return b"\xd2" + write([protected, {}, pack, mac + mac])
