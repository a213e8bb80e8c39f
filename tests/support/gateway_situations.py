"""Requests that a gateway must refuse, a situation each: sent to real Fabric once, and to the embedded ledger always.

Source of the list: the gateway's error mapping (`docs/reference/gateway.md`).
"""

import asyncio
import base64
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import grpc
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc

from aiofabric.gateway.rpc_status import DETAILS_KEY
from aiofabric.identity import CertificateAuthority, Identity, IssuedIdentity, Signer, private_key_signer
from support.embedded_client import Client, transaction_id
from support.fabric_tampering import high_s

CALL_TIMEOUT_S = 60.0
MEMBER, OTHER = "Org1MSP", "Org2MSP"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a refused call ends in: gRPC code and message, and the trailer with the peers' words."""

    call: str
    code: str
    message: str
    details: bytes

    def document(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return {
            "call": self.call,
            "code": self.code,
            "message": self.message,
            "grpc-status-details-bin": base64.b64encode(self.details).decode(),
        }

    @classmethod
    def of(cls, document: dict[str, str]) -> Self:
        """Return what `document` wrote."""
        details = base64.b64decode(document["grpc-status-details-bin"], validate=True)
        return cls(document["call"], document["code"], document["message"], details)


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway with a member of its own organisation, and that organisation's authority."""

    stub: Any
    client: Client
    authority: CertificateAuthority

    async def endorsed(self, *args: str) -> Any:  # noqa: ANN401 - a protobuf message
        """Return an endorsed transaction, unsigned."""
        response = await self.stub.Endorse(self.client.endorse_request(*args), timeout=CALL_TIMEOUT_S)
        return response.prepared_transaction

    async def committed(self) -> Any:  # noqa: ANN401 - a protobuf message
        """Return a transaction that is committed."""
        envelope = self.client.signed(await self.endorsed("put", "once", "only"))
        await self.stub.Submit(self.client.submit_request(envelope), timeout=CALL_TIMEOUT_S)
        request = self.client.status_request(transaction_id(envelope))
        await self.stub.CommitStatus(request, timeout=CALL_TIMEOUT_S)
        return envelope


def peer(channel: grpc.aio.Channel, *, user: tuple[Identity, Signer], authority: CertificateAuthority) -> Peer:
    """Return the gateway behind a gRPC channel."""
    return Peer(gateway_pb2_grpc.GatewayStub(channel), Client(*user), authority)


async def failure(at: Peer, situation: str) -> Failure:
    """Let a situation happen and return how it ended. Raises AssertionError if it was not refused."""
    call, build = SITUATIONS[situation]
    request = await build(at)
    try:
        await getattr(at.stub, call)(request, timeout=CALL_TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        trailer = dict(error.trailing_metadata() or ())
        return Failure(call, error.code().name, error.details() or "", bytes(trailer.get(DETAILS_KEY, b"")))
    raise AssertionError(f"{situation}: not refused")


# --- who asks -----------------------------------------------------------------------------------------------


def _client_of(issued: IssuedIdentity, at: Peer) -> Client:
    key = load_pem_private_key(issued.key_pem, password=None)
    identity = Identity(MEMBER, issued.certificate_pem)
    return replace(at.client, identity=identity, sign=private_key_signer(key))  # type: ignore[arg-type]


def _stranger(at: Peer) -> Client:
    """Return somebody whose certificate another authority of the same name issued."""
    return _client_of(CertificateAuthority.create(MEMBER).issue(f"alice@{MEMBER}", role="client"), at)


def _of_no_organisation(at: Peer) -> Client:
    client = _stranger(at)
    return replace(client, identity=Identity("NobodyMSP", client.identity.certificate_pem))


def _expired(at: Peer) -> Client:
    ended = dt.timedelta(seconds=-1)
    return _client_of(at.authority.issue(f"late@{MEMBER}", role="client", valid_for=ended), at)


def _with_high_s(client: Client) -> Client:
    return replace(client, sign=lambda message: high_s(client.sign(message)))


def _signing_something_else(client: Client) -> Client:
    return replace(client, sign=lambda message: client.sign(message + b"!"))


# --- what is asked ------------------------------------------------------------------------------------------

Build = Callable[[Peer], Awaitable[Any]]
Change = Callable[[Peer], Client]


def _evaluate(*args: str, by: Change | None = None, **options: Any) -> tuple[str, Build]:  # noqa: ANN401
    async def build(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
        client = by(at) if by else at.client
        return client.evaluate_request(*client.proposal(*args, **options))

    return "Evaluate", build


def _endorse(
    *args: str,
    by: Change | None = None,
    organisations: tuple[str, ...] = (),
    **options: Any,  # noqa: ANN401
) -> tuple[str, Build]:
    async def build(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
        client = by(at) if by else at.client
        tx_id, signed = client.proposal(*args, **options)
        return gateway_pb2.EndorseRequest(
            transaction_id=tx_id,
            channel_id=client.channel,
            proposed_transaction=signed,
            endorsing_organizations=organisations,
        )

    return "Endorse", build


def _submit(change: Callable[[Peer, Any], Any]) -> tuple[str, Build]:
    async def build(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
        return change(at, await at.endorsed("put", "colour", "blue"))

    return "Submit", build


def _status(by: Change) -> tuple[str, Build]:
    async def build(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
        return by(at).status_request("0" * 64)

    return "CommitStatus", build


async def _submitted_by_expired(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
    """Endorsed while the certificate was valid, submitted when it is not."""
    issued = at.authority.issue(f"short@{MEMBER}", role="client", valid_for=dt.timedelta(seconds=2))
    client = _client_of(issued, at)
    response = await at.stub.Endorse(client.endorse_request("put", "colour", "blue"), timeout=CALL_TIMEOUT_S)
    envelope = client.signed(response.prepared_transaction)
    await asyncio.sleep(2.2)  # certificates end on whole seconds
    return client.submit_request(envelope)


async def _endorsed_again(at: Peer) -> Any:  # noqa: ANN401 - a protobuf message
    """Propose once more what is committed: the same nonce, so the same transaction."""
    envelope = await at.committed()
    header = common_pb2.Payload.FromString(envelope.payload).header
    nonce = common_pb2.SignatureHeader.FromString(header.signature_header).nonce
    tx_id, signed = at.client.proposal("put", "once", "more", nonce=nonce)
    return gateway_pb2.EndorseRequest(transaction_id=tx_id, channel_id=at.client.channel, proposed_transaction=signed)


async def _nothing(_: Peer) -> Any:  # noqa: ANN401 - a protobuf message
    return gateway_pb2.EvaluateRequest()


def _unsigned(at: Peer, envelope: Any) -> Any:  # noqa: ANN401 - a protobuf message
    return at.client.submit_request(common_pb2.Envelope(payload=envelope.payload))


def _signed_by(change: Change) -> Callable[[Peer, Any], Any]:
    return lambda at, envelope: change(at).submit_request(change(at).signed(envelope))


def _to_another_channel(at: Peer, envelope: Any) -> Any:  # noqa: ANN401 - a protobuf message
    request = at.client.submit_request(at.client.signed(envelope))
    request.channel_id = "elsewhere"
    return request


_OLD_S = 20 * 60.0
_HIGH_S: Change = lambda at: _with_high_s(at.client)  # noqa: E731 - one line each says more
_FORGING: Change = lambda at: _signing_something_else(at.client)  # noqa: E731
_ELSEWHERE: Change = lambda at: replace(at.client, channel="elsewhere")  # noqa: E731
_NO_CHAINCODE: Change = lambda at: replace(at.client, chaincode="nothing")  # noqa: E731

SITUATIONS: dict[str, tuple[str, Build]] = {
    "evaluate: empty request": ("Evaluate", _nothing),
    "evaluate: the contract refuses": _evaluate("get", "not there"),
    "evaluate: the contract crashes": _evaluate("crash", "error"),
    "evaluate: unknown channel": _evaluate("get", "colour", by=_ELSEWHERE),
    "evaluate: unknown chaincode": _evaluate("get", "colour", by=_NO_CHAINCODE),
    "evaluate: high S": _evaluate("get", "colour", by=_HIGH_S),
    "evaluate: forged signature": _evaluate("get", "colour", by=_FORGING),
    "evaluate: another authority's certificate": _evaluate("get", "colour", by=_stranger),
    "evaluate: unknown organisation": _evaluate("get", "colour", by=_of_no_organisation),
    "evaluate: expired certificate": _evaluate("get", "colour", by=_expired),
    "evaluate: old timestamp": _evaluate("get", "colour", age_s=_OLD_S),
    "evaluate: another transaction id": _evaluate("get", "colour", tx_id="0" * 64),
    "endorse: the contract refuses": _endorse("fail", "404"),
    "endorse: the contract crashes": _endorse("crash", "error"),
    "endorse: answers differ": _endorse("nondeterministic"),
    "endorse: unknown channel": _endorse("put", "colour", "blue", by=_ELSEWHERE),
    "endorse: unknown chaincode": _endorse("put", "colour", "blue", by=_NO_CHAINCODE),
    "endorse: unknown organisation named": _endorse("put", "colour", "blue", organisations=("NobodyMSP",)),
    "endorse: high S": _endorse("put", "colour", "blue", by=_HIGH_S),
    "endorse: forged signature": _endorse("put", "colour", "blue", by=_FORGING),
    "endorse: another authority's certificate": _endorse("put", "colour", "blue", by=_stranger),
    "endorse: expired certificate": _endorse("put", "colour", "blue", by=_expired),
    "endorse: old timestamp": _endorse("put", "colour", "blue", age_s=_OLD_S),
    "endorse: a committed transaction's proposal": ("Endorse", _endorsed_again),
    "submit: unsigned": _submit(_unsigned),
    "submit: high S": _submit(_signed_by(_HIGH_S)),
    "submit: forged signature": _submit(_signed_by(_FORGING)),
    "submit: signed by another authority's member": _submit(_signed_by(_stranger)),
    "submit: expired certificate": ("Submit", _submitted_by_expired),
    "submit: unknown channel": _submit(_to_another_channel),
    "commit status: forged signature": _status(_FORGING),
    "commit status: another authority's certificate": _status(_stranger),
    "commit status: unknown channel": _status(_ELSEWHERE),
}
"""Each by its name: the gateway's method, and what makes the request."""
