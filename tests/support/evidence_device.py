"""Devices and logs by hand for evidence tests: COSE, SenML, entries, trees: from the specifications."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
EPOCH_S = 1_767_225_600
"""2026-01-01T00:00:00Z: when everything in these tests begins."""


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_raw(key: PrivateKey, message: bytes) -> bytes:
    """Return a COSE signature: Ed25519's, or r ‖ s with low s."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + min(s, ORDER - s).to_bytes(32)


def cose_sign1(header: dict[object, object], payload: bytes, *, key: PrivateKey) -> tuple[bytes, bytes]:
    """Return a COSE_Sign1 and the hash of its signed bytes (RFC 9052 §4.4)."""
    algorithm = -8 if isinstance(key, ed25519.Ed25519PrivateKey) else -7
    key_id = hashlib.sha256(spki(key)).digest()
    protected = cbor2.dumps({1: algorithm, 4: key_id, **header}, canonical=True)
    signed = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    envelope = cbor2.CBORTag(18, [protected, {}, payload, sign_raw(key, signed)])
    return cbor2.dumps(envelope, canonical=True), hashlib.sha256(signed).digest()


@dataclass
class Sent:
    """A message as a device sent it, and what it says."""

    payload: bytes
    boot: int
    sequence: int
    hash: bytes
    previous: bytes
    readings: list[list[object]]


@dataclass
class Device:
    """A device: its key and where each of its streams stands."""

    device_id: str
    key: PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    boot: int = 1
    last: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        return "EdDSA" if isinstance(self.key, ed25519.Ed25519PrivateKey) else "ES256"

    def send(self, value: str = "4.5", *, stream: str = "conditions", remember: bool = True) -> Sent:
        """Make the next message of a stream, with one temperature."""
        boot, sequence, previous = self.last.get(stream, (0, 0, bytes(32)))
        is_new = boot != self.boot
        number = 1 if is_new else sequence + 1
        header: dict[object, object] = {
            3: 110,
            "seq": number,
            "boot": self.boot,
            "prev": previous,
            "stream": stream,
        }
        if is_new and boot:
            header["after"] = [boot, sequence]
        at_s = EPOCH_S + 60 * (1000 * self.boot + number)
        pack = json.dumps([{"n": "temperature", "u": "Cel", "v": float(value), "t": at_s}]).encode()
        payload, digest = cose_sign1(header, pack, key=self.key)
        if remember:
            self.last[stream] = (self.boot, number, digest)
        whole, _, fraction = value.partition(".")
        fraction = fraction.rstrip("0")
        readings: list[list[object]] = [["temperature", int(whole + fraction), len(fraction), "CEL", at_s * 1000]]
        return Sent(payload, self.boot, number, digest, previous, readings)

    def position(self, stream: str = "conditions") -> dict[str, object]:
        """Return where a stream stands, as the contract wants a position."""
        boot, sequence, digest = self.last.get(stream, (0, 0, bytes(32)))
        return {
            "device_id": self.device_id,
            "stream": stream,
            "boot": boot,
            "sequence": sequence,
            "hash": digest.hex(),
        }


def entry(salt: bytes, topic: str, payload: bytes, received_at_ms: int) -> bytes:
    """Return a log entry (docs/reference/log.md)."""
    parts = [salt, topic.encode(), payload, received_at_ms.to_bytes(8)]
    return hashlib.sha256(b"wayproof.entry\x01" + b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return MTH of RFC 9162 §2.1.1, by its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def consistency(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """Return PROOF(first, D_n) of RFC 9162 §2.1.4.1; from size 0, and to the same size, it is empty."""
    return [] if first in {0, len(leaves)} else _subproof(leaves, first, whole=True)


def _subproof(leaves: Sequence[bytes], first: int, *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*_subproof(leaves[:split], first, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], first - split, whole=False), root(leaves[:split])]


def cover(start: int, end: int) -> list[tuple[int, int]]:
    """Return the (first leaf, level) of the whole subtrees that cover a span, each as large as it can be."""
    pieces = []
    while start < end:
        level = 0
        while start % (2 << level) == 0 and start + (2 << level) <= end:
            level += 1
        pieces.append((start, level))
        start += 1 << level
    return pieces
