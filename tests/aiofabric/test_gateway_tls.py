"""TLS: a peer that asks for client certificates, requests bound to them, names, and gRPC's own settings."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import events_pb2, proposal_pb2, proposal_response_pb2

from aiofabric.errors import EvaluateError, IdentityError
from aiofabric.gateway import Gateway
from aiofabric.identity import CertificateAuthority, IssuedIdentity
from support.embedded_network import free_port
from support.gateway_peer import IDENTITY, SIGNER, Context, Message, Peer, listening

AUTHORITY = CertificateAuthority.create("Org1MSP", purpose="tlsca")
SERVER = AUTHORITY.issue_tls("peer")
CLIENT = AUTHORITY.issue_tls("client")
STRANGER = CertificateAuthority.create("Org9MSP", purpose="tlsca").issue_tls("client")


class TlsPair(TypedDict, total=False):
    """The two arguments of `Gateway.connect` for mutual TLS."""

    tls_certificate_pem: bytes
    tls_key_pem: bytes


def pair(issued: IssuedIdentity) -> TlsPair:
    return {"tls_certificate_pem": issued.certificate_pem, "tls_key_pem": issued.key_pem}


def der_hash(certificate_pem: bytes) -> bytes:
    return hashlib.sha256(x509.load_pem_x509_certificate(certificate_pem).public_bytes(Encoding.DER)).digest()


@asynccontextmanager
async def peer_with_tls(peer: Peer, *, asks_for_certificates: bool = True) -> AsyncIterator[str]:
    credentials = grpc.ssl_server_credentials(
        [(SERVER.key_pem, SERVER.certificate_pem)],
        root_certificates=AUTHORITY.certificate_pem if asks_for_certificates else None,
        require_client_auth=asks_for_certificates,
    )
    address = f"127.0.0.1:{free_port()}"
    async with listening(peer, address, credentials):
        yield address


async def answer_if_bound(request: Message, context: Context) -> Message:
    """Do as a peer that checks the binding: the header's hash must be that of the connection's certificate."""
    proposal = proposal_pb2.Proposal.FromString(request.proposed_transaction.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    said = common_pb2.ChannelHeader.FromString(header.channel_header).tls_cert_hash
    (seen,) = context.auth_context()["x509_pem_cert"]
    if said != der_hash(seen):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not bound")
    return gateway_pb2.EvaluateResponse(result=proposal_response_pb2.Response(status=200, payload=b"bound"))


async def test_a_clients_certificate_lets_it_in_and_binds_its_proposals() -> None:
    async with (
        peer_with_tls(Peer(replies={"Evaluate": answer_if_bound})) as address,
        Gateway.connect(
            address, tls_ca=AUTHORITY.certificate_pem, identity=IDENTITY, signer=SIGNER, **pair(CLIENT)
        ) as gateway,
    ):
        assert await gateway.network("channel").contract("assets").evaluate("get") == b"bound"


async def test_the_binding_is_of_the_certificate_that_is_shown() -> None:
    """The peer of these tests does look: a proposal bound to another certificate is refused."""
    async with peer_with_tls(Peer(replies={"Evaluate": answer_if_bound})) as address:
        credentials = grpc.ssl_channel_credentials(AUTHORITY.certificate_pem, CLIENT.key_pem, CLIENT.certificate_pem)
        channel = grpc.aio.secure_channel(address, credentials)
        other = der_hash(STRANGER.certificate_pem)
        async with Gateway(channel, identity=IDENTITY, signer=SIGNER, tls_certificate_hash=other) as gateway:
            with pytest.raises(EvaluateError, match="not bound"):
                await gateway.network("channel").contract("assets").evaluate("get")


async def test_requests_for_blocks_are_bound_too() -> None:
    async def block(_: Message, context: Context) -> AsyncIterator[Message]:  # noqa: ARG001
        yield events_pb2.DeliverResponse(block=common_pb2.Block())

    peer = Peer(replies={"Deliver": block})
    async with (
        peer_with_tls(peer) as address,
        Gateway.connect(
            address, tls_ca=AUTHORITY.certificate_pem, identity=IDENTITY, signer=SIGNER, **pair(CLIENT)
        ) as gateway,
    ):
        await anext(gateway.network("channel").block_events(start_block=0))
    (envelope,) = peer.asked("Deliver")
    header = common_pb2.ChannelHeader.FromString(common_pb2.Payload.FromString(envelope.payload).header.channel_header)
    assert header.tls_cert_hash == der_hash(CLIENT.certificate_pem)


@pytest.mark.parametrize("issued", [None, STRANGER], ids=["no-certificate", "of-another-authority"])
async def test_without_a_certificate_of_its_authority_the_peer_cannot_be_reached(
    issued: IssuedIdentity | None,
) -> None:
    peer = Peer()
    async with peer_with_tls(peer) as address:
        given: TlsPair = pair(issued) if issued else {}
        async with Gateway.connect(
            address, tls_ca=AUTHORITY.certificate_pem, identity=IDENTITY, signer=SIGNER, **given
        ) as gateway:
            with pytest.raises(EvaluateError) as raised:
                await gateway.network("channel").contract("assets").evaluate("get")
    assert raised.value.code == "UNAVAILABLE"
    assert peer.requests == []


@pytest.mark.parametrize(("name", "is_reached"), [("localhost", True), ("peer0.org1.example", False)])
async def test_the_name_to_expect_in_the_peers_certificate(name: str, *, is_reached: bool) -> None:
    async with (
        peer_with_tls(Peer(), asks_for_certificates=False) as address,
        Gateway.connect(
            address, tls_ca=AUTHORITY.certificate_pem, identity=IDENTITY, signer=SIGNER, tls_server_name=name
        ) as gateway,
    ):
        contract = gateway.network("channel").contract("assets")
        if is_reached:
            assert await contract.evaluate("get") == b"get"
        else:
            with pytest.raises(EvaluateError) as raised:
                await contract.evaluate("get")
            assert raised.value.code == "UNAVAILABLE"


async def test_a_setting_of_grpcs_is_the_callers_to_change() -> None:
    async with (
        peer_with_tls(Peer(), asks_for_certificates=False) as address,
        Gateway.connect(
            address,
            tls_ca=AUTHORITY.certificate_pem,
            identity=IDENTITY,
            signer=SIGNER,
            channel_options=[("grpc.max_receive_message_length", 100)],
        ) as gateway,
    ):
        contract = gateway.network("channel").contract("assets")
        assert await contract.evaluate("get", "x" * 10) == b"get|xxxxxxxxxx"
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("get", "x" * 1000)
    assert raised.value.code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("certificate_pem", "key_pem", "code"),
    [
        pytest.param(CLIENT.certificate_pem, None, "TLS_INCOMPLETE", id="no-key"),
        pytest.param(None, CLIENT.key_pem, "TLS_INCOMPLETE", id="no-certificate"),
        pytest.param(b"not PEM", CLIENT.key_pem, "CERTIFICATE_UNREADABLE", id="unreadable"),
    ],
)
async def test_half_a_pair_is_refused_at_once(certificate_pem: bytes | None, key_pem: bytes | None, code: str) -> None:
    with pytest.raises(IdentityError) as raised:
        Gateway.connect(
            "127.0.0.1:1",
            tls_ca=AUTHORITY.certificate_pem,
            identity=IDENTITY,
            signer=SIGNER,
            tls_certificate_pem=certificate_pem,
            tls_key_pem=key_pem,
        )
    assert raised.value.code == code
