"""Streams: the request that opens one, what it gives, and how it ends."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_event_pb2, events_pb2

from aiofabric.errors import EventStreamError
from aiofabric.gateway import ChaincodeEvent, Deadlines, InMemoryCheckpointer, Position
from support.gateway_peer import IDENTITY, KEY, Context, Message, Peer, serving

NEXT = ab_pb2.SeekPosition(next_commit=ab_pb2.SeekNextCommit())


def at(block: int) -> Message:
    return ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=block))


async def two_blocks_of_events(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
    for number, names in ((3, ("a", "b")), (5, ("c",))):
        events = [
            chaincode_event_pb2.ChaincodeEvent(chaincode_id="assets", tx_id=f"tx-{name}", event_name=name, payload=b"p")
            for name in names
        ]
        yield gateway_pb2.ChaincodeEventsResponse(events=events, block_number=number)
    await asyncio.sleep(30)


async def blocks(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
    for number in (0, 1):
        yield events_pb2.DeliverResponse(block=common_pb2.Block(header=common_pb2.BlockHeader(number=number)))
    await asyncio.sleep(30)


async def test_events_come_one_by_one_in_the_ledgers_order() -> None:
    peer = Peer(replies={"ChaincodeEvents": two_blocks_of_events})
    async with serving(peer) as gateway, gateway.network("channel").chaincode_events("assets") as stream:
        events = [await anext(stream) for _ in range(3)]
    assert events[0] == ChaincodeEvent(
        block_number=3, transaction_id="tx-a", chaincode_name="assets", event_name="a", payload=b"p"
    )
    assert [(event.block_number, event.event_name) for event in events] == [(3, "a"), (3, "b"), (5, "c")]


async def positions() -> AsyncIterator[tuple[dict[str, object], Message, str]]:
    yield {}, NEXT, ""
    yield {"start_block": 0}, at(0), ""
    yield {"start_block": 4, "after_transaction_id": "tx"}, at(4), "tx"
    checkpointer = InMemoryCheckpointer()
    yield {"checkpoint": checkpointer}, NEXT, ""
    yield {"checkpoint": checkpointer, "start_block": 2}, at(2), ""
    await checkpointer.checkpoint_transaction(0, transaction_id="tx")
    yield {"checkpoint": checkpointer, "start_block": 2}, at(0), ""  # with a checkpoint the client skips
    await checkpointer.checkpoint_block(6)
    yield {"checkpoint": checkpointer, "start_block": 2}, at(7), ""


@pytest.mark.parametrize(
    ("position", "names"),
    [
        pytest.param(Position(3, "tx-a"), ["b", "c"], id="after-the-first-of-its-block"),
        pytest.param(Position(3, "tx-b"), ["c"], id="after-the-last-of-its-block"),
        pytest.param(Position(3), ["a", "b", "c"], id="before-a-block"),
        pytest.param(Position(3, "tx-without-an-event"), ["a", "b", "c"], id="a-transaction-without-an-event"),
        pytest.param(Position(4, "tx-without-an-event"), ["a", "b", "c"], id="a-block-without-an-event"),
        pytest.param(Position(2, "tx-b"), ["a", "b", "c"], id="that-transaction-in-another-block"),
    ],
)
async def test_a_checkpoint_leaves_out_what_is_done_and_is_never_silent(position: Position, names: list[str]) -> None:
    peer = Peer(replies={"ChaincodeEvents": two_blocks_of_events})
    async with serving(peer) as gateway:
        stream = gateway.network("channel").chaincode_events("assets", checkpoint=position)
        assert [(await anext(stream)).event_name for _ in names] == names
        stream.close()


async def test_the_events_request_is_signed_and_starts_where_it_should() -> None:
    peer = Peer(replies={"ChaincodeEvents": two_blocks_of_events})
    async with serving(peer) as gateway:
        expected = [position async for position in positions()]
        async for options, _, _ in positions():
            async with gateway.network("channel").chaincode_events("assets", **options) as stream:  # type: ignore[arg-type]
                await anext(stream)
    requests = peer.asked("ChaincodeEvents")
    for signed, (_, position, after) in zip(requests, expected, strict=True):
        KEY.public_key().verify(signed.signature, signed.request, ec.ECDSA(hashes.SHA256()))
        request = gateway_pb2.ChaincodeEventsRequest.FromString(signed.request)
        assert (request.channel_id, request.chaincode_id) == ("channel", "assets")
        assert request.identity == IDENTITY.serialized()
        assert (request.start_position, request.after_transaction_id) == (position, after)


async def test_the_seek_is_signed_and_goes_on_for_ever() -> None:
    peer = Peer(replies={"Deliver": blocks})
    async with serving(peer) as gateway, gateway.network("channel").block_events(start_block=0) as stream:
        numbers = [(await anext(stream)).header.number for _ in range(2)]
    assert numbers == [0, 1]
    (envelope,) = peer.asked("Deliver")
    KEY.public_key().verify(envelope.signature, envelope.payload, ec.ECDSA(hashes.SHA256()))
    payload = common_pb2.Payload.FromString(envelope.payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    assert (header.type, header.channel_id) == (common_pb2.DELIVER_SEEK_INFO, "channel")
    assert common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator == IDENTITY.serialized()
    seek = ab_pb2.SeekInfo.FromString(payload.data)
    assert (seek.start, seek.stop) == (at(0), at(2**64 - 1))
    assert seek.behavior == ab_pb2.SeekInfo.BLOCK_UNTIL_READY


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (common_pb2.NOT_FOUND, "NOT_FOUND"),
        (common_pb2.FORBIDDEN, "PERMISSION_DENIED"),
        (common_pb2.BAD_REQUEST, "INVALID_ARGUMENT"),
        (common_pb2.SERVICE_UNAVAILABLE, "UNAVAILABLE"),
    ],
)
async def test_a_refused_seek_is_an_error(status: int, code: str) -> None:
    async def refuse(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
        yield events_pb2.DeliverResponse(status=status)

    async with serving(Peer(replies={"Deliver": refuse})) as gateway:
        with pytest.raises(EventStreamError) as raised:
            await anext(gateway.network("elsewhere").block_events())
    assert raised.value.code == code
    assert common_pb2.Status.Name(status) in raised.value.message


async def test_the_newest_block_is_waited_for_no_longer_than_a_query() -> None:
    async def never(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
        await asyncio.sleep(30)
        yield

    async with serving(Peer(replies={"Deliver": never}), deadlines=Deadlines(evaluate_s=0.2)) as gateway:
        with pytest.raises(EventStreamError) as raised:
            await gateway.network("channel").newest_block()
    assert raised.value.code == "DEADLINE_EXCEEDED"


async def test_a_failed_stream_raises_its_own_error() -> None:
    async def refuse(_: Message, context: Context) -> AsyncIterator[Message]:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        yield

    async with serving(Peer(replies={"ChaincodeEvents": refuse})) as gateway:
        with pytest.raises(EventStreamError) as raised:
            await anext(gateway.network("channel").chaincode_events("assets"))
    assert (raised.value.code, raised.value.message) == ("PERMISSION_DENIED", "no")


async def test_a_stream_that_the_peer_ends_is_an_error_not_an_end() -> None:
    async def end(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
        return
        yield

    async with serving(Peer(replies={"ChaincodeEvents": end})) as gateway:
        with pytest.raises(EventStreamError) as raised:
            await anext(gateway.network("channel").chaincode_events("assets"))
    assert raised.value.code == "UNAVAILABLE"


async def test_closing_ends_a_waiting_reader_and_no_other_stream() -> None:
    async with serving(Peer(replies={"ChaincodeEvents": two_blocks_of_events})) as gateway:
        network = gateway.network("channel")
        closed, other = network.chaincode_events("assets"), network.chaincode_events("assets")
        reader = asyncio.create_task(_collect(closed))
        await anext(other)
        await asyncio.sleep(0.1)
        closed.close()
        assert [event.event_name for event in await reader] == ["a", "b", "c"]
        assert (await anext(other)).event_name == "b"
        with pytest.raises(StopAsyncIteration):
            await anext(closed)
        other.close()


async def test_closing_the_gateway_is_an_error_for_its_readers() -> None:
    async with serving(Peer(replies={"ChaincodeEvents": two_blocks_of_events})) as gateway:
        stream = gateway.network("channel").chaincode_events("assets")
        for _ in range(3):
            await anext(stream)
        reader = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        await gateway.close()
        with pytest.raises(EventStreamError) as raised:
            await reader
    assert raised.value.code == "CANCELLED"


async def _collect(stream: AsyncIterator[ChaincodeEvent]) -> list[ChaincodeEvent]:
    return [event async for event in stream]
