"""The ledger dies, or its answer is lost: what the client knows, and how it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from fabric_protos.gateway import gateway_pb2_grpc

from aiofabric.errors import EvaluateError, EventStreamError, UnknownOutcomeError
from aiofabric.gateway import Deadlines, FileCheckpointer, Gateway
from support.embedded_network import RunningLedger, running_ledger

WAIT_S = 60


def connect(ledger: RunningLedger) -> Gateway:
    identity, signer = ledger.user("Org1MSP")
    return Gateway.connect(ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer)


async def until_it_answers(gateway: Gateway, ledger: RunningLedger) -> None:
    contract = gateway.network(ledger.channel).contract(ledger.chaincode)
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await contract.evaluate("first", "", "", "1")
            except EvaluateError as error:
                assert error.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}  # noqa: PT017 - anything else is a fault
                await asyncio.sleep(0.1)
            else:
                return


async def test_a_killed_ledger_ends_the_stream_and_a_checkpoint_goes_on(tmp_path: Path) -> None:
    sent = [f"event-{index}" for index in range(9)]
    arriving: asyncio.Queue[str] = asyncio.Queue()
    seen: list[str] = []
    async with running_ledger(tmp_path / "trade") as ledger, connect(ledger) as gateway:
        network = gateway.network(ledger.channel)
        contract = network.contract(ledger.chaincode)
        path = tmp_path / "checkpoint.json"

        async def read() -> None:
            checkpointer = FileCheckpointer(path)
            async with network.chaincode_events(
                contract.chaincode_name, start_block=0, checkpoint=checkpointer
            ) as events:
                async for event in events:
                    arriving.put_nowait(event.payload.decode())
                    await checkpointer.checkpoint_chaincode_event(event)

        for start in range(0, len(sent), 3):
            reader = asyncio.create_task(read())
            for payload in sent[start : start + 3]:
                await contract.submit("event", "Said", payload)
            async with asyncio.timeout(WAIT_S):
                while len(seen) < start + 2:  # the third may or may not be seen before the end
                    seen.append(await arriving.get())
            await ledger.kill()
            with pytest.raises(EventStreamError) as raised:
                await asyncio.wait_for(reader, WAIT_S)
            assert raised.value.code == "UNAVAILABLE"
            await ledger.start()
            await until_it_answers(gateway, ledger)

        reader = asyncio.create_task(read())
        async with asyncio.timeout(WAIT_S):
            while len(set(seen)) < len(sent):
                seen.append(await arriving.get())
        reader.cancel()
    # In order, none missing; the event under way when the reader died may have come twice.
    assert list(dict.fromkeys(seen)) == sent


class LostAnswer(gateway_pb2_grpc.GatewayServicer):  # type: ignore[misc]
    """Passes everything on to the ledger, and loses the answer to each Submit after the ledger has given it."""

    def __init__(self, ledger: grpc.aio.Channel) -> None:
        self._ledger = gateway_pb2_grpc.GatewayStub(ledger)
        self.proposals = 0

    async def Evaluate(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG002, N802
        return await self._ledger.Evaluate(request)

    async def Endorse(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG002, N802
        self.proposals += 1
        return await self._ledger.Endorse(request)

    async def Submit(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        await self._ledger.Submit(request)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "connection lost")

    async def CommitStatus(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, ARG002, N802
        return await self._ledger.CommitStatus(request)


@asynccontextmanager
async def losing_answers(ledger: RunningLedger, folder: Path) -> AsyncIterator[tuple[Gateway, LostAnswer]]:
    identity, signer = ledger.user("Org1MSP")
    credentials = grpc.ssl_channel_credentials(ledger.tls_ca_pem)
    server = grpc.aio.server()
    server.add_insecure_port(f"unix:{folder}/proxy")
    async with grpc.aio.secure_channel(ledger.address, credentials) as behind:
        proxy = LostAnswer(behind)
        gateway_pb2_grpc.add_GatewayServicer_to_server(proxy, server)
        await server.start()
        try:
            channel = grpc.aio.insecure_channel(f"unix:{folder}/proxy")
            async with Gateway(channel, identity=identity, signer=signer, deadlines=Deadlines()) as gateway:
                yield gateway, proxy
        finally:
            await server.stop(None)


async def test_a_lost_answer_is_asked_for_and_nothing_is_applied_twice(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "trade") as ledger, losing_answers(ledger, tmp_path) as (gateway, proxy):
        contract = gateway.network(ledger.channel).contract(ledger.chaincode)
        assert await contract.submit("append_once", "lost", attempts=5) == b"1"
        with pytest.raises(UnknownOutcomeError) as raised:
            await contract.submit_async("append_once", "lost")
        assert (await raised.value.commit.status()).successful
        assert await contract.evaluate("get", "request/lost") == b"xx"
        assert proxy.proposals == 2


async def test_a_ledger_killed_after_submitting_tells_the_outcome_when_it_is_back(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "trade") as ledger, connect(ledger) as gateway:
        network = gateway.network(ledger.channel)
        contract = network.contract(ledger.chaincode)
        commit = await contract.submit_async("put", "before", "x")
        assert (await commit.status()).successful
        await ledger.kill()
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("get", "before")
        assert raised.value.code == "UNAVAILABLE"
        await ledger.start()
        await until_it_answers(gateway, ledger)
        again = await network.commit(commit.transaction_id).status()
        assert again == await commit.status()
        assert await contract.evaluate("get", "before") == b"x"
