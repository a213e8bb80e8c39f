"""The envelope: COSE_Sign1 (RFC 9052 §4.2) in the one form that is accepted (docs/reference/telemetry.md, Message).

**Where a device's signature is checked**: `verify_signature`. What is signed are the bytes of the `Sig_structure`;
their hash is the message hash, so a second signature over the same bytes is the same message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from wayproof_verifier.telemetry import cbor
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

ES256, EDDSA = -7, -8
ALGORITHMS: Mapping[int, str] = {ES256: "ES256", EDDSA: "EdDSA"}
"""COSE algorithm identifiers (RFC 9053 §2) and the names that device records use."""
ALGORITHM_NUMBERS: Mapping[str, int] = {name: number for number, name in ALGORITHMS.items()}

ALGORITHM, CONTENT_TYPE, KEY_ID = 1, 3, 4
"""Labels of protected headers (RFC 9052 §3.1)."""
SENML_JSON, SENML_CBOR, JSON = 110, 112, 50
"""CoAP content formats (RFC 7252 §12.3, RFC 8428 §12.3)."""

TAG = b"\xd2"  # tag 18 in its one-byte form
SIGNATURE_BYTES = 64
HASH_BYTES = 32
HALF_BYTES = 32
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Signer = Callable[[bytes], bytes]
"""Takes the signed bytes, returns 64: Ed25519's signature, or r ‖ s with s at most half the order."""

_ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Envelope:
    """A COSE_Sign1 taken apart: protected header decoded, payload untouched, nothing verified."""

    header: Mapping[int | str, Any]
    protected: bytes
    payload: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """The `Sig_structure` (RFC 9052 §4.4) with no external data."""
        return signed_bytes(self.protected, payload=self.payload)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A registered public key: the algorithm that it is for, and what verifies with it."""

    algorithm: str
    key_id: bytes
    _key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

    @classmethod
    def from_spki(cls, der: bytes) -> "PublicKey":
        """Read a SubjectPublicKeyInfo: P-256 is for ES256, Ed25519 for EdDSA. Raises ValueError for anything else.

        So is a second encoding of a good key (a compressed point, say): it would be the same key under another key id.
        """
        try:
            key = load_der_public_key(der)
        except UnsupportedAlgorithm as error:
            raise ValueError("not a P-256 or Ed25519 key") from error
        is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == ec.SECP256R1.name
        if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            raise ValueError("not a P-256 or Ed25519 key")  # noqa: TRY004 - bytes of the right type, wrong in value
        if isinstance(key, ec.EllipticCurvePublicKey) and not is_p256:
            raise ValueError("not a P-256 or Ed25519 key: another curve")
        if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
            raise ValueError("not in the form of RFC 5480 (uncompressed point) or RFC 8410")
        return cls("ES256" if is_p256 else "EdDSA", key_id(der), key)

    def is_valid(self, signature: bytes, *, signed: bytes) -> bool:
        """Tell whether a signature of 64 bytes over `signed` verifies; for ES256 only with low S."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, signed)
                return True
            self._key.verify(_der(signature), signed, _ECDSA)
        except InvalidSignature:
            return False
        return is_low_s(signature)


def key_id(spki_der: bytes) -> bytes:
    """Return the key id: SHA-256 of the SubjectPublicKeyInfo DER."""
    return sha256(spki_der).digest()


def signed_bytes(protected: bytes, *, payload: bytes) -> bytes:
    """Return the bytes that are signed: `["Signature1", protected, h'', payload]` in deterministic CBOR."""
    return b"".join((b"\x84\x6aSignature1", cbor2.dumps(protected), b"\x40", cbor2.dumps(payload)))


def message_hash(signed: bytes) -> bytes:
    """Return the message hash of signed bytes: what the next message of the stream carries."""
    return sha256(signed).digest()


def encode_envelope(header: Mapping[int | str, Any], *, payload: bytes, sign: Signer) -> bytes:
    """Return the envelope's bytes: `header` protected, nothing unprotected, signed by `sign`.

    cbor2 sorts keys by length first (RFC 7049 §3.9). For the keys in use, integers below 24 and text below 24 bytes,
    that is also the order of their bytes (RFC 8949 §4.2.1).
    """
    protected = cbor2.dumps(dict(header), canonical=True)
    signature = sign(signed_bytes(protected, payload=payload))
    parts = (TAG, b"\x84", cbor2.dumps(protected), b"\xa0", cbor2.dumps(payload), cbor2.dumps(signature))
    return b"".join(parts)


def read_envelope(data: bytes) -> Envelope:
    """Read the one accepted form. Raises RefusedError."""
    if not data.startswith(TAG):
        raise _malformed("a signed message begins with CBOR tag 18")
    parts = cbor.read(data[1:])
    match parts:
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
            pass
        case _:
            raise _malformed("tag 18 holds [protected bytes, {}, payload bytes, signature bytes]")
    if unprotected:
        raise _malformed("the unprotected map is empty: nothing unsigned counts")
    header = cbor.read(protected)
    if not isinstance(header, dict):
        raise _malformed("the protected header is a map")
    _check_signature_form(header, signature)
    return Envelope(header, protected, payload, signature)


def verify_signature(envelope: Envelope, *, key: PublicKey) -> None:
    """Check a signature under a registered key. Raises RefusedError: wrong key, wrong algorithm, bad signature.

    The algorithm comes from the key, never from the message.
    """
    if envelope.header.get(KEY_ID) != key.key_id:
        raise RefusedError(RejectionCode.WRONG_KEY, "the key id is not that of the registered key")
    if ALGORITHMS.get(envelope.header[ALGORITHM]) != key.algorithm:
        raise RefusedError(RejectionCode.WRONG_ALGORITHM, f"the registered key is for {key.algorithm}")
    if not key.is_valid(envelope.signature, signed=envelope.signed_bytes):
        raise RefusedError(RejectionCode.BAD_SIGNATURE, "the signature does not verify")


def is_hash(value: object) -> bool:
    """Tell whether a decoded value is a SHA-256: a message hash, a key id."""
    return type(value) is bytes and len(value) == HASH_BYTES


def is_low_s(signature: bytes) -> bool:
    """Tell whether s of r ‖ s is at most half the order: of the two valid signatures only this one counts."""
    return int.from_bytes(signature[HALF_BYTES:]) <= P256_ORDER // 2


def es256_signer(key: ec.EllipticCurvePrivateKey) -> Signer:
    """Return a signer for a P-256 key: r ‖ s, low S. For Ed25519 the key's own `sign` is one already."""

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, _ECDSA))
        return r.to_bytes(HALF_BYTES) + min(s, P256_ORDER - s).to_bytes(HALF_BYTES)

    return sign


def _check_signature_form(header: Mapping[int | str, Any], signature: bytes) -> None:
    algorithm = header.get(ALGORITHM)
    if type(algorithm) is not int or algorithm not in ALGORITHMS:
        raise RefusedError(RejectionCode.UNSUPPORTED_ALGORITHM, "algorithm: ES256 (-7) or EdDSA (-8)")
    if len(signature) != SIGNATURE_BYTES:
        raise RefusedError(RejectionCode.INVALID_SIGNATURE_FORM, "a signature has 64 bytes")
    if algorithm == ES256 and not is_low_s(signature):
        raise RefusedError(RejectionCode.INVALID_SIGNATURE_FORM, "s of an ES256 signature is at most half the order")


def _der(signature: bytes) -> bytes:
    r, s = int.from_bytes(signature[:HALF_BYTES]), int.from_bytes(signature[HALF_BYTES:])
    return encode_dss_signature(r, s)


def _malformed(detail: str) -> RefusedError:
    return RefusedError(RejectionCode.MALFORMED_ENVELOPE, detail)
