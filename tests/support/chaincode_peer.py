"""A peer's side of the shim protocol in the test's process, over `chaincode_state`. It is strict.

What a real peer would drop, refuse or end the stream for is a violation, and the test fails: a second request of one
transaction while the first is open, a message about a transaction that is over, a message that is not for peers, a
field that the protocol does not have, a query left open.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.peer import (
    chaincode_pb2,
    chaincode_shim_pb2_grpc,
    proposal_pb2,
    proposal_response_pb2,
)
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from support.chaincode_state import PeerLedger, RefusedError, Simulation, decode, refuse_unknown_fields

CHANNEL = "trade"
TIMESTAMP_MS = 1_767_225_600_123
WAIT_S = 20.0
OPTIONS = [("grpc.max_receive_message_length", 100 << 20), ("grpc.max_send_message_length", 100 << 20)]
_PINGS_ALWAYS = (("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0))
FULL = chaincode_pb2.ChaincodeAdditionalParams(
    use_write_batch=True, max_size_write_batch=1000, use_get_multiple_keys=True, max_size_get_multiple_keys=1000
).SerializeToString()
"""The payload of READY as a peer of Fabric 3.1 sends it."""

Called = Callable[[Sequence[bytes], ChaincodeMessage], Awaitable[proposal_response_pb2.Response]]


@dataclass(slots=True)
class Outcome:
    """How one transaction was answered, and what it asked before."""

    kind: str
    status: int = 0
    message: str = ""
    payload: bytes = b""
    event: tuple[str, bytes] | None = None
    requests: list[str] = field(default_factory=list)
    writes: list[tuple[int, str, str, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    simulation: Simulation
    answer: asyncio.Future[ChaincodeMessage]
    requests: list[str] = field(default_factory=list)
    busy: bool = False


class FakePeer:
    """One stream to a chaincode server."""

    def __init__(self, call: Any, *, ledger: PeerLedger, results: int) -> None:  # noqa: ANN401 - grpc's own class
        self._call = call
        self._results = results
        self._writing = asyncio.Lock()
        self._open: dict[tuple[str, str], _Open] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ledger = ledger
        self.registered = ""
        self.echoes: list[ChaincodeMessage] = []
        self.violations: list[str] = []
        self.refusals: dict[str, str] = {}
        self.unanswered: set[str] = set()
        self.delay_s = 0.0
        self.chaincodes: dict[str, Called] = {}
        self.arrived = asyncio.Event()
        self.ended = asyncio.Event()

    async def handshake(self, ready: bytes) -> None:
        """Take the registration and say that the peer is ready."""
        message = await asyncio.wait_for(self._call.read(), WAIT_S)
        assert message.type == ChaincodeMessage.REGISTER
        self.registered = chaincode_pb2.ChaincodeID.FromString(message.payload).name
        await self.send(ChaincodeMessage(type=ChaincodeMessage.REGISTERED))
        await self.send(ChaincodeMessage(type=ChaincodeMessage.READY, payload=ready))

    async def invoke(
        self,
        *args: str | bytes,
        channel: str = CHANNEL,
        tx_id: str = "",
        transient: Mapping[str, bytes] | None = None,
        init: bool = False,
        payload: bytes | None = None,
    ) -> Outcome:
        """Run one transaction and return how it ended; a success is committed."""
        tx_id = tx_id or hashlib.sha256(f"{id(self)}{next(self._numbers)}".encode()).hexdigest()
        entry = _Open(Simulation(self.ledger, results=self._results), asyncio.get_running_loop().create_future())
        self._open[channel, tx_id] = entry
        encoded = [argument.encode() if isinstance(argument, str) else argument for argument in args]
        await self.send(
            ChaincodeMessage(
                type=ChaincodeMessage.INIT if init else ChaincodeMessage.TRANSACTION,
                payload=chaincode_pb2.ChaincodeInput(args=encoded).SerializeToString() if payload is None else payload,
                txid=tx_id,
                channel_id=channel,
                proposal=proposal(encoded, channel=channel, tx_id=tx_id, transient=transient or {}),
            )
        )
        answer = await asyncio.wait_for(entry.answer, WAIT_S)
        outcome = self._outcome(answer, entry)
        if outcome.kind == "COMPLETED" and outcome.status < 400:
            entry.simulation.commit()
        return outcome

    async def send(self, message: ChaincodeMessage) -> None:
        """Send one message."""
        async with self._writing:
            await self._call.write(message)

    def forget(self, channel: str, tx_id: str) -> None:
        """Give a transaction up, as a peer does after its timeout."""
        self._open.pop((channel, tx_id)).answer.cancel()

    async def read(self) -> None:
        """Answer the chaincode until the stream ends."""
        try:
            while (message := await self._call.read()) is not grpc.aio.EOF:
                self._receive(message)
        except (grpc.aio.AioRpcError, asyncio.CancelledError):
            pass
        finally:
            self.ended.set()

    def _receive(self, message: ChaincodeMessage) -> None:
        name = ChaincodeMessage.Type.Name(message.type)
        if message.type == ChaincodeMessage.KEEPALIVE:
            self.echoes.append(message)
            return
        entry = self._open.get((message.channel_id, message.txid))
        if message.type in (ChaincodeMessage.COMPLETED, ChaincodeMessage.ERROR):
            if entry is None:
                self.violations.append(f"{name} for a transaction that is over or unknown")
                return
            del self._open[message.channel_id, message.txid]
            if entry.busy:
                self.violations.append(f"{name} while a request is open")
            if entry.simulation.queries:
                self.violations.append(f"{name} with queries open")
            entry.answer.set_result(message)
            return
        if entry is None:
            self.violations.append(f"{name} of a transaction that is over or unknown")
        elif entry.busy:
            self.violations.append(f"{name} while another request is open")
        else:
            entry.busy = True
            entry.requests.append(name)
            self.arrived.set()
            task = asyncio.create_task(self._answer(message, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: ChaincodeMessage, entry: _Open) -> None:
        name = ChaincodeMessage.Type.Name(message.type)
        if name in self.unanswered:
            return
        await asyncio.sleep(self.delay_s)
        answer = ChaincodeMessage(type=ChaincodeMessage.RESPONSE, txid=message.txid, channel_id=message.channel_id)
        try:
            answer.payload = await self._payload(message, entry)
        except RefusedError as error:
            answer.type = ChaincodeMessage.ERROR
            answer.payload = f"{name} failed: transaction ID: {message.txid}: {error}".encode()
        except (ValueError, KeyError, AttributeError) as error:
            self.violations.append(f"{name}: {error}")
        entry.busy = False
        await self.send(answer)

    async def _payload(self, message: ChaincodeMessage, entry: _Open) -> bytes:
        name = ChaincodeMessage.Type.Name(message.type)
        if name in self.refusals:
            raise RefusedError(self.refusals[name])
        refuse_unknown_fields(message)
        if message.type != ChaincodeMessage.INVOKE_CHAINCODE:
            return entry.simulation.answer(message.type, decode(message.type, message.payload))
        spec = chaincode_pb2.ChaincodeSpec.FromString(message.payload)
        refuse_unknown_fields(spec)
        called = self.chaincodes.get(spec.chaincode_id.name)
        if called is None:
            raise RefusedError(f"chaincode {spec.chaincode_id.name} not found")
        response = await called(list(spec.input.args), message)
        completed = ChaincodeMessage(type=ChaincodeMessage.COMPLETED, payload=response.SerializeToString())
        encoded: bytes = completed.SerializeToString()
        return encoded

    @staticmethod
    def _outcome(answer: ChaincodeMessage, entry: _Open) -> Outcome:
        if answer.type == ChaincodeMessage.ERROR:
            return Outcome("ERROR", message=answer.payload.decode(), requests=entry.requests)
        refuse_unknown_fields(answer)
        response = proposal_response_pb2.Response.FromString(answer.payload)
        event = answer.chaincode_event
        return Outcome(
            kind="COMPLETED",
            status=response.status,
            message=response.message,
            payload=response.payload,
            event=(event.event_name, event.payload) if answer.HasField("chaincode_event") else None,
            requests=entry.requests,
            writes=entry.simulation.writes,
        )


@asynccontextmanager
async def connected(
    address: str,
    *,
    ready: bytes = FULL,
    ledger: PeerLedger | None = None,
    results: int = 100,
    credentials: grpc.ChannelCredentials | None = None,
    ping_ms: int = 0,
) -> AsyncIterator[FakePeer]:
    """Connect to a chaincode server, shake hands, and fail at the end if the server broke a rule.

    ``results`` is how many results one answer to a query carries; ``ping_ms`` how often it pings when nothing happens.
    """
    options = [*OPTIONS, *((("grpc.keepalive_time_ms", ping_ms), *_PINGS_ALWAYS) if ping_ms else ())]
    channel = (
        grpc.aio.insecure_channel(address, options=options)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options=options)
    )
    async with channel:
        call = chaincode_shim_pb2_grpc.ChaincodeStub(channel).Connect()
        peer = FakePeer(call, ledger=ledger or PeerLedger(), results=results)
        await peer.handshake(ready)
        reader = asyncio.create_task(peer.read())
        try:
            yield peer
        finally:
            reader.cancel()
            call.cancel()
            await asyncio.gather(reader, return_exceptions=True)
    assert peer.violations == []


def proposal(
    args: Sequence[bytes], *, channel: str, tx_id: str, transient: Mapping[str, bytes]
) -> proposal_pb2.SignedProposal:
    """Return a proposal with everything that a chaincode reads from one."""
    header = common_pb2.ChannelHeader(type=3, channel_id=channel, tx_id=tx_id)
    header.timestamp.seconds, header.timestamp.nanos = TIMESTAMP_MS // 1000, TIMESTAMP_MS % 1000 * 1_000_000
    signature_header = common_pb2.SignatureHeader(creator=b"creator", nonce=b"nonce")
    payload = proposal_pb2.ChaincodeProposalPayload(input=b"".join(args), TransientMap=dict(transient))
    both = common_pb2.Header(
        channel_header=header.SerializeToString(), signature_header=signature_header.SerializeToString()
    )
    unsigned = proposal_pb2.Proposal(header=both.SerializeToString(), payload=payload.SerializeToString())
    return proposal_pb2.SignedProposal(proposal_bytes=unsigned.SerializeToString(), signature=b"signature")
