"""``network.json``: what a finished network is. It is replaced as a whole, never edited in place."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiofabric.network.binaries import Binaries
from aiofabric.network.errors import NotANetworkError
from aiofabric.network.files import replace
from aiofabric.network.plan import Layout, Orderer, Peer, Plan

VERSION = 1


@dataclass(frozen=True, slots=True)
class ChaincodeServer:
    """A chaincode's process for one organisation's peer.

    Attributes:
        chaincode: its name on the channel.
        msp_id: the organisation.
        address: where the peer looks for it.
        package_id: of the package that the peer installed.
        entry_point: ``module:attribute`` of the contract; empty if the network does not run it.
        environment: what is added to the environment of its process.
        has_tls: whether peers connect to it with TLS.
    """

    chaincode: str
    msp_id: str
    address: str
    package_id: str
    entry_point: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    has_tls: bool = False

    @property
    def name(self) -> str:
        """The name of its process."""
        return f"chaincode.{self.chaincode}.{self.msp_id}"


@dataclass(frozen=True, slots=True)
class Description:
    """A network: its plan, its trust anchor, the programs that it was made with, its chaincodes' servers."""

    plan: Plan
    genesis_hash: str
    binaries: Binaries
    servers: tuple[ChaincodeServer, ...] = ()

    def with_servers(self, *servers: ChaincodeServer) -> "Description":
        """Return the description with these servers, in the place of those of the same name."""
        named = {server.name: server for server in (*self.servers, *servers)}
        return dataclasses.replace(self, servers=tuple(named.values()))

    def with_peer(self, peer: Peer) -> "Description":
        """Return the description with one more peer."""
        return dataclasses.replace(self, plan=dataclasses.replace(self.plan, peers=(*self.plan.peers, peer)))

    def servers_of(self, chaincode: str) -> tuple[ChaincodeServer, ...]:
        """Return a chaincode's servers, one for each organisation that installed it."""
        return tuple(server for server in self.servers if server.chaincode == chaincode)


def write_description(layout: Layout, description: Description) -> None:
    """Write or replace ``network.json``."""
    binaries = description.binaries
    document = {
        "version": VERSION,
        "channel": description.plan.channel,
        "genesis": description.genesis_hash,
        "consensus": description.plan.consensus,
        "fabric": {
            "version": binaries.version,
            "programs": str(binaries.programs),
            "samples": str(binaries.samples),
        },
        "orderers": [dataclasses.asdict(orderer) for orderer in description.plan.orderers],
        "peers": [dataclasses.asdict(peer) for peer in description.plan.peers],
        "chaincodes": [
            {**dataclasses.asdict(server), "environment": dict(server.environment)} for server in description.servers
        ],
    }
    replace(layout.description, json.dumps(document, indent=2).encode() + b"\n")


def read_description(layout: Layout) -> Description:
    """Read ``network.json``. Raises NotANetworkError, which says what to do."""
    try:
        document: dict[str, Any] = json.loads(layout.description.read_bytes())
        if document["version"] != VERSION:
            raise NotANetworkError(f"{layout.root} holds a network of version {document['version']}, not {VERSION}")
        return _read(document)
    except FileNotFoundError as error:
        if layout.marker.exists():
            raise NotANetworkError(
                f"{layout.root} holds a network that was not finished: remove it with down --remove, and make it again"
            ) from error
        raise NotANetworkError(f"{layout.root} holds no network: make one with up") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotANetworkError(f"{layout.description} cannot be read: {error!r}") from error


def _read(document: dict[str, Any]) -> Description:
    fabric = document["fabric"]
    return Description(
        plan=Plan(
            channel=document["channel"],
            orderers=tuple(Orderer(**orderer) for orderer in document["orderers"]),
            peers=tuple(Peer(**peer) for peer in document["peers"]),
        ),
        genesis_hash=document["genesis"],
        binaries=Binaries(Path(fabric["programs"]), Path(fabric["samples"]), fabric["version"]),
        servers=tuple(
            ChaincodeServer(**{**server, "environment": tuple(server["environment"].items())})
            for server in document["chaincodes"]
        ),
    )
