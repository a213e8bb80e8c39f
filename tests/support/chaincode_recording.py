"""Streams between real peers and a chaincode, recorded once and played again on every machine.

A recording is JSON: ``fabric``, the peer's version; ``handshake``, messages; ``scenarios``, each with the messages of
its transactions in their order. A message is ``[sender, type, base64 of the ChaincodeMessage]``, on a line of its own;
the type is for readers only.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage
from google.protobuf.message import Message

from support.chaincode_state import REQUESTS

FOLDER = Path(__file__).parents[1] / "fixtures" / "fabric" / "chaincode"
PEER, CHAINCODE = "peer", "chaincode"
OPTIONS = [("grpc.max_receive_message_length", 100 << 20), ("grpc.max_send_message_length", 100 << 20)]
CONNECT = "/protos.Chaincode/Connect"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message and who sent it."""

    sender: str
    message: ChaincodeMessage

    def as_json(self) -> list[str]:
        """Return it as it stands in a recording."""
        name = ChaincodeMessage.Type.Name(self.message.type)
        return [self.sender, name, b64encode(self.message.SerializeToString()).decode()]

    @classmethod
    def from_json(cls, entry: list[str]) -> "Sent":
        """Read one of a recording."""
        return cls(entry[0], ChaincodeMessage.FromString(b64decode(entry[2])))


@dataclass(slots=True)
class Recording:
    """What passed, in its order."""

    messages: list[Sent] = field(default_factory=list)

    def take(self) -> list[Sent]:
        """Return what was recorded since the last call."""
        taken, self.messages = self.messages, []
        return taken


@asynccontextmanager
async def recording_proxy(address: str, *, chaincode_address: str) -> AsyncIterator[Recording]:
    """Stand between a peer and a chaincode server, pass everything on, and keep a copy."""
    recording = Recording()

    async def connect(_: object, context: Any) -> None:  # noqa: ANN401 - grpc's own class
        async with grpc.aio.insecure_channel(chaincode_address, options=OPTIONS) as channel:
            call: Any = channel.stream_stream(CONNECT)()

            async def to_peer() -> None:
                while (data := await call.read()) is not grpc.aio.EOF:
                    recording.messages.append(Sent(CHAINCODE, ChaincodeMessage.FromString(data)))
                    await context.write(data)

            passing = asyncio.create_task(to_peer())
            try:
                while (data := await context.read()) is not grpc.aio.EOF:
                    recording.messages.append(Sent(PEER, ChaincodeMessage.FromString(data)))
                    await call.write(data)
            finally:
                passing.cancel()

    server = grpc.aio.server(options=OPTIONS)
    handlers: Any = {"Connect": grpc.stream_stream_rpc_method_handler(connect)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("protos.Chaincode", handlers),))
    server.add_insecure_port(address)
    await server.start()
    try:
        yield recording
    finally:
        await server.stop(None)


def meaning(message: ChaincodeMessage) -> tuple[Any, ...]:
    """Return what a message says, for comparison: its payload decoded, the records of a batch in no order."""
    return message.type, message.txid, message.channel_id, _payload(message), message.chaincode_event


def _payload(message: ChaincodeMessage) -> Message | list[bytes] | bytes:
    if message.type == ChaincodeMessage.WRITE_BATCH_STATE:
        batch = chaincode_shim_pb2.WriteBatchState.FromString(message.payload)
        return sorted(record.SerializeToString(deterministic=True) for record in batch.rec)
    known = {
        **REQUESTS,
        ChaincodeMessage.REGISTER: chaincode_pb2.ChaincodeID,
        ChaincodeMessage.INVOKE_CHAINCODE: chaincode_pb2.ChaincodeSpec,
        ChaincodeMessage.COMPLETED: proposal_response_pb2.Response,
    }
    decoded: Message | bytes = (
        known[message.type].FromString(message.payload) if message.type in known else message.payload
    )
    return decoded


def write(path: Path, *, fabric: str, handshake: list[Sent], scenarios: dict[str, list[Sent]]) -> None:
    """Write a recording."""
    blocks = ",\n".join(f" {json.dumps(name)}: {_lines(messages)}" for name, messages in scenarios.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'{{"fabric": {json.dumps(fabric)},\n"handshake": {_lines(handshake)},\n"scenarios": {{\n{blocks}\n}}}}\n'
    )


def _lines(messages: list[Sent]) -> str:
    return "[\n" + ",\n".join(f"  {json.dumps(sent.as_json())}" for sent in messages) + "\n ]"


def read(path: Path) -> tuple[list[Sent], dict[str, list[Sent]]]:
    """Return a recording's handshake and its scenarios."""
    content = json.loads(path.read_text())
    scenarios = {name: [Sent.from_json(entry) for entry in found] for name, found in content["scenarios"].items()}
    return [Sent.from_json(entry) for entry in content["handshake"]], scenarios
