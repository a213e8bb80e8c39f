"""One error for each step: code, message, peers' details, and what a contract answered."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.errors import (
    CommitError,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    FabricError,
    GatewayError,
    PeerDetail,
    SubmitError,
    UnknownOutcomeError,
    UnsignedError,
)
from aiofabric.gateway import Contract, Deadlines, Gateway
from support.gateway_peer import Context, Message, Peer, failing, serving

Step = Callable[[Contract], Awaitable[object]]
QUICK = Deadlines(evaluate_s=0.2, endorse_s=0.2, submit_s=0.2, commit_status_s=0.2)


async def evaluate(contract: Contract) -> object:
    return await contract.evaluate("get")


async def submit(contract: Contract) -> object:
    return await contract.submit("put", "a")


async def submit_async(contract: Contract) -> object:
    return await contract.submit_async("put", "a")


async def status(contract: Contract) -> object:
    return await (await contract.submit_async("put", "a")).status()


STEPS = [
    pytest.param("Evaluate", evaluate, EvaluateError, id="evaluate"),
    pytest.param("Endorse", submit, EndorseError, id="endorse"),
    pytest.param("Submit", submit_async, SubmitError, id="submit"),
    pytest.param("CommitStatus", status, CommitStatusError, id="commit-status"),
]


def contract_of(gateway: Gateway) -> Contract:
    return gateway.network("channel").contract("assets")


@pytest.mark.parametrize(("method", "step", "kind"), STEPS)
async def test_each_step_has_its_error_with_the_peers_details(
    method: str, step: Step, kind: type[GatewayError]
) -> None:
    fail = failing(
        grpc.StatusCode.ABORTED, "no", ("peer0:7051", "Org1MSP", "first"), ("peer1:7051", "Org2MSP", "zwölf")
    )
    peer = Peer(replies={method: fail})
    async with serving(peer) as gateway:
        with pytest.raises(kind) as raised:
            await step(contract_of(gateway))

    error = raised.value
    assert isinstance(error, kind)
    assert (error.code, error.message) == ("ABORTED", "no")
    assert error.details == (
        PeerDetail(address="peer0:7051", msp_id="Org1MSP", message="first"),
        PeerDetail(address="peer1:7051", msp_id="Org2MSP", message="zwölf"),
    )
    assert error.transaction_id
    assert error.transaction_id in error.diagnostics()
    assert "Org2MSP at peer1:7051: zwölf" in error.diagnostics()
    assert error.chaincode_status is None


@pytest.mark.parametrize(("method", "step", "kind"), STEPS)
async def test_each_step_has_its_deadline(method: str, step: Step, kind: type[GatewayError]) -> None:
    async def never(_: Message, context: Context) -> None:  # noqa: ARG001
        await asyncio.sleep(30)

    async with serving(Peer(replies={method: never}), deadlines=QUICK) as gateway:
        with pytest.raises(kind) as raised:
            await asyncio.wait_for(step(contract_of(gateway)), timeout=10)
    assert raised.value.code == "DEADLINE_EXCEEDED"


async def test_details_that_cannot_be_read_are_left_out() -> None:
    async def fail(_: Message, context: Context) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
        await context.abort(grpc.StatusCode.UNKNOWN, "no")

    async with serving(Peer(replies={"Evaluate": fail})) as gateway:
        with pytest.raises(EvaluateError) as raised:
            await contract_of(gateway).evaluate("get")
    assert (raised.value.code, raised.value.details) == ("UNKNOWN", ())


async def test_a_contracts_answer_is_read_from_an_evaluation() -> None:
    text = "evaluate call to endorser returned error: chaincode response 404, no asset\n'a'"
    async with serving(Peer(replies={"Evaluate": failing(grpc.StatusCode.UNKNOWN, text)})) as gateway:
        with pytest.raises(EvaluateError) as raised:
            await contract_of(gateway).evaluate("get", "a")
    assert (raised.value.chaincode_status, raised.value.chaincode_message) == (404, "no asset\n'a'")


async def test_a_contracts_answer_is_read_from_a_peers_detail() -> None:
    detail = ("peer0:7051", "Org1MSP", "chaincode response 500, not yours")
    fail = failing(grpc.StatusCode.ABORTED, "failed to endorse transaction, see attached details", detail)
    async with serving(Peer(replies={"Endorse": fail})) as gateway:
        with pytest.raises(EndorseError) as raised:
            await contract_of(gateway).submit("put", "a")
    assert (raised.value.chaincode_status, raised.value.chaincode_message) == (500, "not yours")


async def test_an_invalid_commit_is_a_commit_error() -> None:
    peer = Peer(code=transaction_pb2.ENDORSEMENT_POLICY_FAILURE)
    async with serving(peer) as gateway:
        with pytest.raises(CommitError) as raised:
            await contract_of(gateway).submit("put", "a", attempts=3)
    error = raised.value
    assert (error.code, error.code_name, error.block_number) == (10, "ENDORSEMENT_POLICY_FAILURE", 7)
    assert not error.is_retryable
    assert len(peer.asked("Endorse")) == 1
    assert error.transaction_id in error.diagnostics()


async def test_a_code_newer_than_the_bindings_is_still_invalid() -> None:
    async with serving(Peer(code=77)) as gateway:
        status = await (await contract_of(gateway).submit_async("put")).status()
    assert (status.code, status.code_name, status.successful) == (77, "CODE_77", False)


@pytest.mark.parametrize("code", [transaction_pb2.MVCC_READ_CONFLICT, transaction_pb2.PHANTOM_READ_CONFLICT])
async def test_a_conflict_is_proposed_anew_as_often_as_asked(code: int) -> None:
    peer = Peer(code=code)
    async with serving(peer) as gateway:
        with pytest.raises(CommitError) as raised:
            await contract_of(gateway).submit("put", "a", attempts=3)
    assert raised.value.is_retryable
    assert len({request.transaction_id for request in peer.asked("Endorse")}) == 3


async def test_the_attempt_after_a_conflict_may_succeed() -> None:
    codes = iter([transaction_pb2.MVCC_READ_CONFLICT, transaction_pb2.VALID])

    async def status(_: Message, context: Context) -> Message:  # noqa: ARG001
        return gateway_pb2.CommitStatusResponse(result=next(codes), block_number=7)

    async with serving(Peer(replies={"CommitStatus": status})) as gateway:
        assert await contract_of(gateway).submit("put", "a", attempts=2) == b"result"


async def test_without_an_address_to_reach_every_step_fails_with_its_own_error() -> None:
    channel = grpc.aio.insecure_channel("unix:/nowhere/at/all")
    async with serving(Peer()) as gateway, Gateway(channel, identity=gateway.identity, signer=lambda m: m) as lost:
        with pytest.raises(EvaluateError) as raised:
            await contract_of(lost).evaluate("get")
    assert raised.value.code == "UNAVAILABLE"


async def test_a_closed_gateway_fails_with_the_steps_error() -> None:
    async with serving(Peer()) as gateway:
        await gateway.close()
        with pytest.raises(EvaluateError) as raised:
            await contract_of(gateway).evaluate("get")
    assert raised.value.code == "CANCELLED"


async def test_closing_the_gateway_fails_the_calls_under_way() -> None:
    entered = asyncio.Event()

    async def never(_: Message, context: Context) -> None:  # noqa: ARG001
        entered.set()
        await asyncio.sleep(30)

    async with serving(Peer(replies={"Endorse": never})) as gateway:
        call = asyncio.create_task(contract_of(gateway).submit("put"))
        await entered.wait()
        await gateway.close()
        with pytest.raises(EndorseError) as raised:
            await call
    assert raised.value.code == "CANCELLED"


async def test_a_cancelled_task_is_cancelled_and_nothing_else() -> None:
    entered = asyncio.Event()

    async def never(_: Message, context: Context) -> None:  # noqa: ARG001
        entered.set()
        await asyncio.sleep(30)

    async with serving(Peer(replies={"Endorse": never})) as gateway:
        call = asyncio.create_task(contract_of(gateway).submit("put"))
        await entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_without_a_signer_nothing_is_sent() -> None:
    peer = Peer()
    async with serving(peer, signer=None) as gateway:
        with pytest.raises(UnsignedError, match="signed_"):
            await contract_of(gateway).evaluate("get")
        with pytest.raises(UnsignedError):
            await contract_of(gateway).submit("put")
    assert peer.requests == []


def test_every_error_is_a_fabric_error() -> None:
    for kind in (GatewayError, CommitError, UnsignedError, UnknownOutcomeError):
        assert issubclass(kind, FabricError)
