"""The thin face: Fabric's Gateway and Deliver services over gRPC with TLS, on this machine only."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import events_pb2, events_pb2_grpc
from google.protobuf import any_pb2

from aiofabric.embedded.errors import RequestRefusedError
from aiofabric.embedded.events import filtered_block
from aiofabric.embedded.ledger import EmbeddedLedger
from aiofabric.embedded.seek import Seek, SeekRefusedError
from aiofabric.gateway.rpc_status import DETAILS_KEY, RpcStatus

HOST = "127.0.0.1"
MAX_MESSAGE_BYTES = 100 * 1024 * 1024
STOP_GRACE_S = 2.0

# Node's client pings every 10 s: without these two a default server ends its idle event stream after 50 s.
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ("grpc.so_reuseport", 0),
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Result = TypeVar("Result")

Deliverable = Callable[[common_pb2.Block, Seek], events_pb2.DeliverResponse]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a served ledger answers: ``host:port``, the TLS authority to trust (PEM), and the ledger itself."""

    address: str
    tls_ca_pem: bytes
    ledger: EmbeddedLedger


@asynccontextmanager
async def serve(directory: Path, *, port: int = 0, without: Collection[str] = ()) -> AsyncIterator[Endpoint]:
    """Open a ledger and serve it on 127.0.0.1 until the block ends. Port 0 lets the system choose.

    The peers of the organisations in ``without`` are down, to see what an application makes of that.
    Raises what `EmbeddedLedger.open` raises, and OSError if the port is taken.
    """
    ledger = await EmbeddedLedger.open(directory, without=without)
    server = grpc.aio.server(options=_OPTIONS)
    try:
        bound = _bind(server, directory / "tls", port=port)
        gateway_pb2_grpc.add_GatewayServicer_to_server(GatewayService(ledger), server)
        events_pb2_grpc.add_DeliverServicer_to_server(DeliverService(ledger), server)
        await server.start()
        address = f"{HOST}:{bound}"
        logger.info("serving channel %s at %s, height %d", ledger.channel.name, address, ledger.height)
        yield Endpoint(address, (directory / "tls" / "ca.pem").read_bytes(), ledger)
    finally:
        await ledger.drain()
        await server.stop(STOP_GRACE_S)
        await ledger.close()


def _bind(server: grpc.aio.Server, tls: Path, *, port: int) -> int:
    pair = ((tls / "server-key.pem").read_bytes(), (tls / "server.pem").read_bytes())
    try:
        bound = server.add_secure_port(f"{HOST}:{port}", grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {HOST}:{port}: {error}") from error
    return int(bound)


async def _abort(context: Context, error: RequestRefusedError) -> NoReturn:
    """End a call with code, message and the peers' details; the code inside the details equals the outer one."""
    status = RpcStatus(code=int(error.code), message=error.message)
    for detail in error.details:
        packed = any_pb2.Any()
        packed.Pack(gateway_pb2.ErrorDetail(address=detail.address, msp_id=detail.msp_id, message=detail.message))
        status.details.add(type_url=packed.type_url, value=packed.value)
    trailer = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(_CODES[int(error.code)], error.message, trailer)
    raise AssertionError("abort raises")


async def _answer(context: Context, work: Awaitable[Result]) -> Result:
    try:
        return await work
    except RequestRefusedError as error:
        await _abort(context, error)


class GatewayService:
    """``gateway.Gateway`` over an embedded ledger."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self._ledger = ledger

    async def Evaluate(  # noqa: N802 - the name in Fabric's protocol
        self, request: gateway_pb2.EvaluateRequest, context: Context
    ) -> gateway_pb2.EvaluateResponse:
        """Run a query."""
        result = await _answer(context, self._ledger.evaluate(request))
        return gateway_pb2.EvaluateResponse(result=result)

    async def Endorse(  # noqa: N802
        self, request: gateway_pb2.EndorseRequest, context: Context
    ) -> gateway_pb2.EndorseResponse:
        """Collect endorsements."""
        envelope = await _answer(context, self._ledger.endorse(request))
        return gateway_pb2.EndorseResponse(prepared_transaction=envelope)

    async def Submit(  # noqa: N802
        self, request: gateway_pb2.SubmitRequest, context: Context
    ) -> gateway_pb2.SubmitResponse:
        """Take a transaction for ordering."""
        await _answer(context, self._ledger.submit(request))
        return gateway_pb2.SubmitResponse()

    async def CommitStatus(  # noqa: N802
        self, request: gateway_pb2.SignedCommitStatusRequest, context: Context
    ) -> gateway_pb2.CommitStatusResponse:
        """Wait for a transaction's commit."""
        number, code = await _answer(context, self._ledger.commit_status(request))
        return gateway_pb2.CommitStatusResponse(result=code, block_number=number)

    async def ChaincodeEvents(  # noqa: N802
        self, request: gateway_pb2.SignedChaincodeEventsRequest, context: Context
    ) -> AsyncIterator[gateway_pb2.ChaincodeEventsResponse]:
        """Stream chaincode events."""
        try:
            async for response in self._ledger.chaincode_events(request):
                yield response
        except RequestRefusedError as error:
            await _abort(context, error)


class DeliverService:
    """``protos.Deliver`` over an embedded ledger: each stream reads stored blocks at its own pace."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self._ledger = ledger

    async def Deliver(  # noqa: N802
        self, requests: AsyncIterator[common_pb2.Envelope], context: Context
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Stream whole blocks."""

        def deliverable(block: common_pb2.Block, _: Seek) -> events_pb2.DeliverResponse:
            return events_pb2.DeliverResponse(block=block)

        async for response in self._answers(requests, context, deliverable):
            yield response

    async def DeliverFiltered(  # noqa: N802
        self, requests: AsyncIterator[common_pb2.Envelope], context: Context
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Stream blocks without their contents."""
        channel = self._ledger.channel.name

        def deliverable(block: common_pb2.Block, _: Seek) -> events_pb2.DeliverResponse:
            return events_pb2.DeliverResponse(filtered_block=filtered_block(channel, block))

        async for response in self._answers(requests, context, deliverable):
            yield response

    async def DeliverWithPrivateData(  # noqa: N802
        self, requests: AsyncIterator[common_pb2.Envelope], context: Context
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        """Stream whole blocks with the private data that the caller's organisation holds."""

        def deliverable(block: common_pb2.Block, seek: Seek) -> events_pb2.DeliverResponse:
            both = events_pb2.BlockAndPrivateData(block=block)
            for index, private in self._ledger.private_data(block.header.number, msp_id=seek.msp_id).items():
                both.private_data_map[index].CopyFrom(private)
            return events_pb2.DeliverResponse(block_and_private_data=both)

        async for response in self._answers(requests, context, deliverable):
            yield response

    async def _answers(
        self, requests: AsyncIterator[common_pb2.Envelope], context: Context, deliverable: Deliverable
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        try:
            async for envelope in requests:
                try:
                    seek = self._ledger.seek(envelope)
                    async for block in self._blocks(seek):
                        yield deliverable(block, seek)
                    status = common_pb2.SUCCESS
                except SeekRefusedError as error:
                    status = error.status
                yield events_pb2.DeliverResponse(status=status)
        except RequestRefusedError as error:
            await _abort(context, error)

    async def _blocks(self, seek: Seek) -> AsyncIterator[common_pb2.Block]:
        number = seek.first
        while number <= seek.last:
            if seek.fail_if_not_ready and number >= self._ledger.height:
                raise SeekRefusedError(common_pb2.NOT_FOUND)
            block = await self._ledger.block(number)
            yield common_pb2.Block(header=block.header, metadata=block.metadata) if seek.headers_only else block
            number += 1
