"""The embedded ledger, with a mind to mislead: `python faulty_ledger.py DIRECTORY --port N --mode FILE`.

What the file says is how it answers from then on:

    (nothing)   as it should
    slow        every call takes 2 s longer
    refuse      endorses nothing
    unknown     takes transactions, and does not say whether they were committed
    swallow     says that a transaction is committed, and has dropped it
    garbage     answers queries with what is no JSON
    empty       answers queries with an object that says nothing
"""

import argparse
import asyncio
import signal
from pathlib import Path

import grpc
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.embedded import server

SLOW_S = 2.0
MODES = ("slow", "refuse", "unknown", "swallow", "garbage", "empty")
ANSWERS = {"garbage": b"{\xff", "empty": b"{}"}


class FaultyGateway(server.GatewayService):
    """Fabric's Gateway service, answering as the file says."""

    mode = Path()

    async def Evaluate(  # noqa: N802 - the name in Fabric's protocol
        self, request: gateway_pb2.EvaluateRequest, context: server.Context
    ) -> gateway_pb2.EvaluateResponse:
        answer = await super().Evaluate(request, context)
        if (instead := ANSWERS.get(await self._now())) is not None:
            answer.result.payload = instead
        return answer

    async def Endorse(  # noqa: N802
        self, request: gateway_pb2.EndorseRequest, context: server.Context
    ) -> gateway_pb2.EndorseResponse:
        if await self._now() == "refuse":
            await context.abort(grpc.StatusCode.ABORTED, "refused, for a test")
        return await super().Endorse(request, context)

    async def Submit(  # noqa: N802
        self, request: gateway_pb2.SubmitRequest, context: server.Context
    ) -> gateway_pb2.SubmitResponse:
        if await self._now() == "swallow":
            return gateway_pb2.SubmitResponse()
        return await super().Submit(request, context)

    async def CommitStatus(  # noqa: N802
        self, request: gateway_pb2.SignedCommitStatusRequest, context: server.Context
    ) -> gateway_pb2.CommitStatusResponse:
        now = await self._now()
        if now == "swallow":
            return gateway_pb2.CommitStatusResponse(result=transaction_pb2.VALID, block_number=1)
        if now == "unknown":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone, for a test")
        return await super().CommitStatus(request, context)

    async def _now(self) -> str:
        now = self.mode.read_text("ascii")
        if now == "slow":
            await asyncio.sleep(SLOW_S)
        return now


async def serve(directory: Path, *, port: int) -> None:
    """Serve until interrupted."""
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    async with server.serve(directory, port=port):
        await stopped.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", type=Path, required=True, help="file that says how to answer")
    options = parser.parse_args()
    FaultyGateway.mode = options.mode
    setattr(server, "GatewayService", FaultyGateway)  # noqa: B010 - a class, which is not to be assigned to
    asyncio.run(serve(options.directory, port=options.port))


if __name__ == "__main__":
    main()
