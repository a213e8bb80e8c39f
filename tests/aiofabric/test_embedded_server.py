"""The served ledger: Gateway and Deliver over gRPC with TLS."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2, events_pb2_grpc

from aiofabric.embedded import DevelopmentLedgerWarning, serve
from aiofabric.errors import GatewayError
from aiofabric.gateway import Gateway
from aiofabric.gateway.rpc_status import DETAILS_KEY, RpcStatus
from support.embedded_client import FOREVER, NEWEST, NEXT_COMMIT, OLDEST, Client, at, transaction_id
from support.embedded_network import free_port, provision, running_ledger

WAIT_S = 10.0
OPTIONS = [("grpc.max_receive_message_length", 100 * 1024 * 1024)]
SUCCESS, BAD_REQUEST, FORBIDDEN, NOT_FOUND = 200, 400, 403, 404


@dataclass(slots=True)
class Served:
    """A served ledger with stubs and a client."""

    client: Client
    gateway: Any
    deliver: Any
    directory: Path

    async def submit(self, *args: str) -> tuple[str, int]:
        """Return the transaction id and the block."""
        response = await self.gateway.Endorse(self.client.endorse_request(*args))
        envelope = self.client.signed(response.prepared_transaction)
        await self.gateway.Submit(self.client.submit_request(envelope))
        status = await self.gateway.CommitStatus(self.client.status_request(transaction_id(envelope)))
        assert status.result == 0
        return transaction_id(envelope), status.block_number

    async def seek(self, *envelopes: common_pb2.Envelope, method: str = "Deliver") -> list[events_pb2.DeliverResponse]:
        """Send seeks on one stream and return everything up to the status of the last."""
        stream = getattr(self.deliver, method)()
        found: list[events_pb2.DeliverResponse] = []
        for envelope in envelopes:
            await stream.write(envelope)
            while not found or found[-1].WhichOneof("Type") != "status":
                found.append(await asyncio.wait_for(stream.read(), WAIT_S))
            if envelope is not envelopes[-1]:
                found.append(events_pb2.DeliverResponse())
        stream.cancel()
        return found


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    directory = provision(tmp_path / "ledger")
    manager = serve(directory, port=free_port())
    with pytest.warns(DevelopmentLedgerWarning):
        endpoint = await manager.__aenter__()
    credentials = grpc.ssl_channel_credentials(endpoint.tls_ca_pem)
    try:
        async with grpc.aio.secure_channel(endpoint.address, credentials, options=OPTIONS) as channel:
            gateway = gateway_pb2_grpc.GatewayStub(channel)
            yield Served(Client.of(directory), gateway, events_pb2_grpc.DeliverStub(channel), directory)
    finally:
        await manager.__aexit__(None, None, None)


async def test_refusals_carry_code_message_and_details_that_agree(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await ledger.gateway.Evaluate(ledger.client.evaluate_request(*ledger.client.proposal("fail", "418")))
        error = failure.value
        assert error.code() is grpc.StatusCode.UNKNOWN
        assert error.details() == "evaluate call to endorser returned error: chaincode response 418, as asked"
        trailer = error.trailing_metadata()
        assert trailer is not None
        status = RpcStatus.FromString(trailer[DETAILS_KEY])
        assert (status.code, status.message) == (error.code().value[0], error.details())
        (packed,) = status.details
        assert packed.type_url.endswith("/gateway.ErrorDetail")
        detail = gateway_pb2.ErrorDetail.FromString(packed.value)
        assert (detail.msp_id, detail.message) == ("Org1MSP", "chaincode response 418, as asked")


async def test_our_own_client_understands_it(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "ledger") as ledger:
        identity, sign = ledger.user("Org2MSP", "bob")
        async with Gateway.connect(ledger.address, identity=identity, signer=sign, tls_ca=ledger.tls_ca_pem) as gateway:
            contract = gateway.network(ledger.channel).contract(ledger.chaincode)
            await contract.submit("put", "k", "v")
            assert await contract.evaluate("get", "k") == b"v"
            with pytest.raises(GatewayError, match="chaincode response 404"):
                await contract.evaluate("get", "absent")
    assert any("one machine holds the keys" in line for line in ledger.output)


async def test_an_unauthenticated_server_is_not_offered(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "ledger") as ledger, grpc.aio.insecure_channel(ledger.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await gateway_pb2_grpc.GatewayStub(channel).Evaluate(gateway_pb2.EvaluateRequest(), timeout=WAIT_S)
        assert failure.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


async def test_a_taken_port_is_an_error_that_says_so(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "ledger") as ledger:
        other = provision(tmp_path / "other")
        with pytest.warns(DevelopmentLedgerWarning), pytest.raises(OSError, match=f"127.0.0.1:{ledger.port}"):
            async with serve(other, port=ledger.port):
                pass


async def test_large_values_pass(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        value = "v" * (3 * 1024 * 1024)
        await ledger.submit("put", "large", value)
        response = await ledger.gateway.Evaluate(
            ledger.client.evaluate_request(*ledger.client.proposal("history", "large")),
        )
        assert len(response.result.payload) > len(value)


async def test_bounded_seeks_end_with_success_and_another_may_follow(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        for key in "abc":
            await ledger.submit("put", key, "x")
        client = ledger.client
        cases = [
            (client.seek_envelope(OLDEST, NEWEST), [0, 1, 2, 3]),
            (client.seek_envelope(at(1), at(2)), [1, 2]),
            (client.seek_envelope(NEWEST, NEWEST), [3]),
            (client.seek_envelope(OLDEST, OLDEST), [0]),
        ]
        responses = await ledger.seek(*(envelope for envelope, _ in cases))
        numbers: list[list[int]] = [[]]
        for response in responses:
            kind = response.WhichOneof("Type")
            if kind is None:
                numbers.append([])
            elif kind == "status":
                assert response.status == SUCCESS
            else:
                numbers[-1].append(response.block.header.number)
        assert numbers == [expected for _, expected in cases]


async def test_blocks_are_delivered_as_stored_filtered_or_with_private_data(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        tx_id, number = await ledger.submit("event", "sold", "secret payload")
        envelope = ledger.client.seek_envelope(at(0), at(number))
        genesis, block, _ = await ledger.seek(envelope)
        assert genesis.block.SerializeToString(deterministic=True) == (ledger.directory / "genesis.block").read_bytes()
        _, filtered, _ = await ledger.seek(envelope, method="DeliverFiltered")
        (transaction,) = filtered.filtered_block.filtered_transactions
        assert (filtered.filtered_block.channel_id, filtered.filtered_block.number) == ("trade", number)
        assert (transaction.txid, transaction.tx_validation_code) == (tx_id, 0)
        event = transaction.transaction_actions.chaincode_actions[0].chaincode_event
        assert (event.event_name, event.tx_id, event.payload) == ("sold", tx_id, b"")
        _, both, _ = await ledger.seek(envelope, method="DeliverWithPrivateData")
        assert both.block_and_private_data.block == block.block
        assert not both.block_and_private_data.private_data_map
        headers = ledger.client.seek_envelope(at(1), at(1), content_type=ab_pb2.SeekInfo.HEADER_WITH_SIG)
        header, _ = await ledger.seek(headers)
        assert header.block.header == block.block.header
        assert not header.block.data.data


@pytest.mark.parametrize("stop", [FOREVER, 2**53 - 1])
async def test_a_seek_without_end_delivers_what_comes(tmp_path: Path, stop: int) -> None:
    async with served(tmp_path) as ledger:
        await ledger.submit("put", "before", "x")
        stream = ledger.deliver.Deliver()
        await stream.write(ledger.client.seek_envelope(NEXT_COMMIT, at(stop)))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(stream.read())), 0.2)
        stream.cancel()
        stream = ledger.deliver.Deliver()
        await stream.write(ledger.client.seek_envelope(at(2), at(stop)))
        reading = asyncio.ensure_future(stream.read())
        await ledger.submit("put", "after", "x")
        response = await asyncio.wait_for(reading, WAIT_S)
        assert response.block.header.number == 2
        stream.cancel()


async def test_seeks_that_are_refused_end_with_their_status(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        await ledger.submit("put", "k", "x")
        client = ledger.client
        elsewhere = Client(client.identity, client.sign, channel="elsewhere")
        forged = client.seek_envelope(OLDEST, NEWEST)
        forged.signature = b"x"
        fail = ab_pb2.SeekInfo.FAIL_IF_NOT_READY
        cases = [
            (elsewhere.seek_envelope(OLDEST, NEWEST), NOT_FOUND),
            (forged, FORBIDDEN),
            (client.seek_envelope(OLDEST, NEWEST, age_s=dt.timedelta(hours=1).total_seconds()), BAD_REQUEST),
            (client.seek_envelope(at(1), at(0)), BAD_REQUEST),
            (client.seek_envelope(ab_pb2.SeekPosition(), NEWEST), BAD_REQUEST),
            (common_pb2.Envelope(payload=b"\xff\xff"), BAD_REQUEST),
            (client.seek_envelope(at(9), at(9)), NOT_FOUND),
            (client.seek_envelope(at(2), at(2), behavior=fail), NOT_FOUND),
        ]
        for envelope, status in cases:
            assert [response.status for response in await ledger.seek(envelope)] == [status]


async def collect(ledger: Served, request: gateway_pb2.SignedChaincodeEventsRequest, count: int) -> list[str]:
    stream = ledger.gateway.ChaincodeEvents(request)
    found: list[str] = []
    while len(found) < count:
        response = await asyncio.wait_for(stream.read(), WAIT_S)
        found += [event.event_name for event in response.events]
    stream.cancel()
    return found


async def test_events_are_replayed_resumed_and_awaited(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        client = ledger.client
        placed = [await ledger.submit("event", f"e{number}", "p") for number in range(4)]
        await ledger.submit("put", "no", "event")
        assert await collect(ledger, client.events_request(start=at(0)), 4) == ["e0", "e1", "e2", "e3"]
        assert await collect(ledger, client.events_request(start=at(placed[2][1])), 2) == ["e2", "e3"]
        resumed = client.events_request(start=at(placed[1][1]), after=placed[1][0])
        assert await collect(ledger, resumed, 2) == ["e2", "e3"]
        overridden = client.events_request(start=at(0), after=placed[2][0])  # the transaction says more
        assert await collect(ledger, overridden, 1) == ["e3"]
        waiting = asyncio.create_task(collect(ledger, client.events_request(), 1))
        await asyncio.sleep(0.3)  # next commit binds when the server handles the call
        await ledger.submit("event", "e4", "p")
        assert await waiting == ["e4"]
        other = asyncio.create_task(collect(ledger, client.events_request(start=at(0), chaincode="other"), 1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(other), 0.3)
        other.cancel()


@pytest.mark.parametrize("start", [OLDEST, NEWEST])
async def test_oldest_and_newest_are_no_start_for_events(tmp_path: Path, start: ab_pb2.SeekPosition) -> None:
    async with served(tmp_path) as ledger:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await ledger.gateway.ChaincodeEvents(ledger.client.events_request(start=start)).read()
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_listener_that_does_not_read_stops_nobody(tmp_path: Path) -> None:
    async with served(tmp_path) as ledger:
        slow = [ledger.deliver.Deliver() for _ in range(20)]
        for stream in slow:
            await stream.write(ledger.client.seek_envelope(OLDEST, at(FOREVER)))
        for number in range(8):
            await asyncio.wait_for(ledger.submit("put", f"k{number}", "v" * 500_000), WAIT_S)
        numbers: list[int] = []
        while len(numbers) < 9:
            numbers.append((await asyncio.wait_for(slow[0].read(), WAIT_S)).block.header.number)
        assert numbers == list(range(9))
        for stream in slow:
            stream.cancel()


async def test_a_stop_ends_open_streams_and_waits_and_the_ledger_opens_again(tmp_path: Path) -> None:
    async with running_ledger(tmp_path / "ledger") as ledger:
        client = Client.of(ledger.directory)
        credentials = grpc.ssl_channel_credentials(ledger.tls_ca_pem)
        async with grpc.aio.secure_channel(ledger.address, credentials) as channel:
            gateway = gateway_pb2_grpc.GatewayStub(channel)
            waiting = asyncio.ensure_future(gateway.CommitStatus(client.status_request("00" * 32)))
            events = gateway.ChaincodeEvents(client.events_request())
            reading = asyncio.ensure_future(events.read())
            await asyncio.sleep(0.3)
            await asyncio.wait_for(ledger.stop(), WAIT_S)
            for pending in (waiting, reading):
                with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
                    await asyncio.wait_for(pending, WAIT_S)
        assert not any("Traceback" in line for line in ledger.output), ledger.output
        await ledger.start()
