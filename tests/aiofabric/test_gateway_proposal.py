"""Proposal bytes, read back with the official bindings."""

import hashlib
import time
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from aiofabric.gateway import Contract, Gateway
from aiofabric.identity.signing import P256_ORDER
from support.gateway_peer import IDENTITY, KEY, Peer, arguments, serving


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
async def gateway(peer: Peer) -> AsyncIterator[Gateway]:
    async with serving(peer) as gateway:
        yield gateway


@pytest.fixture
def contract(gateway: Gateway) -> Contract:
    return gateway.network("channel").contract("assets")


def test_the_proposal_says_what_was_asked(contract: Contract) -> None:
    before = time.time()
    proposal = contract.proposal("put", b"\x00\xff", "ü", transient={"secret": b"s"})

    message = proposal_pb2.Proposal.FromString(proposal.message)
    header = common_pb2.Header.FromString(message.header)
    channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
    assert channel_header.type == common_pb2.ENDORSER_TRANSACTION
    assert (channel_header.channel_id, channel_header.epoch, channel_header.version) == ("channel", 0, 0)
    assert before - 1 < channel_header.timestamp.ToNanoseconds() / 1e9 < time.time() + 1
    extension = proposal_pb2.ChaincodeHeaderExtension.FromString(channel_header.extension)
    assert extension.chaincode_id == chaincode_pb2.ChaincodeID(name="assets")

    payload = proposal_pb2.ChaincodeProposalPayload.FromString(message.payload)
    assert dict(payload.TransientMap) == {"secret": b"s"}
    spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    assert spec.chaincode_id.name == "assets"
    assert list(spec.input.args) == [b"put", b"\x00\xff", "ü".encode()]


def test_the_transaction_id_is_the_hash_of_nonce_and_creator(contract: Contract) -> None:
    proposal = contract.proposal("put")

    header = common_pb2.Header.FromString(proposal_pb2.Proposal.FromString(proposal.message).header)
    signature_header = common_pb2.SignatureHeader.FromString(header.signature_header)
    assert signature_header.creator == IDENTITY.serialized()
    assert len(signature_header.nonce) == 24
    expected = hashlib.sha256(signature_header.nonce + signature_header.creator).hexdigest()
    channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
    assert proposal.transaction_id == channel_header.tx_id == expected


def test_each_proposal_is_a_transaction_of_its_own(contract: Contract) -> None:
    assert contract.proposal("put").transaction_id != contract.proposal("put").transaction_id


def test_a_named_contract_stands_before_the_function(gateway: Gateway) -> None:
    contract = gateway.network("channel").contract("assets", contract_name="Admin")
    assert arguments(contract.proposal("put", "a").message) == [b"Admin:put", b"a"]
    assert (contract.chaincode_name, contract.contract_name) == ("assets", "Admin")


def test_bytes_are_the_official_form_for_signing_elsewhere(contract: Contract) -> None:
    proposal = contract.proposal("put", endorsing_organizations=["Org1MSP", "Org2MSP"])
    proposed = gateway_pb2.ProposedTransaction.FromString(proposal.bytes)
    assert proposed.transaction_id == proposal.transaction_id
    assert proposed.proposal.proposal_bytes == proposal.message
    assert proposed.proposal.signature == b""
    assert list(proposed.endorsing_organizations) == ["Org1MSP", "Org2MSP"]
    assert proposal.digest == hashlib.sha256(proposal.message).digest()


async def test_evaluate_sends_the_signed_proposal(contract: Contract, peer: Peer) -> None:
    result = await contract.evaluate("get", "a", endorsing_organizations=["Org2MSP"])

    assert result == b"get|a"
    (request,) = peer.asked("Evaluate")
    assert request.channel_id == "channel"
    assert list(request.target_organizations) == ["Org2MSP"]
    signed = request.proposed_transaction
    KEY.public_key().verify(signed.signature, signed.proposal_bytes, ec.ECDSA(hashes.SHA256()))
    assert decode_dss_signature(signed.signature)[1] <= P256_ORDER // 2
    header = common_pb2.Header.FromString(proposal_pb2.Proposal.FromString(signed.proposal_bytes).header)
    assert request.transaction_id == common_pb2.ChannelHeader.FromString(header.channel_header).tx_id


async def test_submit_sends_what_was_endorsed_and_asks_with_a_request_signed_before(
    contract: Contract, peer: Peer
) -> None:
    proposal = contract.proposal("put", "a", endorsing_organizations=["Org1MSP"])
    transaction = await proposal.endorse()
    commit = await transaction.submit()
    assert commit.is_signed
    status = await commit.status()

    assert [name for name, _ in peer.requests] == ["Endorse", "Submit", "CommitStatus"]
    endorse, submit, asked = (request for _, request in peer.requests)
    assert list(endorse.endorsing_organizations) == ["Org1MSP"]
    envelope = submit.prepared_transaction
    assert envelope.payload == transaction.payload
    assert envelope.SerializeToString() == transaction.envelope
    KEY.public_key().verify(envelope.signature, envelope.payload, ec.ECDSA(hashes.SHA256()))
    KEY.public_key().verify(asked.signature, asked.request, ec.ECDSA(hashes.SHA256()))
    inner = gateway_pb2.CommitStatusRequest.FromString(asked.request)
    assert (inner.transaction_id, inner.channel_id) == (proposal.transaction_id, "channel")
    assert inner.identity == IDENTITY.serialized()
    assert endorse.transaction_id == submit.transaction_id == commit.transaction_id == proposal.transaction_id
    assert (transaction.result, commit.result, transaction.read_write_set) == (b"result", b"result", b"read-write set")
    assert (status.successful, status.code_name, status.block_number) == (True, "VALID", 7)
    assert status.transaction_id == proposal.transaction_id
