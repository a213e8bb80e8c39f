"""One peer, spoken to directly: what administers a peer does not go through the Gateway."""

import time
from collections.abc import Sequence

import grpc
from fabric_protos.peer import peer_pb2_grpc, proposal_pb2

from aiofabric.gateway.gateway import MESSAGE_LIMIT_BYTES
from aiofabric.gateway.wire import new_nonce, proposal_bytes
from aiofabric.identity import Identity, Signer
from aiofabric.network.errors import NetworkError

_TIMEOUT_S = 60.0
_OK = 200


def secure_channel(address: str, *, tls_ca_pem: bytes) -> grpc.aio.Channel:
    """Return a gRPC channel to a node with Fabric's limit of message sizes."""
    options = [
        ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
        ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ]
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(tls_ca_pem), options=options)


class EndorserClient:
    """Proposals to one peer, answered by that peer alone."""

    def __init__(self, channel: grpc.aio.Channel, *, identity: Identity, signer: Signer) -> None:
        self._stub = peer_pb2_grpc.EndorserStub(channel)
        self._identity = identity
        self._signer = signer

    async def call(
        self, chaincode: str, args: Sequence[bytes], *, error: type[NetworkError], channel: str = ""
    ) -> bytes:
        """Let the peer run a (system) chaincode and return its answer.

        Args:
            chaincode: such as ``cscc`` or ``_lifecycle``.
            args: function name, then arguments.
            error: the class to raise if the peer does not answer, or refuses.
            channel: empty for what concerns the peer, not a channel.
        """
        proposal = proposal_bytes(
            channel=channel,
            chaincode=chaincode,
            args=args,
            transient={},
            creator=self._identity.serialized(),
            nonce=new_nonce(),
            timestamp_ns=time.time_ns(),
        )
        signed = proposal_pb2.SignedProposal(proposal_bytes=proposal, signature=self._signer(proposal))
        what = f"{chaincode} {args[0].decode()}"
        try:
            answer = await self._stub.ProcessProposal(signed, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as failure:
            raise error(f"{what}: {failure.code().name}: {failure.details()}") from failure
        if answer.response.status != _OK:
            raise error(f"{what}: {answer.response.status} {answer.response.message}")
        payload: bytes = answer.response.payload
        return payload
