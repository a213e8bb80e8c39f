"""After sending without an answer: ask what became of it, and never propose blindly again."""

import asyncio

import grpc
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.errors import CommitError, CommitStatusError, SubmitError, UnknownOutcomeError
from aiofabric.gateway import Contract, Deadlines, Gateway
from support.gateway_peer import KEY, Context, Message, Peer, failing, serving

QUICK = Deadlines(submit_s=0.2, commit_status_s=0.2)
AMBIGUOUS = [
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
]


def contract_of(gateway: Gateway) -> Contract:
    return gateway.network("channel").contract("assets")


async def never(_: Message, context: Context) -> None:  # noqa: ARG001
    await asyncio.sleep(30)


@pytest.mark.parametrize("code", AMBIGUOUS, ids=lambda code: code.name)
async def test_submit_asks_for_the_status_and_returns_the_result(code: grpc.StatusCode) -> None:
    peer = Peer(replies={"Submit": failing(code, "insufficient number of orderers")})
    async with serving(peer) as gateway:
        assert await contract_of(gateway).submit("put", "a", attempts=5) == b"result"
    assert [name for name, _ in peer.requests] == ["Endorse", "Submit", "CommitStatus"]


async def test_submit_asks_when_no_answer_comes_in_time() -> None:
    peer = Peer(replies={"Submit": never})
    async with serving(peer, deadlines=QUICK) as gateway:
        assert await contract_of(gateway).submit("put", "a") == b"result"


async def test_submit_asks_and_learns_that_it_is_invalid() -> None:
    peer = Peer(replies={"Submit": failing(grpc.StatusCode.UNAVAILABLE, "gone")}, code=transaction_pb2.DUPLICATE_TXID)
    async with serving(peer) as gateway:
        with pytest.raises(CommitError):
            await contract_of(gateway).submit("put", "a")


async def test_an_unknown_outcome_carries_the_handle_to_ask_again() -> None:
    answers = iter([never, None])

    async def status(request: Message, context: Context) -> Message:
        if reply := next(answers):
            await reply(request, context)
        return gateway_pb2.CommitStatusResponse(result=transaction_pb2.VALID, block_number=9)

    unavailable = failing(grpc.StatusCode.UNAVAILABLE, "gone")
    peer = Peer(replies={"Submit": unavailable, "CommitStatus": status})
    async with serving(peer, deadlines=QUICK) as gateway:
        with pytest.raises(UnknownOutcomeError) as raised:
            await contract_of(gateway).submit("put", "a", attempts=5)
        error = raised.value
        status_now = await error.commit.status()
    assert error.transaction_id == error.commit.transaction_id == status_now.transaction_id
    assert isinstance(error.__cause__, CommitStatusError)
    assert status_now.block_number == 9
    assert len(peer.asked("Endorse")) == 1


async def test_an_accepted_transaction_without_a_status_is_an_unknown_outcome_too() -> None:
    peer = Peer(replies={"CommitStatus": failing(grpc.StatusCode.PERMISSION_DENIED, "no")})
    async with serving(peer) as gateway:
        with pytest.raises(UnknownOutcomeError) as raised:
            await contract_of(gateway).submit("put", "a")
    assert raised.value.code == "PERMISSION_DENIED"


async def test_step_by_step_the_unknown_outcome_is_raised_at_once() -> None:
    peer = Peer(replies={"Submit": failing(grpc.StatusCode.UNAVAILABLE, "gone")})
    async with serving(peer) as gateway:
        transaction = await contract_of(gateway).proposal("put").endorse()
        with pytest.raises(UnknownOutcomeError):
            await transaction.submit()
        with pytest.raises(UnknownOutcomeError):
            await contract_of(gateway).submit_async("put")
    assert peer.asked("CommitStatus") == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (grpc.StatusCode.ABORTED, "no orderers"),
        (grpc.StatusCode.FAILED_PRECONDITION, "unknown channel"),
        (grpc.StatusCode.INVALID_ARGUMENT, "unsigned"),
        (grpc.StatusCode.UNKNOWN, "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"),
    ],
)
async def test_a_refusal_is_certain_and_not_asked_about(code: grpc.StatusCode, message: str) -> None:
    peer = Peer(replies={"Submit": failing(code, message)})
    async with serving(peer) as gateway:
        with pytest.raises(SubmitError) as raised:
            await contract_of(gateway).submit("put", "a")
    assert type(raised.value) is SubmitError
    assert peer.asked("CommitStatus") == []


async def test_a_transaction_id_is_enough_to_ask_from_another_process() -> None:
    peer = Peer()
    async with serving(peer) as gateway:
        status = await gateway.network("channel").commit("ab" * 32).status()
    assert (status.transaction_id, status.successful) == ("ab" * 32, True)
    (request,) = peer.asked("CommitStatus")
    KEY.public_key().verify(request.signature, request.request, ec.ECDSA(hashes.SHA256()))
