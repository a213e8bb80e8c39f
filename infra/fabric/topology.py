"""The network of docker-compose.yml: who is in it, and under which names containers find each other."""

from dataclasses import dataclass
from typing import Any

from aiofabric.network.plan import Layout, Orderer, Organisation, Peer, Plan
from aiofabric.network.profile import PROFILE, channel_profile
from wayproof.ledger import CONTRACT, USERS

ORGANISATIONS = ("ShipperMSP", "CarrierMSP", "ConsigneeMSP")
WITH_A_LOG = ("ShipperMSP",)
ORDERERS = 4
"""The fewest of which one may lie (n = 3f + 1). Each is an organisation of its own."""


@dataclass(frozen=True, slots=True)
class ContainerOrderer(Orderer):
    """An orderer that is found by its service's name."""

    @property
    def address(self) -> str:
        """Where it serves clients and peers."""
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class ContainerPeer(Peer):
    """A peer that is found by its service's name."""

    @property
    def address(self) -> str:
        """Where it serves Gateway, Deliver, Endorser and gossip."""
        return f"{self.name}:{self.port}"


def short_name(msp_id: str) -> str:
    """Return an organisation's part in the names of its services: `shipper` of `ShipperMSP`."""
    return msp_id.removesuffix("MSP").lower()


def organisations() -> tuple[Organisation, ...]:
    """Return the organisations that endorse, with the identities that their processes act with."""
    return tuple(Organisation(msp_id, USERS) for msp_id in ORGANISATIONS)


def plan() -> Plan:
    """Return the network's nodes. Ports are the same for all: every container has its own address."""
    orderers = [
        ContainerOrderer(f"orderer{number}", f"Orderer{number}MSP", port=7050, admin_port=9443, operations_port=8443)
        for number in range(1, ORDERERS + 1)
    ]
    peers = [
        ContainerPeer(f"peer-{short_name(msp_id)}", msp_id, port=7051, chaincode_port=7052, operations_port=8443)
        for msp_id in ORGANISATIONS
    ]
    return Plan(CONTRACT, tuple(orderers), tuple(peers))


def profile(layout: Layout, network: Plan) -> dict[str, Any]:
    """Return what configtxgen makes the channel from, with the containers' names in the place of 127.0.0.1."""
    document = channel_profile(layout, network)
    channel = document["Profiles"][PROFILE]
    for consenter, orderer in zip(channel["Orderer"]["ConsenterMapping"], network.orderers, strict=True):
        consenter["Host"] = orderer.name
    for organisation, peer in zip(channel["Application"]["Organizations"], network.peers, strict=True):
        organisation["AnchorPeers"] = [{"Host": peer.name, "Port": peer.port}]
    return document
