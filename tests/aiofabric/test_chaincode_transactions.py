"""One stream to a peer: handshake, answers to whatever a contract does, concurrency, calls of other chaincodes."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from fabric_protos.peer import chaincode_shim_pb2_grpc, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode import Response
from aiofabric.chaincode.errors import StreamEndedError
from aiofabric.chaincode.server import serve
from aiofabric.chaincode.session import Session
from aiofabric.chaincode.workers import Workers
from support import chaincode_contract
from support.chaincode_contract import calls, invoke, tries
from support.chaincode_peer import CHANNEL, TIMESTAMP_MS, FakePeer, Outcome, connected, proposal
from support.embedded_network import free_port

PACKAGE_ID = "basic_1.0:" + "ab" * 32
WAIT_S = 10.0


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Where a server listens that has two workers."""
    async with serve(invoke, package_id=PACKAGE_ID, address=f"127.0.0.1:{free_port()}", workers=2) as server:
        yield server.address


@pytest.fixture
async def peer(address: str) -> AsyncIterator[FakePeer]:
    """A peer of Fabric 3.1, connected."""
    async with connected(address) as one:
        yield one


@pytest.fixture
def gate() -> Iterator[None]:
    """Transactions that wait go on at the test's end at the latest."""
    chaincode_contract.gate.clear()
    yield
    chaincode_contract.gate.set()


def results(outcome: Outcome) -> list[Any]:
    """Return what the calls gave."""
    assert (outcome.kind, outcome.status) == ("COMPLETED", 200), outcome.message
    found: list[Any] = json.loads(outcome.payload)
    return found


async def test_it_registers_with_its_package_id(peer: FakePeer) -> None:
    assert peer.registered == PACKAGE_ID


@pytest.mark.parametrize("kind", [ChaincodeMessage.READY, ChaincodeMessage.TRANSACTION, ChaincodeMessage.RESPONSE])
async def test_another_message_in_the_handshake_is_answered_with_an_error_and_ends_the_stream(
    address: str, kind: int
) -> None:
    async with _raw(address) as call:
        assert (await call.read()).type == ChaincodeMessage.REGISTER
        await call.write(ChaincodeMessage(type=kind, txid="t"))
        answer = await asyncio.wait_for(call.read(), WAIT_S)
        assert (answer.type, answer.txid) == (ChaincodeMessage.ERROR, "t")
        assert await asyncio.wait_for(call.read(), WAIT_S) == grpc.aio.EOF


async def test_an_answer_to_no_request_is_ignored(peer: FakePeer) -> None:
    pending = asyncio.ensure_future(peer.invoke("sleep", "0.05", tx_id="t"))
    await peer.send(ChaincodeMessage(type=ChaincodeMessage.RESPONSE, txid="unknown", channel_id=CHANNEL))
    await peer.send(ChaincodeMessage(type=ChaincodeMessage.RESPONSE, txid="t", channel_id=CHANNEL))
    assert (await pending).status == 200
    assert results(await peer.invoke(*calls(["get_state", "k"]), tx_id="t")) == [None]


@pytest.mark.parametrize("kind", [ChaincodeMessage.GET_STATE, ChaincodeMessage.REGISTER, 99])
async def test_a_message_that_is_not_for_chaincodes_is_refused_and_the_stream_goes_on(address: str, kind: int) -> None:
    async with _raw(address) as call:
        await call.read()
        await call.write(ChaincodeMessage(type=ChaincodeMessage.REGISTERED))
        await call.write(ChaincodeMessage(type=ChaincodeMessage.READY))
        await call.write(ChaincodeMessage(type=kind, txid="t"))
        answer = await asyncio.wait_for(call.read(), WAIT_S)
        assert (answer.type, answer.txid) == (ChaincodeMessage.ERROR, "t")
        await call.write(ChaincodeMessage(type=ChaincodeMessage.KEEPALIVE))
        assert (await asyncio.wait_for(call.read(), WAIT_S)).type == ChaincodeMessage.KEEPALIVE


async def test_keepalive_comes_back_as_it_was(peer: FakePeer) -> None:
    message = ChaincodeMessage(type=ChaincodeMessage.KEEPALIVE, payload=b"still there?", txid="t")
    await peer.send(message)
    await peer.invoke(*calls(["get_state", "k"]))
    assert peer.echoes == [message]


async def test_what_a_contract_is_told_of_the_proposal(peer: FakePeer) -> None:
    outcome = await peer.invoke("proposal", tx_id="abc", transient={"secret": b"x", "other": b"y"})
    sent = proposal([b"proposal"], channel=CHANNEL, tx_id="abc", transient={"secret": b"x", "other": b"y"})
    seen = results(outcome)
    assert seen[:4] == ["abc", CHANNEL, TIMESTAMP_MS, b"creator".hex()]
    assert type(sent).FromString(bytes.fromhex(seen[4])) == sent
    assert seen[5:] == [["other", "secret"], 1]


async def test_an_initialisation_is_a_call_like_any_other(peer: FakePeer) -> None:
    assert (await peer.invoke(*calls(["put_state", "k", "v"]), init=True)).status == 200
    assert (await peer.invoke("status", "500", init=True)).kind == "COMPLETED"


@pytest.mark.parametrize("status", ["400", "404", "499", "500", "599"])
async def test_a_contracts_failure_is_an_answer_without_event(peer: FakePeer, status: str) -> None:
    outcome = await peer.invoke("status", status)
    assert (outcome.kind, outcome.status, outcome.message) == ("COMPLETED", int(status), "as asked")
    assert outcome.event is None


@pytest.mark.parametrize("status", ["200", "399"])
async def test_a_success_has_its_event(peer: FakePeer, status: str) -> None:
    assert (await peer.invoke("status", status)).event == ("refused", b"x")


async def test_the_last_event_is_the_transactions_event(peer: FakePeer) -> None:
    outcome = await peer.invoke(*calls(["set_event", "first", "1"], ["set_event", "last", "2"]))
    assert outcome.event == ("last", b"2")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("crash", "error"), "chaincode raised RuntimeError: as asked"),
        (("crash", "exit"), "chaincode raised SystemExit: 3"),
        (("crash", "interrupt"), "chaincode raised KeyboardInterrupt"),
        (("garbage", "text"), "it returned str, not Response"),
        (("garbage", "status"), "chaincode raised"),
        (("garbage", "surrogate"), "chaincode raised UnicodeEncodeError"),
        (("garbage", "payload"), "a bytes payload"),
        (("surrogate",), "chaincode raised RuntimeError: ?"),
        (("no such function",), "chaincode raised KeyError"),
        ((b"\xff",), "chaincode raised UnicodeDecodeError"),
        ((), "chaincode raised ValueError"),
    ],
)
async def test_a_crash_is_an_answer_and_the_next_transaction_is_served(
    peer: FakePeer, args: Sequence[str | bytes], message: str
) -> None:
    outcome = await peer.invoke(*args)
    assert (outcome.kind, outcome.status, outcome.event) == ("COMPLETED", 500, None)
    assert message in outcome.message
    assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200


async def test_writes_before_a_crash_are_told_to_the_peer_as_one_without_batches_would_know_them(
    peer: FakePeer,
) -> None:
    assert [key for _, _, key, _ in (await peer.invoke("crash", "error")).writes] == ["crashed"]


async def test_what_cannot_be_decoded_is_an_error_so_that_another_peer_is_asked(peer: FakePeer) -> None:
    outcome = await peer.invoke(payload=b"\xff\xff")
    assert outcome.kind == "ERROR"
    assert "cannot be decoded" in outcome.message


async def test_nothing_of_a_proposal_is_in_the_log(peer: FakePeer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    outcome = await peer.invoke("secret_crash", "argument-4711", transient={"secret": b"secret-4711"})
    assert "secret-4711" in outcome.message  # the caller knows it
    assert "RuntimeError" in caplog.text
    assert "4711" not in caplog.text


async def test_a_thousand_transactions_at_once(peer: FakePeer) -> None:
    asked = [
        peer.invoke(*calls(["get_state", f"k{number}"], ["put_state", f"k{number}", "v"])) for number in range(1000)
    ]
    assert {outcome.status for outcome in await asyncio.gather(*asked)} == {200}
    assert len(peer.ledger.values) == 1000


async def test_threads_of_a_contract_do_not_ask_at_the_same_time(peer: FakePeer) -> None:
    peer.delay_s = 0.01
    assert len(results(await peer.invoke("threads", "8"))) == 8


@pytest.mark.usefixtures("gate")
async def test_a_slow_transaction_does_not_stop_the_others(peer: FakePeer) -> None:
    slow = asyncio.ensure_future(peer.invoke("wait"))
    assert (await peer.invoke(*calls(["get_state", "k"]))).status == 200
    assert not slow.done()
    chaincode_contract.gate.set()
    assert (await slow).payload == b"True"


@pytest.mark.usefixtures("gate")
async def test_a_transaction_that_the_peer_starts_anew_is_answered_once(peer: FakePeer) -> None:
    first = asyncio.ensure_future(peer.invoke("wait", tx_id="again"))
    await asyncio.sleep(0.05)
    peer.forget(CHANNEL, "again")
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.ensure_future(peer.invoke("wait", tx_id="again"))
    await asyncio.sleep(0.05)
    chaincode_contract.gate.set()
    outcome = await second
    assert (outcome.status, len(outcome.writes)) == (200, 1)
    assert (await peer.invoke(*calls(["get_state", "waited"]))).status == 200


def test_a_session_is_idle_when_the_last_answer_is_queued_and_not_while_it_is() -> None:
    """An orderly end asks from another thread: told too early it loses the answer, told too late it waits for ever."""
    asked: list[bool] = []
    threads: list[threading.Thread] = []

    def send(message: ChaincodeMessage) -> None:
        if message.type == ChaincodeMessage.COMPLETED:
            thread = threading.Thread(target=lambda: asked.append(session.is_idle))
            thread.start()
            thread.join(0.2)
            threads.append(thread)

    workers = Workers(1)
    session = Session(lambda _: Response(), package_id="basic:1", workers=workers, send=send)
    for kind in (ChaincodeMessage.REGISTERED, ChaincodeMessage.READY, ChaincodeMessage.TRANSACTION):
        session.receive(ChaincodeMessage(type=kind, txid="t", channel_id=CHANNEL))
    workers.close()
    while not threads:
        time.sleep(0.01)
    threads[0].join(WAIT_S)
    assert asked == [True]


async def test_a_stub_is_of_no_use_when_its_transaction_is_over(peer: FakePeer) -> None:
    await peer.invoke("keep")
    stub = chaincode_contract.kept.pop()
    with pytest.raises(StreamEndedError, match="the transaction is over"):
        stub.get_state("k")


async def test_a_call_of_another_chaincode_sends_the_writes_first(peer: FakePeer) -> None:
    async def other(args: Sequence[bytes], _: ChaincodeMessage) -> proposal_response_pb2.Response:
        return proposal_response_pb2.Response(status=404, message="none", payload=b"-".join(args))

    peer.chaincodes = {"other": other, "other/elsewhere": other}
    steps: list[list[Any]] = [
        ["put_state", "k", "v"],
        ["invoke_chaincode", "other", ["a", "b"], ""],
        ["invoke_chaincode", "other", [], "elsewhere"],
    ]
    outcome = await peer.invoke(*calls(*steps))
    assert results(outcome)[1:] == [[404, "none", "a-b"], [404, "none", ""]]
    assert outcome.requests == ["WRITE_BATCH_STATE", "INVOKE_CHAINCODE", "INVOKE_CHAINCODE"]


async def test_chaincodes_that_call_each_other_on_one_server_do_not_wait_for_each_others_threads(
    peer: FakePeer,
) -> None:
    """Two workers, ten callers: every worker waits for a call that needs one."""

    async def same_server(args: Sequence[bytes], message: ChaincodeMessage) -> proposal_response_pb2.Response:
        outcome = await peer.invoke(*args, channel="elsewhere", tx_id=message.txid)
        return proposal_response_pb2.Response(status=outcome.status, payload=outcome.payload)

    peer.chaincodes["self/elsewhere"] = same_server
    inner = list(calls(["get_state", "k"]))
    asked = [peer.invoke(*calls(["invoke_chaincode", "self", inner, "elsewhere"])) for _ in range(10)]
    for outcome in await asyncio.gather(*asked):
        assert results(outcome) == [[200, "", "[null]"]]


async def test_a_failed_call_of_another_chaincode_is_an_error_in_the_contract(peer: FakePeer) -> None:
    found = results(await peer.invoke(*tries(["invoke_chaincode", "none", [], ""], ["get_state", "k"])))
    assert found[0]["raised"] == "PeerError"
    assert "chaincode none not found" in found[0]["text"]
    assert found[1] is None


async def test_answers_and_requests_larger_than_a_peer_accepts_fail_alone(peer: FakePeer) -> None:
    pending = asyncio.ensure_future(peer.invoke("sleep", "0.3"))
    most = str(101 * 1024 * 1024)
    for function in ("large", "put_large"):
        outcome = await peer.invoke(function, most)
        assert outcome.status == 500
        assert "larger than a peer accepts" in outcome.message
    assert (await pending).status == 200


async def test_a_message_of_sixty_megabytes_passes_both_ways(peer: FakePeer) -> None:
    size = 60 * 1024 * 1024
    assert (await peer.invoke("put_large", str(size))).status == 200
    assert len((await peer.invoke("large", str(size))).payload) == size


@asynccontextmanager
async def _raw(address: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield chaincode_shim_pb2_grpc.ChaincodeStub(channel).Connect()
