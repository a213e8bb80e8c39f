"""A scripted gateway peer on gRPC: answers what a test tells it to, and keeps what it was asked."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import ec
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    events_pb2_grpc,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)

from aiofabric.gateway import Deadlines, Gateway
from aiofabric.gateway.rpc_status import DETAILS_KEY, RpcStatus
from aiofabric.identity import AsyncSigner, HashName, Identity, Signer, private_key_signer

IDENTITY = Identity(msp_id="Org1MSP", certificate_pem=b"-- a certificate --")
KEY = ec.derive_private_key(1234567890, ec.SECP256R1())
SIGNER = private_key_signer(KEY)

Message = Any
Context = Any
"""The official bindings and gRPC's contexts come without precise types."""

Reply = Callable[[Message, Context], Message]


@dataclass
class Peer(gateway_pb2_grpc.GatewayServicer, events_pb2_grpc.DeliverServicer):  # type: ignore[misc]
    """Answers each call with ``replies[method]``, or as a peer would that runs an echo contract."""

    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[tuple[str, Message]] = field(default_factory=list)
    code: int = transaction_pb2.VALID

    def asked(self, method: str) -> list[Message]:
        return [request for name, request in self.requests if name == method]

    async def _answer(self, method: str, request: Message, context: Context, otherwise: Message) -> Message:
        self.requests.append((method, request))
        if method in self.replies:
            return await self.replies[method](request, context)
        return otherwise(request)

    async def Evaluate(self, request: Message, context: Context) -> Message:  # noqa: N802
        def echo(request: Message) -> Message:
            payload = b"|".join(arguments(request.proposed_transaction.proposal_bytes))
            return gateway_pb2.EvaluateResponse(result=proposal_response_pb2.Response(status=200, payload=payload))

        return await self._answer("Evaluate", request, context, echo)

    async def Endorse(self, request: Message, context: Context) -> Message:  # noqa: N802
        return await self._answer("Endorse", request, context, endorsed)

    async def Submit(self, request: Message, context: Context) -> Message:  # noqa: N802
        return await self._answer("Submit", request, context, lambda _: gateway_pb2.SubmitResponse())

    async def CommitStatus(self, request: Message, context: Context) -> Message:  # noqa: N802
        def status(_: Message) -> Message:
            return gateway_pb2.CommitStatusResponse(result=self.code, block_number=7)

        return await self._answer("CommitStatus", request, context, status)

    async def ChaincodeEvents(self, request: Message, context: Context) -> AsyncIterator[Message]:  # noqa: N802
        self.requests.append(("ChaincodeEvents", request))
        async for response in self.replies["ChaincodeEvents"](request, context):
            yield response

    async def _stream(self, method: str, requests: Message, context: Context) -> AsyncIterator[Message]:
        async for envelope in requests:
            self.requests.append((method, envelope))
            async for response in self.replies[method](envelope, context):
                yield response

    async def Deliver(self, requests: Message, context: Context) -> AsyncIterator[Message]:  # noqa: N802
        async for response in self._stream("Deliver", requests, context):
            yield response

    async def DeliverFiltered(self, requests: Message, context: Context) -> AsyncIterator[Message]:  # noqa: N802
        async for response in self._stream("DeliverFiltered", requests, context):
            yield response

    async def DeliverWithPrivateData(self, requests: Message, context: Context) -> AsyncIterator[Message]:  # noqa: N802
        async for response in self._stream("DeliverWithPrivateData", requests, context):
            yield response


def arguments(proposal: bytes) -> list[bytes]:
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal_pb2.Proposal.FromString(proposal).payload)
    invocation = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input)
    return list(invocation.chaincode_spec.input.args)


def endorsed(request: Message, *, chaincode_input: bytes | None = None) -> Message:
    """Return the ``EndorseResponse`` of an honest peer, or of one that ran something else."""
    proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    asked = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    visible = proposal_pb2.ChaincodeProposalPayload(input=chaincode_input or asked.input).SerializeToString()
    outcome = proposal_pb2.ChaincodeAction(
        results=b"read-write set",
        events=chaincode_event_pb2.ChaincodeEvent().SerializeToString(),
        response=proposal_response_pb2.Response(status=200, payload=b"result"),
    )
    response = proposal_response_pb2.ProposalResponsePayload(
        proposal_hash=hashlib.sha256(header.channel_header + header.signature_header + visible).digest(),
        extension=outcome.SerializeToString(),
    )
    action = transaction_pb2.ChaincodeActionPayload(chaincode_proposal_payload=visible)
    action.action.proposal_response_payload = response.SerializeToString()
    action.action.endorsements.add(endorser=b"endorser", signature=b"signature")
    transaction = transaction_pb2.Transaction()
    transaction.actions.add(header=header.signature_header, payload=action.SerializeToString())
    payload = common_pb2.Payload(header=header, data=transaction.SerializeToString())
    envelope = common_pb2.Envelope(payload=payload.SerializeToString())
    return gateway_pb2.EndorseResponse(prepared_transaction=envelope)


def failing(code: grpc.StatusCode, message: str, *details: tuple[str, str, str]) -> Reply:
    """Return a reply that fails, with one detail (address, MSP id, message) for each peer."""

    async def fail(_: Message, context: Context) -> Message:
        status = RpcStatus(code=code.value[0], message=message)
        for address, msp_id, text in details:
            status.details.add().Pack(gateway_pb2.ErrorDetail(address=address, msp_id=msp_id, message=text))
        context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
        await context.abort(code, message)

    return fail


@asynccontextmanager
async def listening(peer: Peer, address: str, credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[None]:
    """Serve a peer at an address for as long as the block lasts, with TLS if there are credentials."""
    server = grpc.aio.server()
    gateway_pb2_grpc.add_GatewayServicer_to_server(peer, server)
    events_pb2_grpc.add_DeliverServicer_to_server(peer, server)
    if credentials is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, credentials)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@asynccontextmanager
async def serving(
    peer: Peer,
    *,
    signer: Signer | AsyncSigner | None = SIGNER,
    deadlines: Deadlines | None = None,
    hash_name: HashName = "sha256",
) -> AsyncIterator[Gateway]:
    """Serve a peer on a socket of its own, and give a gateway connected to it."""
    with TemporaryDirectory() as folder:
        target = f"unix:{folder}/peer"
        async with listening(peer, target):
            channel = grpc.aio.insecure_channel(target)
            async with Gateway(
                channel, identity=IDENTITY, signer=signer, deadlines=deadlines, hash_name=hash_name
            ) as gateway:
                yield gateway
