"""What a peer knows of the others of a channel: Fabric's discovery service, as far as readiness needs it.

A Gateway finds endorsers among the peers that its own peer knows, with the chaincodes that they say they have. Until it
knows enough of them, endorsing fails.
"""

from dataclasses import dataclass
from typing import Any

import grpc
from fabric_protos.discovery import protocol_pb2, protocol_pb2_grpc
from fabric_protos.gossip import message_pb2
from fabric_protos.msp import identities_pb2

from aiofabric.identity import Identity, Signer

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer as another one knows it: its organisation, its height, the names of chaincodes that it can run."""

    msp_id: str
    height: int
    chaincodes: frozenset[str]


async def known_peers(
    channel: grpc.aio.Channel, *, channel_name: str, identity: Identity, signer: Signer
) -> tuple[KnownPeer, ...]:
    """Ask a peer which peers of a channel it knows, itself included; nothing if it cannot say yet."""
    request = protocol_pb2.Request(
        authentication=protocol_pb2.AuthInfo(client_identity=identity.serialized()),
        queries=[protocol_pb2.Query(channel=channel_name, peer_query=protocol_pb2.PeerMembershipQuery())],
    ).SerializeToString()
    signed = protocol_pb2.SignedRequest(payload=request, signature=signer(request))
    try:
        response = await protocol_pb2_grpc.DiscoveryStub(channel).Discover(signed, timeout=_TIMEOUT_S)
    except grpc.aio.AioRpcError:
        return ()
    groups = response.results[0].members.peers_by_org if response.results else {}
    return tuple(_read(peer) for group in groups.values() for peer in group.peers)


def _read(peer: Any) -> KnownPeer:  # noqa: ANN401 - a protobuf message
    state = message_pb2.GossipMessage.FromString(peer.state_info.payload).state_info.properties
    return KnownPeer(
        msp_id=identities_pb2.SerializedIdentity.FromString(peer.identity).mspid,
        height=state.ledger_height,
        chaincodes=frozenset(chaincode.name for chaincode in state.chaincodes),
    )
