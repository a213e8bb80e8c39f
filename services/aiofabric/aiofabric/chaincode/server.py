"""The chaincode server: a contract as a service that peers call (chaincode as a service).

    async with serve(contract, package_id="basic_1:4f…", address="127.0.0.1:9999") as server:
        print(server.address)
        await stopped.wait()

This is the whole public surface, so that another implementation of Fabric's shim protocol can take its place. gRPC is
here only; the protocol itself is `session`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from fabric_protos.peer import chaincode_shim_pb2_grpc
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.exchange import MAX_MESSAGE_BYTES
from aiofabric.chaincode.interface import Chaincode
from aiofabric.chaincode.session import ProtocolError, Session
from aiofabric.chaincode.workers import Workers

WORKERS = 32
HANDSHAKE_S = 10.0
"""How long a peer may take to say that it is ready; one that does not know the package waits for minutes."""
DRAIN_S = 30.0
"""How long the transactions that run may take when the server stops: a peer gives up after the same time."""

# A peer pings every 60 s, also when nothing runs: by default a gRPC server takes that as an attack after 3 minutes.
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.so_reuseport", 0),
)

Context = grpc.aio.ServicerContext[Any, Any]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS towards the peers, PEM.

    Attributes:
        certificate: the server's chain; it must name the host of the address in the peers' ``connection.json``.
        key: the server's private key.
        client_ca: whom a peer's own certificate must come from; None asks for none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Return them as gRPC wants them."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


@dataclass(frozen=True, slots=True)
class ChaincodeServer:
    """A running server: where it listens (``host:port``)."""

    address: str


@asynccontextmanager
async def serve(
    chaincode: Chaincode,
    *,
    package_id: str,
    address: str,
    tls: ServerTls | None = None,
    workers: int = WORKERS,
    handshake_s: float = HANDSHAKE_S,
    drain_s: float = DRAIN_S,
) -> AsyncIterator[ChaincodeServer]:
    """Serve a contract to peers until the block ends; then finish the transactions that run, and close.

    Args:
        chaincode: called on threads, for several transactions at once.
        package_id: of the installed package, ``label:hash``.
        address: ``host:port``; port 0 lets the system choose.
        tls: None serves without TLS.
        workers: how many transactions run at once; more of them wait.
        handshake_s: seconds after which a stream is ended that is not ready.
        drain_s: seconds that running transactions may take at the end.

    Raises OSError if the address is taken, and ValueError if it is none.
    """
    threads = Workers(workers)
    service = _Service(chaincode, package_id=package_id, workers=threads, handshake_s=handshake_s)
    server = grpc.aio.server(options=_OPTIONS)
    chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server(service, server)
    bound = _bind(server, address, tls)
    await server.start()
    logger.info("serving %s at %s", package_id, bound)
    try:
        yield ChaincodeServer(bound)
    finally:
        await service.drain(drain_s)
        await server.stop(None)
        threads.close()


def _bind(server: grpc.aio.Server, address: str, tls: ServerTls | None) -> str:
    host, _, number = address.rpartition(":")
    if not host or not number.isdecimal():
        raise ValueError(f"{address!r} is no address: write HOST:PORT")
    try:
        port = server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls.credentials())
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from error
    return f"{host}:{port}"


class _Service:
    """``protos.Chaincode``: a session for each peer that connects."""

    def __init__(self, chaincode: Chaincode, *, package_id: str, workers: Workers, handshake_s: float) -> None:
        self._chaincode = chaincode
        self._handshake_s = handshake_s
        self._package_id = package_id
        self._workers = workers
        self._streams: set[_Stream] = set()

    async def Connect(self, _: object, context: Context) -> None:  # noqa: N802 - the name in Fabric's protocol
        """Serve one peer until its stream ends."""
        stream = _Stream(context)
        session = Session(self._chaincode, package_id=self._package_id, workers=self._workers, send=stream.send)
        stream.session = session
        self._streams.add(stream)
        try:
            await stream.run(handshake_s=self._handshake_s)
        finally:
            self._streams.discard(stream)
            session.end("the stream to the peer has ended")

    async def drain(self, most_s: float) -> None:
        """Let every stream finish its transactions and end, as long as that takes less time than given."""
        streams = list(self._streams)
        for stream in streams:
            stream.stop()
        try:
            async with asyncio.timeout(most_s):
                for stream in streams:
                    await stream.ended.wait()
        except TimeoutError:
            logger.warning("transactions that still ran after %g s were given up", most_s)


class _Stream:
    """A stream's two directions: one reader, and one writer that sends what any thread has queued."""

    session: Session

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._outgoing: deque[ChaincodeMessage] = deque()
        self._available = asyncio.Event()
        self._announced = False
        self._stopping = False
        self.ended = asyncio.Event()

    def send(self, message: ChaincodeMessage) -> None:
        """Queue a message; wakes the loop once for all that gathers until it runs."""
        self._outgoing.append(message)
        if not self._announced:
            self._announced = True
            self._loop.call_soon_threadsafe(self._available.set)

    def stop(self) -> None:
        """Start no more transactions, and end when the last one is answered."""
        self._stopping = True
        self.session.stop()
        self._available.set()

    async def run(self, *, handshake_s: float) -> None:
        """Read and write until the peer ends the stream, or `stop` does."""
        handshake = self._loop.call_later(handshake_s, self._check_handshake)
        reader, writer = asyncio.create_task(self._read()), asyncio.create_task(self._write())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and reader.result():  # its last words are still to be sent
                self.stop()
                await writer
        finally:
            handshake.cancel()
            reader.cancel()
            writer.cancel()
            try:
                await asyncio.wait((reader, writer))
            finally:  # gRPC cancels this a second time when the peer hangs up
                self.ended.set()

    def _check_handshake(self) -> None:
        if not self.session.is_ready:
            logger.warning("a peer is not ready in time: is the package with this id installed there?")
            self.stop()

    async def _read(self) -> bool:
        """Read to the peer's end of the stream; True if it was ended here, because of what the peer sent."""
        while (message := await self._context.read()) is not grpc.aio.EOF:
            try:
                self.session.receive(message)
            except ProtocolError as error:
                logger.warning("a peer's stream is ended: %s", error)
                return True
        return False

    async def _write(self) -> None:
        """Write what is queued; returns when the stream stops and nothing is left to say."""
        while not (self._stopping and self.session.is_idle and not self._outgoing):
            await self._available.wait()
            self._available.clear()
            self._announced = False  # before the queue is read: what comes later announces itself again
            while self._outgoing:
                await self._context.write(self._outgoing.popleft())
