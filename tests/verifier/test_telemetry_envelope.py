"""The envelope: one form, two algorithms, and a signature that covers every byte."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from support.telemetry_cbor import write
from support.telemetry_device import Device, public_spki, published_key
from support.telemetry_envelopes import PACK, header, seal, sealed
from wayproof_verifier.telemetry import Message, PublicKey, Rejection, RejectionCode, decode, key_id, verify
from wayproof_verifier.telemetry.envelope import HALF_BYTES, P256_ORDER, signed_bytes

C = RejectionCode
ED, ES = Device("ed"), Device("es", algorithm="ES256")


def answer(payload: bytes, *, device: Device = ED) -> RejectionCode | None:
    """Return why a payload does not count, as a message of a device, or None."""
    message = decode(payload, topic=device.topic)
    if isinstance(message, Rejection):
        return message.code
    rejection = verify(message, key=device.key)
    return rejection.code if rejection else None


@pytest.mark.parametrize("device", [ED, ES], ids=["EdDSA", "ES256"])
def test_a_signed_message_verifies_under_its_key_only(device: Device) -> None:
    payload = sealed(device)
    assert answer(payload, device=device) is None
    message = decode(payload, topic=device.topic)
    assert isinstance(message, Message)
    assert message.is_signed
    stranger = Device("stranger", algorithm=device.algorithm)
    rejection = verify(message, key=stranger.key)
    assert rejection is not None
    assert rejection.code is C.WRONG_KEY


@pytest.mark.parametrize("device", [ED, ES], ids=["EdDSA", "ES256"])
def test_any_changed_byte_is_refused_or_fails_to_verify(device: Device) -> None:
    payload = sealed(device)
    for at in range(len(payload)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            changed = payload[:at] + bytes([payload[at] ^ flip]) + payload[at + 1 :]
            assert answer(changed, device=device) is not None, (at, flip)


def test_cut_short_or_made_longer_is_refused() -> None:
    payload = sealed(ED)
    for end in range(len(payload)):
        assert answer(payload[:end]) is not None
    assert answer(payload + b"\x00") is C.MALFORMED_CBOR


PROTECTED = write(header(ED))
SIGNATURE = ED.sign(signed_bytes(PROTECTED, payload=PACK))


@pytest.mark.parametrize(
    ("code", "envelope"),
    [
        (C.MALFORMED_ENVELOPE, write([PROTECTED, {}, PACK])),
        (C.MALFORMED_ENVELOPE, write([PROTECTED, {}, PACK, SIGNATURE, 1])),
        (C.MALFORMED_ENVELOPE, write([PROTECTED, {4: ED.key.key_id}, PACK, SIGNATURE])),
        (C.MALFORMED_ENVELOPE, write([PROTECTED, [], PACK, SIGNATURE])),
        (C.MALFORMED_ENVELOPE, write([PACK.decode(), {}, PACK, SIGNATURE])),
        (C.MALFORMED_ENVELOPE, write([PROTECTED, {}, PACK.decode(), SIGNATURE])),
        (C.MALFORMED_ENVELOPE, write([write([1]), {}, PACK, SIGNATURE])),
        (C.MALFORMED_ENVELOPE, write({})),
        (C.MALFORMED_CBOR, write([b"", {}, PACK, SIGNATURE])),
        (C.MALFORMED_CBOR, write([PROTECTED + b"\x00", {}, PACK, SIGNATURE])),
        (C.MALFORMED_CBOR, b"\xd2" + write([PROTECTED, {}, PACK, SIGNATURE])),
        (C.NON_DETERMINISTIC_CBOR, b"\x9f" + write([PROTECTED, {}, PACK, SIGNATURE])[1:] + b"\xff"),
        (C.INVALID_SIGNATURE_FORM, write([PROTECTED, {}, PACK, SIGNATURE[:-1]])),
        (C.INVALID_SIGNATURE_FORM, write([PROTECTED, {}, PACK, b""])),
        (C.BAD_SIGNATURE, write([PROTECTED, {}, PACK, bytes(64)])),
        (C.BAD_SIGNATURE, write([PROTECTED, {}, PACK + b" ", SIGNATURE])),
    ],
)
def test_any_other_envelope_is_refused(code: RejectionCode, envelope: bytes) -> None:
    assert answer(b"\xd2" + write([PROTECTED, {}, PACK, SIGNATURE])) is None
    assert answer(b"\xd2" + envelope) is code


def test_the_long_form_of_the_tag_is_refused() -> None:
    assert answer(b"\xd8\x12" + sealed(ED)[1:]) is not None


@pytest.mark.parametrize("algorithm", [0, -9, -35, 2**64 - 1, "EdDSA", b"", True, -8.0])
def test_other_algorithms_are_refused(algorithm: object) -> None:
    assert answer(sealed(ED, alg=algorithm)) is C.UNSUPPORTED_ALGORITHM


def test_a_message_without_an_algorithm_is_refused() -> None:
    assert answer(sealed(ED, alg=None)) is C.UNSUPPORTED_ALGORITHM


def test_the_algorithm_is_the_keys_never_the_messages() -> None:
    assert answer(sealed(ES, alg=-8), device=ES) is C.WRONG_ALGORITHM
    # As ES256, half of all Ed25519 signatures have a high S; of these twenty some do not.
    answers = {answer(sealed(ED, PACK + b" " * spaces, alg=-7)) for spaces in range(20)}
    assert answers == {C.WRONG_ALGORITHM, C.INVALID_SIGNATURE_FORM}


def test_the_key_id_must_be_the_keys() -> None:
    assert answer(sealed(ED, kid=bytes(32))) is C.WRONG_KEY


def test_a_high_s_is_refused() -> None:
    signed = signed_bytes(write(header(ES)), payload=PACK)
    low = ES.sign(signed)
    high = low[:HALF_BYTES] + (P256_ORDER - int.from_bytes(low[HALF_BYTES:])).to_bytes(HALF_BYTES)
    assert answer(b"\xd2" + write([write(header(ES)), {}, PACK, low]), device=ES) is None
    assert answer(b"\xd2" + write([write(header(ES)), {}, PACK, high]), device=ES) is C.INVALID_SIGNATURE_FORM
    assert ES.key.is_valid(low, signed=signed)
    assert not ES.key.is_valid(high, signed=signed)


@pytest.mark.parametrize("r", [0, 1, P256_ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, P256_ORDER // 2])
def test_numbers_that_are_no_signature_do_not_verify(r: int, s: int) -> None:
    signature = r.to_bytes(HALF_BYTES) + s.to_bytes(HALF_BYTES)
    assert answer(b"\xd2" + write([write(header(ES)), {}, PACK, signature]), device=ES) is C.BAD_SIGNATURE


def test_what_our_signer_writes_verifies_with_a_low_s() -> None:
    private = published_key("es", algorithm="ES256")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    for number in range(20):
        signature = ES.sign(bytes([number]))
        r, s = int.from_bytes(signature[:HALF_BYTES]), int.from_bytes(signature[HALF_BYTES:])
        assert s <= P256_ORDER // 2
        private.public_key().verify(encode_dss_signature(r, s), bytes([number]), ec.ECDSA(SHA256()))


def test_the_message_hash_is_that_of_the_signed_bytes() -> None:
    message = decode(sealed(ED), topic=ED.topic)
    assert isinstance(message, Message)
    structure = write(["Signature1", PROTECTED, b"", PACK])
    assert message.message_hash == sha256(structure).digest()


def test_a_second_signature_over_the_same_bytes_is_the_same_message() -> None:
    first, second = sealed(ES), sealed(ES)
    one, other = decode(first, topic=ES.topic), decode(second, topic=ES.topic)
    assert isinstance(one, Message)
    assert isinstance(other, Message)
    assert first != second
    assert one.message_hash == other.message_hash


def test_the_key_id_is_the_hash_of_the_spki() -> None:
    assert ED.key.key_id == key_id(ED.spki) == sha256(ED.spki).digest()
    assert (ED.key.algorithm, ES.key.algorithm) == ("EdDSA", "ES256")


def _spki(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | x25519.X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _compressed(spki: bytes) -> bytes:
    parity = 2 + spki[-1] % 2
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + bytes([parity]) + spki[27:59]


@given(st.binary(max_size=100))
@example(_spki(ec.generate_private_key(ec.SECP384R1())))
@example(_spki(ec.generate_private_key(ec.SECP256K1())))
@example(_spki(rsa.generate_private_key(65537, 2048)))
@example(_spki(x25519.X25519PrivateKey.generate()))
@example(_compressed(ES.spki))
@example(ES.spki + b"\x00")
@example(ED.spki + b"\x00")
@example(ED.spki[:-1])
def test_other_keys_are_an_error(spki: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - in the words of whoever finds it
        PublicKey.from_spki(spki)


@given(st.integers(0, 90), st.integers(1, 255))
def test_a_changed_key_is_another_key_or_none(at: int, flip: int) -> None:
    for spki in (ED.spki, ES.spki):
        if at >= len(spki):
            continue
        changed = spki[:at] + bytes([spki[at] ^ flip]) + spki[at + 1 :]
        try:
            key = PublicKey.from_spki(changed)
        except ValueError:
            continue
        assert key.key_id == sha256(changed).digest()


def test_the_compressed_point_above_is_one() -> None:
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _compressed(ES.spki)[-33:])
    assert point.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == ES.spki
    assert public_spki(published_key("es", algorithm="ES256")) == ES.spki
    assert seal(ED, PROTECTED) == sealed(ED)
