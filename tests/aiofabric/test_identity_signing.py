"""Signatures: every kind of key that Fabric knows, low S, the hash by name, slow signers in a thread."""

import asyncio
import hashlib
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from aiofabric.identity import CertificateAuthority, HashName, digest, in_thread, low_s, private_key_signer
from aiofabric.identity.hashing import ALGORITHMS
from aiofabric.identity.signing import P256_ORDER, P384_ORDER

CURVES = [
    pytest.param(ec.SECP256R1(), P256_ORDER, id="P-256"),
    pytest.param(ec.SECP384R1(), P384_ORDER, id="P-384"),
]


@pytest.mark.parametrize("name", [None, *ALGORITHMS])
@pytest.mark.parametrize(("curve", "order"), CURVES)
def test_ecdsa_verifies_and_has_a_low_s(curve: ec.EllipticCurve, order: int, name: HashName | None) -> None:
    key = ec.generate_private_key(curve)
    sign = private_key_signer(key, hash_name=name)
    for number in range(16):  # half of all signatures have a high S before they are changed
        signature = sign(bytes([number]))
        key.public_key().verify(signature, bytes([number]), ec.ECDSA(ALGORITHMS[name or "sha256"]))
        assert decode_dss_signature(signature)[1] <= order // 2


@pytest.mark.parametrize(("curve", "order"), CURVES)
def test_the_order_is_the_curves(curve: ec.EllipticCurve, order: int) -> None:
    """S = 1 and S = order - 1 are the two forms of one signature."""
    assert order.bit_length() == curve.key_size
    assert low_s(encode_dss_signature(5, order - 1), order=order) == encode_dss_signature(5, 1)
    assert low_s(encode_dss_signature(5, 1), order=order) == encode_dss_signature(5, 1)


def test_ed25519_takes_the_message_itself() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    names: tuple[HashName | None, ...] = (None, "none")
    for name in names:
        key.public_key().verify(private_key_signer(key, hash_name=name)(b"message"), b"message")
    with pytest.raises(ValueError, match="hashes by itself"):
        private_key_signer(key, hash_name="sha256")


def test_ecdsa_without_a_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="signs a digest"):
        private_key_signer(ec.generate_private_key(ec.SECP256R1()), hash_name="none")


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP521R1()), id="P-521"),
        pytest.param(rsa.generate_private_key(public_exponent=65537, key_size=2048), id="RSA"),
    ],
)
def test_keys_that_fabric_does_not_know_are_refused(key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(TypeError, match="P-256"):
        private_key_signer(key)


def test_digests_by_name() -> None:
    assert digest(b"message") == hashlib.sha256(b"message").digest()
    assert digest(b"message", hash_name="sha3_384") == hashlib.sha3_384(b"message").digest()
    assert digest(b"message", hash_name="none") == b"message"
    with pytest.raises(ValueError, match="md5"):
        digest(b"message", hash_name="md5")  # type: ignore[arg-type]


async def test_a_slow_signer_in_a_thread_lets_the_loop_go_on() -> None:
    released = threading.Event()

    def slow(message: bytes) -> bytes:
        assert released.wait(30), "the event loop did not go on"
        return b"signed " + message

    signing = asyncio.ensure_future(in_thread(slow)(b"message"))
    await asyncio.sleep(0)
    released.set()  # would never be reached if the signer had the loop
    assert await signing == b"signed message"


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()], ids=["P-384", "Ed25519"]
)
def test_a_certificate_for_a_key_from_elsewhere(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    authority = CertificateAuthority.create("Org1MSP")
    pem = authority.issue_for(key.public_key(), "alice", role="client", attributes={"role": "clerk"})
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_pem))
    assert [attribute.value for attribute in certificate.subject] == ["client", "alice"]
