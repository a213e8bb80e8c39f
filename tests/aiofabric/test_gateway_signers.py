"""Signers of every kind: awaited ones, slow ones, ones that fail; deadlines of one call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_event_pb2, events_pb2

from aiofabric.errors import CommitStatusError, EndorseError, EvaluateError, GatewayError, SubmitError
from aiofabric.gateway import Contract, Deadlines
from support.gateway_peer import KEY, SIGNER, Context, Message, Peer, failing, serving


async def events_for_ever(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
    event = chaincode_event_pb2.ChaincodeEvent(chaincode_id="assets", tx_id="tx", event_name="Said", payload=b"p")
    yield gateway_pb2.ChaincodeEventsResponse(events=[event], block_number=7)
    await asyncio.sleep(30)


async def blocks(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
    yield events_pb2.DeliverResponse(block=common_pb2.Block(header=common_pb2.BlockHeader(number=0)))
    await asyncio.sleep(30)


async def slow(message: bytes) -> bytes:
    """Sign as a key service does: after a while."""
    await asyncio.sleep(0.01)
    return SIGNER(message)


def verify(signature: bytes, message: bytes) -> None:
    KEY.public_key().verify(signature, message, ec.ECDSA(hashes.SHA256()))


async def test_every_message_is_signed_by_a_signer_that_is_awaited() -> None:
    peer = Peer(replies={"ChaincodeEvents": events_for_ever, "Deliver": blocks})
    async with serving(peer, signer=slow) as gateway:
        network = gateway.network("channel")
        assert await network.contract("assets").submit("put", "a") == b"result"
        assert await network.contract("assets").evaluate("get", "a") == b"get|a"
        async with network.chaincode_events("assets") as events:
            await anext(events)
        async with network.block_events() as whole:
            await anext(whole)
    sent = dict(peer.requests)
    verify(sent["Endorse"].proposed_transaction.signature, sent["Endorse"].proposed_transaction.proposal_bytes)
    verify(sent["Evaluate"].proposed_transaction.signature, sent["Evaluate"].proposed_transaction.proposal_bytes)
    verify(sent["Submit"].prepared_transaction.signature, sent["Submit"].prepared_transaction.payload)
    verify(sent["CommitStatus"].signature, sent["CommitStatus"].request)
    verify(sent["ChaincodeEvents"].signature, sent["ChaincodeEvents"].request)
    verify(sent["Deliver"].signature, sent["Deliver"].payload)


async def test_entering_a_stream_waits_for_its_signature() -> None:
    signed = asyncio.Event()

    async def sign(message: bytes) -> bytes:
        await asyncio.sleep(0.05)
        signed.set()
        return SIGNER(message)

    peer = Peer(replies={"Deliver": blocks})
    async with serving(peer, signer=sign) as gateway, gateway.network("channel").block_events():
        assert signed.is_set()


async def test_a_stream_is_closed_while_it_is_being_signed() -> None:
    async def never(_: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""

    peer = Peer(replies={"Deliver": blocks})
    async with serving(peer, signer=never) as gateway:
        stream = gateway.network("channel").block_events()
        reader = asyncio.ensure_future(anext(stream, None))
        await asyncio.sleep(0.05)
        stream.close()
        assert await asyncio.wait_for(reader, 5) is None
    assert peer.requests == []


async def test_a_reader_that_gives_up_leaves_the_stream_opening() -> None:
    go_on = asyncio.Event()

    async def sign(message: bytes) -> bytes:
        await go_on.wait()
        return SIGNER(message)

    async with serving(Peer(replies={"Deliver": blocks}), signer=sign) as gateway:
        stream = gateway.network("channel").block_events()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        go_on.set()
        assert (await asyncio.wait_for(anext(stream), 5)).header.number == 0
        stream.close()


class TokenIsGoneError(Exception):
    """What a signer of somebody else's may raise."""


async def test_what_a_signer_raises_gets_out_as_it_is_and_nothing_is_sent() -> None:
    async def broken(_: bytes) -> bytes:
        raise TokenIsGoneError

    peer = Peer(replies={"Deliver": blocks})
    async with serving(peer, signer=broken) as gateway:
        network = gateway.network("channel")
        with pytest.raises(TokenIsGoneError):
            await network.contract("assets").submit("put", "a")
        with pytest.raises(TokenIsGoneError):
            async with network.block_events():
                pass
        with pytest.raises(TokenIsGoneError):
            await anext(network.block_events())
        network.block_events()  # a stream that nobody reads is no noise
        await asyncio.sleep(0)
    assert peer.requests == []


async def test_a_failing_signer_fails_before_the_transaction_is_sent() -> None:
    """The commit's question is signed before: a token that dies then leaves nothing behind."""
    count = 0

    def third_time_broken(message: bytes) -> bytes:
        nonlocal count
        count += 1
        if count == 3:  # the proposal, the transaction, then the question
            raise TokenIsGoneError
        return SIGNER(message)

    peer = Peer()
    async with serving(peer, signer=third_time_broken) as gateway:
        with pytest.raises(TokenIsGoneError):
            await gateway.network("channel").contract("assets").submit("put", "a")
    assert peer.asked("Submit") == []


Step = Callable[[Contract, float], Awaitable[object]]
GENEROUS = Deadlines(evaluate_s=60, endorse_s=60, submit_s=60, commit_status_s=60)


async def evaluate(contract: Contract, seconds: float) -> object:
    return await contract.evaluate("get", deadlines=Deadlines(evaluate_s=seconds))


async def evaluate_step(contract: Contract, seconds: float) -> object:
    return await contract.proposal("get").evaluate(timeout_s=seconds)


async def endorse(contract: Contract, seconds: float) -> object:
    return await contract.submit("put", deadlines=Deadlines(endorse_s=seconds))


async def endorse_step(contract: Contract, seconds: float) -> object:
    return await contract.proposal("put").endorse(timeout_s=seconds)


async def submit(contract: Contract, seconds: float) -> object:
    return await contract.submit_async("put", deadlines=Deadlines(submit_s=seconds))


async def submit_step(contract: Contract, seconds: float) -> object:
    return await (await contract.proposal("put").endorse()).submit(timeout_s=seconds)


async def status(contract: Contract, seconds: float) -> object:
    commit = await contract.submit_async("put", deadlines=Deadlines(commit_status_s=seconds))
    return await commit.status()


async def status_step(contract: Contract, seconds: float) -> object:
    return await (await contract.submit_async("put")).status(timeout_s=seconds)


@pytest.mark.parametrize(
    ("method", "step", "kind"),
    [
        pytest.param("Evaluate", evaluate, EvaluateError, id="evaluate"),
        pytest.param("Evaluate", evaluate_step, EvaluateError, id="evaluate-step"),
        pytest.param("Endorse", endorse, EndorseError, id="endorse"),
        pytest.param("Endorse", endorse_step, EndorseError, id="endorse-step"),
        pytest.param("Submit", submit, SubmitError, id="submit"),
        pytest.param("Submit", submit_step, SubmitError, id="submit-step"),
        pytest.param("CommitStatus", status, CommitStatusError, id="commit-status"),
        pytest.param("CommitStatus", status_step, CommitStatusError, id="commit-status-step"),
    ],
)
async def test_one_call_may_have_deadlines_of_its_own(method: str, step: Step, kind: type[GatewayError]) -> None:
    async def never(_: Message, context: Context) -> None:  # noqa: ARG001
        await asyncio.sleep(30)

    async with serving(Peer(replies={method: never}), deadlines=GENEROUS) as gateway:
        with pytest.raises(kind) as raised:
            await asyncio.wait_for(step(gateway.network("channel").contract("assets"), 0.2), timeout=20)
    assert raised.value.code == "DEADLINE_EXCEEDED"


async def test_the_gateways_deadlines_stay_as_they_were() -> None:
    peer = Peer(replies={"Evaluate": failing(grpc.StatusCode.UNKNOWN, "no")})
    async with serving(peer, deadlines=GENEROUS) as gateway:
        contract = gateway.network("channel").contract("assets")
        with pytest.raises(EvaluateError):
            await contract.evaluate("get", deadlines=Deadlines(evaluate_s=1))
        assert gateway._connection.deadlines == GENEROUS
