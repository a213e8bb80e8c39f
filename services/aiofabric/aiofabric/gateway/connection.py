"""What every object of the chain holds: the channel, who speaks on it, and the calls it can make.

One gRPC channel serves everything. Each call has its step's deadline and fails with its step's error, nothing else.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.peer import events_pb2_grpc

from aiofabric.errors import (
    CommitStatusError,
    EndorseError,
    EvaluateError,
    SubmitError,
    UnsignedError,
)
from aiofabric.gateway.deadlines import Deadlines
from aiofabric.gateway.rpc_status import failures_as
from aiofabric.identity import AsyncSigner, HashName, Identity, Signer

# The official bindings have no type stubs: their messages are Any, and named in the docstrings.
Message = Any


@dataclass(frozen=True, slots=True)
class Connection:
    """A channel to a gateway peer, the identity that speaks on it, and how long it waits.

    Attributes:
        channel: the gRPC channel, shared by everything.
        identity: the client, a member of an organisation of the channel.
        signer: signs as that identity, at once or awaited; None if signatures are made elsewhere.
        deadlines: seconds for each step, where a call does not say otherwise.
        tls_certificate_hash: SHA-256 of the client's TLS certificate (DER) under mutual TLS, else empty.
        hash_name: the hash of the digests that are signed elsewhere.
    """

    channel: grpc.aio.Channel
    identity: Identity
    signer: Signer | AsyncSigner | None
    deadlines: Deadlines
    tls_certificate_hash: bytes = b""
    hash_name: HashName = "sha256"
    gateway: Message = field(init=False)
    deliver: Message = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gateway", gateway_pb2_grpc.GatewayStub(self.channel))
        object.__setattr__(self, "deliver", events_pb2_grpc.DeliverStub(self.channel))

    def require_signer(self) -> Signer | AsyncSigner:
        """Return the signer. Raises `UnsignedError` without one."""
        if self.signer is None:
            raise UnsignedError(
                "no signer: sign the object's digest elsewhere and rebuild it with the gateway's signed_…() method, "
                "or connect with signer="
            )
        return self.signer

    async def sign(self, message: bytes) -> bytes:
        """Return the identity's signature over a message. Raises `UnsignedError` without a signer."""
        signature = self.require_signer()(message)
        return await signature if inspect.isawaitable(signature) else signature

    async def evaluate(self, request: Message, *, timeout_s: float | None = None) -> Message:
        """Send a ``gateway.EvaluateRequest``. Raises `EvaluateError`."""
        timeout = self.deadlines.evaluate_s if timeout_s is None else timeout_s
        with failures_as(EvaluateError, transaction_id=request.transaction_id):
            return await self.gateway.Evaluate(request, timeout=timeout)

    async def endorse(self, request: Message, *, timeout_s: float | None = None) -> Message:
        """Send a ``gateway.EndorseRequest``. Raises `EndorseError`."""
        timeout = self.deadlines.endorse_s if timeout_s is None else timeout_s
        with failures_as(EndorseError, transaction_id=request.transaction_id):
            return await self.gateway.Endorse(request, timeout=timeout)

    async def submit(self, request: Message, *, timeout_s: float | None = None) -> None:
        """Send a ``gateway.SubmitRequest``. Raises `SubmitError`, also where the outcome is unknown."""
        timeout = self.deadlines.submit_s if timeout_s is None else timeout_s
        with failures_as(SubmitError, transaction_id=request.transaction_id):
            await self.gateway.Submit(request, timeout=timeout)

    async def commit_status(self, request: Message, *, transaction_id: str, timeout_s: float | None = None) -> Message:
        """Send a ``gateway.SignedCommitStatusRequest``. Raises `CommitStatusError`."""
        timeout = self.deadlines.commit_status_s if timeout_s is None else timeout_s
        with failures_as(CommitStatusError, transaction_id=transaction_id):
            return await self.gateway.CommitStatus(request, timeout=timeout)
