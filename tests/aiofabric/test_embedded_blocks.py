"""Blocks read by somebody else: DER, hashes and signatures computed here from the stored protobuf bytes."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from aiofabric.embedded import describe
from aiofabric.embedded.blocks import header_bytes
from support.embedded_client import Client, commit_together, opened

HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


def stored_blocks(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    position = 8
    while position < len(content):
        _, length, _ = struct.unpack_from(">QII", content, position)
        yield content[position + 20 : position + 20 + length]
        position += 20 + length


def fields(message: bytes) -> dict[int, list[bytes]]:
    """Read a protobuf message of length-delimited fields and varints (as bytes), with nothing but the wire format."""
    found: dict[int, list[bytes]] = {}
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        number, wire = tag >> 3, tag & 7
        value, position = varint(message, position)
        if wire == 2:
            content, position = message[position : position + value], position + value
        else:
            assert wire == 0
            content = value.to_bytes(8, "big")
        found.setdefault(number, []).append(content)
    return found


def varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 127) << shift
        shift, position = shift + 7, position + 1
        if byte < 128:
            return value, position


def one(message: dict[int, list[bytes]], number: int) -> bytes:
    (content,) = message.get(number, [b""])
    return content


def der_header(number: int, previous: bytes, data_hash: bytes) -> bytes:
    """Write DER the long way round: minimal two's complement, definite lengths."""
    digits = number.to_bytes(8, "big").lstrip(b"\0") or b"\0"
    if digits[0] & 0x80:
        digits = b"\0" + digits
    body = b"".join(bytes([tag, len(part)]) + part for tag, part in ((2, digits), (4, previous), (4, data_hash)))
    return bytes([0x30, len(body)]) + body


def verify(serialized_identity: bytes, signature: bytes, message: bytes) -> tuple[str, x509.Certificate]:
    identity = fields(serialized_identity)
    certificate = x509.load_pem_x509_certificate(one(identity, 2))
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(signature)[1] <= HALF_ORDER
    return one(identity, 1).decode(), certificate


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**31, 2**63 - 1, 2**64 - 1])
def test_the_header_is_der(number: int) -> None:
    assert header_bytes(number, previous_hash=b"p" * 32, data_hash=b"d" * 32) == der_header(
        number, b"p" * 32, b"d" * 32
    )
    assert header_bytes(number, previous_hash=b"", data_hash=b"d" * 32) == der_header(number, b"", b"d" * 32)


async def test_every_stored_block_verifies_from_its_raw_bytes(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for value in range(3):
            await client.submit(ledger, "add", "k", str(value))
        stale = [await client.endorse(ledger, "add", "k", "1") for _ in range(3)]
        assert [code for _, code in await commit_together(client, ledger, *stale)] == [0, 11, 11]
    previous = b""
    orderer_root = (directory / "organisations" / "OrdererMSP" / "ca" / "cert.pem").read_bytes()
    blocks = list(stored_blocks(directory / "blocks.dat"))
    assert len(blocks) == 5
    for number, raw in enumerate(blocks):
        block = fields(raw)
        header, data, metadata = (fields(one(block, field)) for field in (1, 2, 3))
        assert int.from_bytes(one(header, 1) or b"\0", "big") == number
        assert one(header, 2) == previous
        assert one(header, 3) == hashlib.sha256(b"".join(data[1])).digest()
        der = der_header(number, previous, one(header, 3))
        slots = metadata[1]
        assert len(slots) == 5
        assert len(slots[2]) == len(data[1])
        assert (slots[1], slots[3]) == (b"", b"")
        signatures = fields(slots[0])
        assert one(signatures, 1) == b"\x0a\x00"  # OrdererBlockMetadata {last_config {index 0}}
        if number == 0:
            assert 2 not in signatures
        else:
            signature = fields(one(signatures, 2))
            creator = one(fields(one(signature, 1)), 1)
            message = one(signatures, 1) + one(signature, 1) + der
            msp_id, certificate = verify(creator, one(signature, 2), message)
            assert msp_id == "OrdererMSP"
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(orderer_root))
            with pytest.raises(InvalidSignature):
                verify(creator, one(signature, 2), message + b"x")
            for envelope in data[1]:
                check_transaction(envelope, directory)
        previous = hashlib.sha256(der).digest()
    assert blocks[4] != blocks[3]
    assert (
        describe(directory).genesis_hash
        == hashlib.sha256(der_header(0, b"", one(fields(one(fields(blocks[0]), 1)), 3))).hexdigest()
    )
    assert fields(one(fields(blocks[4]), 3))[1][2] == bytes([0, 11, 11])


def check_transaction(raw: bytes, directory: Path) -> None:
    envelope = fields(raw)
    payload = fields(one(envelope, 1))
    header = fields(one(payload, 1))
    signature_header = fields(one(header, 2))
    creator, nonce = one(signature_header, 1), one(signature_header, 2)
    verify(creator, one(envelope, 2), one(envelope, 1))
    tx_id = one(fields(one(header, 1)), 5).decode()
    assert tx_id == hashlib.sha256(nonce + creator).hexdigest()
    action = fields(one(fields(one(payload, 2)), 1))
    assert one(action, 1) == one(header, 2)
    endorsed = fields(one(action, 2))
    proposal_hash = hashlib.sha256(one(header, 1) + one(header, 2) + one(endorsed, 1)).digest()
    response_payload = one(fields(one(endorsed, 2)), 1)
    assert one(fields(response_payload), 1) == proposal_hash
    endorsers = []
    for encoded in fields(one(endorsed, 2))[2]:
        endorsement = fields(encoded)
        endorser = one(endorsement, 1)
        msp_id, certificate = verify(endorser, one(endorsement, 2), response_payload + endorser)
        root = (directory / "organisations" / msp_id / "ca" / "cert.pem").read_bytes()
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
        endorsers.append(msp_id)
    assert endorsers == ["Org1MSP", "Org2MSP"]


async def test_the_state_after_a_restart_is_the_state_before(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        first = await client.submit(ledger, "add", "k", "5")
        envelope = await client.endorse(ledger, "add", "k", "7")
        committed = await client.commit(ledger, envelope)
        await client.submit(ledger, "put", "gone", "x")
        await client.submit(ledger, "delete", "gone")
        height = ledger.height
    async with opened(directory) as ledger:
        assert ledger.height == height == first[0] + 4
        assert await client.evaluate(ledger, "get", "k") == b"12"
        assert await client.evaluate(ledger, "history", "gone") == b":True,x:False"
        assert await client.evaluate(ledger, "page", "", "", "9", "") == b"k,next="
        assert (await client.commit(ledger, envelope))[0] == committed[0]  # the first keeps its status
        assert (await client.submit(ledger, "add", "k", "1")) == (height + 1, 0)
        assert await client.evaluate(ledger, "get", "k") == b"13"
