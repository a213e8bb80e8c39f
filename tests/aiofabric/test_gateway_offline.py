"""Signatures made elsewhere: bytes go out, a signature comes back."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_event_pb2, events_pb2

from aiofabric.errors import EventStreamError, FabricError, MalformedError, UnsignedError
from aiofabric.gateway import EventsRequest, Position
from aiofabric.identity import HashName
from support.gateway_peer import IDENTITY, SIGNER, Context, Message, Peer, serving


async def test_a_proposal_is_evaluated_with_a_signature_from_elsewhere() -> None:
    peer = Peer()
    async with serving(peer, signer=None) as gateway:
        unsigned = gateway.network("channel").contract("assets").proposal("get", "a")
        signature = SIGNER(unsigned.message)
        assert await gateway.signed_proposal(unsigned.bytes, signature).evaluate() == b"get|a"
    (request,) = peer.asked("Evaluate")
    assert request.proposed_transaction.signature == signature
    assert request.proposed_transaction.proposal_bytes == unsigned.message


async def test_every_step_of_a_transaction_is_signed_elsewhere() -> None:
    peer = Peer()
    async with serving(peer, signer=None) as gateway:
        proposal = gateway.network("channel").contract("assets").proposal("put", endorsing_organizations=["Org2MSP"])
        signed_proposal = gateway.signed_proposal(proposal.bytes, SIGNER(proposal.message))
        assert signed_proposal.transaction_id == proposal.transaction_id
        transaction = await signed_proposal.endorse()
        signed_transaction = gateway.signed_transaction(transaction.bytes, SIGNER(transaction.message))
        assert signed_transaction.result == b"result"
        commit = await signed_transaction.submit()
        assert not commit.is_signed
        status = await gateway.signed_commit(commit.bytes, SIGNER(commit.message)).status()

    assert status.successful
    endorse, submit, asked = (request for _, request in peer.requests)
    assert list(endorse.endorsing_organizations) == ["Org2MSP"]
    assert submit.prepared_transaction.payload == transaction.payload
    assert submit.prepared_transaction.signature == signed_transaction.signature
    assert gateway_pb2.CommitStatusRequest.FromString(asked.request).transaction_id == proposal.transaction_id


async def test_a_signed_object_keeps_its_signature_in_its_bytes() -> None:
    async with serving(Peer()) as gateway:
        transaction = await gateway.network("channel").contract("assets").proposal("put").endorse()
        commit = await transaction.submit()
        again = gateway_pb2.SignedCommitStatusRequest.FromString(commit.bytes)
    assert (again.request, again.signature) == (commit.message, commit.signature)
    prepared = gateway_pb2.PreparedTransaction.FromString(transaction.bytes)
    assert prepared.transaction_id == transaction.transaction_id
    assert prepared.envelope.signature == transaction.signature


async def test_objects_are_rebuilt_as_they_were_signed_or_not() -> None:
    peer = Peer()
    async with serving(peer) as gateway:
        proposal = gateway.proposal(gateway.network("channel").contract("assets").proposal("put").bytes)
        assert not proposal.is_signed
        transaction = gateway.transaction((await proposal.endorse()).bytes)
        commit = gateway.commit((await transaction.submit()).bytes)
        assert commit.is_signed
        assert (await commit.status()).successful
        assert proposal.transaction_id == transaction.transaction_id == commit.transaction_id


@pytest.mark.parametrize("encoded", [b"\xff\xff", b"not a message of Fabric's"])
async def test_bytes_that_are_something_else_are_refused(encoded: bytes) -> None:
    async with serving(Peer(), signer=None) as gateway:
        for rebuild in (
            gateway.signed_proposal,
            gateway.signed_transaction,
            gateway.signed_commit,
            gateway.signed_chaincode_events_request,
            gateway.signed_block_events_request,
        ):
            with pytest.raises(MalformedError, match=r"\.bytes"):
                rebuild(encoded, b"signature")
        with pytest.raises(FabricError):
            gateway.transaction(b"")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sha256", lambda message: hashlib.sha256(message).digest()),
        ("sha384", lambda message: hashlib.sha384(message).digest()),
        ("sha3_256", lambda message: hashlib.sha3_256(message).digest()),
        ("sha3_384", lambda message: hashlib.sha3_384(message).digest()),
        ("none", lambda message: message),
    ],
)
async def test_the_digest_is_made_with_the_gateways_hash(name: HashName, expected: Callable[[bytes], bytes]) -> None:
    async with serving(Peer(), signer=None, hash_name=name) as gateway:
        proposal = gateway.network("channel").contract("assets").proposal("put")
        assert proposal.digest == expected(proposal.message)


async def one_event(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
    event = chaincode_event_pb2.ChaincodeEvent(chaincode_id="assets", tx_id="tx", event_name="Said", payload=b"p")
    yield gateway_pb2.ChaincodeEventsResponse(events=[event], block_number=7)
    await asyncio.sleep(30)


async def test_chaincode_events_with_a_signature_from_elsewhere() -> None:
    peer = Peer(replies={"ChaincodeEvents": one_event})
    async with serving(peer, signer=None) as gateway:
        request = gateway.network("channel").chaincode_events_request("assets", checkpoint=Position(6, "before"))
        assert not request.is_signed
        with pytest.raises(UnsignedError):
            request.events()
        signed = gateway.signed_chaincode_events_request(request.bytes, SIGNER(request.message))
        async with signed.events() as events:
            assert (await anext(events)).payload == b"p"
    (asked,) = peer.asked("ChaincodeEvents")
    assert (asked.request, asked.signature) == (request.message, signed.signature)
    inner = gateway_pb2.ChaincodeEventsRequest.FromString(asked.request)
    assert (inner.channel_id, inner.chaincode_id, inner.identity) == ("channel", "assets", IDENTITY.serialized())
    assert (inner.start_position.specified.number, inner.after_transaction_id) == (6, "before")
    assert gateway_pb2.SignedChaincodeEventsRequest.FromString(signed.bytes) == asked


BLOCK = common_pb2.Block(header=common_pb2.BlockHeader(number=5))
BLOCK_KINDS = [
    pytest.param("block_events", "Deliver", {"block": BLOCK}, id="block"),
    pytest.param(
        "filtered_block_events",
        "DeliverFiltered",
        {"filtered_block": events_pb2.FilteredBlock(number=5)},
        id="filtered",
    ),
    pytest.param(
        "block_and_private_data_events",
        "DeliverWithPrivateData",
        {"block_and_private_data": events_pb2.BlockAndPrivateData(block=BLOCK)},
        id="private-data",
    ),
]


@pytest.mark.parametrize(("kind", "method", "answer"), BLOCK_KINDS)
async def test_blocks_with_a_signature_from_elsewhere(kind: str, method: str, answer: dict[str, Message]) -> None:
    async def one_block(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
        yield events_pb2.DeliverResponse(**answer)
        await asyncio.sleep(30)

    peer = Peer(replies={method: one_block})
    async with serving(peer, signer=None) as gateway:
        request: EventsRequest[Message] = getattr(gateway.network("channel"), f"{kind}_request")(start_block=5)
        with pytest.raises(UnsignedError):
            request.events()
        rebuild = getattr(gateway, f"signed_{kind}_request")
        signed: EventsRequest[Message] = rebuild(request.bytes, SIGNER(request.message))
        async with signed.events() as blocks:
            assert [await anext(blocks)] == list(answer.values())
    (asked,) = peer.asked(method)
    assert (asked.payload, asked.signature) == (request.message, signed.signature)
    seek = ab_pb2.SeekInfo.FromString(common_pb2.Payload.FromString(asked.payload).data)
    assert seek.start.specified.number == 5
    assert common_pb2.Envelope.FromString(signed.bytes) == asked


async def test_a_stream_may_have_a_deadline_and_a_request_may_be_opened_again() -> None:
    peer = Peer(replies={"ChaincodeEvents": one_event})
    async with serving(peer) as gateway:
        request = gateway.network("channel").chaincode_events_request("assets", start_block=0)
        for _ in range(2):
            events = request.events(timeout_s=0.3)
            assert (await anext(events)).payload == b"p"
            with pytest.raises(
                EventStreamError, match=r"DEADLINE_EXCEEDED|CANCELLED"
            ):  # whichever end's clock is first
                await anext(events)
    first, second = peer.asked("ChaincodeEvents")
    assert first == second
