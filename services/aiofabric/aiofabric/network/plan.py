"""What a network is to be: organisations, orderers, peers, ports and folders, before anything of it is made."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aiofabric.network.errors import PlanError

HOST = "127.0.0.1"
Consensus = Literal["BFT", "etcdraft"]

BFT_ORDERERS = 4
"""The fewest that tolerate one that lies: n = 3f + 1."""

_MSP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]{0,248}")
_ORDERER_MSP = re.compile(r"Orderer\d*MSP")


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation to make: its MSP id, and its clients by name with the attributes of their certificates.

    A user ``admin`` is always made. The shape is that of `aiofabric.embedded.Organisation`.
    """

    msp_id: str
    users: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Orderer:
    """An orderer process: its organisation and its ports on 127.0.0.1."""

    name: str
    msp_id: str
    port: int
    admin_port: int
    operations_port: int

    @property
    def address(self) -> str:
        """Where it serves clients and peers."""
        return f"{HOST}:{self.port}"

    @property
    def services(self) -> tuple[str, ...]:
        """Every address where it must be listening to be of use."""
        return (self.address, f"{HOST}:{self.admin_port}")


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer process: its organisation and its ports on 127.0.0.1."""

    name: str
    msp_id: str
    port: int
    chaincode_port: int
    operations_port: int

    @property
    def address(self) -> str:
        """Where it serves Gateway, Deliver, Endorser and gossip."""
        return f"{HOST}:{self.port}"

    @property
    def services(self) -> tuple[str, ...]:
        """Every address where it must be listening to be of use."""
        return (self.address,)


@dataclass(frozen=True, slots=True)
class Plan:
    """A network's processes, and the channel that they share."""

    channel: str
    orderers: tuple[Orderer, ...]
    peers: tuple[Peer, ...]

    @property
    def nodes(self) -> "tuple[Orderer | Peer, ...]":
        """Orderers, then peers."""
        return (*self.orderers, *self.peers)

    @property
    def consensus(self) -> Consensus:
        """BFT from four orderers on, Raft below."""
        return "BFT" if len(self.orderers) >= BFT_ORDERERS else "etcdraft"

    def peer_of(self, msp_id: str) -> Peer:
        """Return an organisation's peer. Raises PlanError if there is none."""
        for peer in self.peers:
            if peer.msp_id == msp_id:
                return peer
        known = ", ".join(peer.msp_id for peer in self.peers)
        raise PlanError(f"{msp_id} is no organisation of this network; there are {known}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of a network, from its root."""

    root: Path

    @property
    def marker(self) -> Path:
        """Written first: the folder is a network's, made by this library, finished or not."""
        return self.root / ".aiofabric-network"

    @property
    def description(self) -> Path:
        """Written last: the network is finished, and this is what it is."""
        return self.root / "network.json"

    @property
    def genesis(self) -> Path:
        """Block 0 of the channel, a ``common.Block``: what a trust root is made from."""
        return self.root / "genesis.block"

    @property
    def builder(self) -> Path:
        """The external builder for chaincode as a service."""
        return self.root / "builder"

    def organisation(self, msp_id: str) -> Path:
        """Keys and certificates of an organisation."""
        return self.root / "organisations" / msp_id

    def node(self, name: str) -> Path:
        """Configuration, data, log and process id of one process."""
        return self.root / "nodes" / name


def make_plan(*, channel: str, organisations: Sequence[Organisation], orderers: int, ports: Iterator[int]) -> Plan:
    """Plan a network with a peer for each organisation.

    Each of four orderers belongs to an organisation of its own: that no single operator can rewrite the order of
    transactions is what BFT is for. A single Raft orderer has one organisation, ``OrdererMSP``.

    Args:
        channel: name of its channel.
        organisations: those that endorse, each once.
        orderers: 1 for Raft; 4 or more (3f + 1) for BFT.
        ports: where the ports come from; see `aiofabric.network.ports.free_ports`.

    Raises PlanError if it cannot be made as asked.
    """
    _check(channel, organisations, orderers)
    return Plan(
        channel=channel,
        orderers=tuple(_orderer(number, of=orderers, ports=ports) for number in range(1, orderers + 1)),
        peers=tuple(plan_peer(organisation.msp_id, ports=ports) for organisation in organisations),
    )


def plan_peer(msp_id: str, *, ports: Iterator[int]) -> Peer:
    """Plan an organisation's peer."""
    return Peer(
        name=f"peer.{msp_id}",
        msp_id=msp_id,
        port=next(ports),
        chaincode_port=next(ports),
        operations_port=next(ports),
    )


def check_organisation(organisation: Organisation) -> None:
    """Raise PlanError if an organisation's or a user's name cannot be used in certificates, policies and paths."""
    if not _MSP_ID.fullmatch(organisation.msp_id) or _ORDERER_MSP.fullmatch(organisation.msp_id):
        raise PlanError(f"{organisation.msp_id!r} cannot be an organisation: use letters, digits, '.' and '-'")
    for name in organisation.users:
        if not _USER_NAME.fullmatch(name):
            raise PlanError(f"{name!r} cannot be a user: use letters, digits, '.', '_' and '-'")


def _orderer(number: int, *, of: int, ports: Iterator[int]) -> Orderer:
    return Orderer(
        name=f"orderer{number}",
        msp_id="OrdererMSP" if of == 1 else f"Orderer{number}MSP",
        port=next(ports),
        admin_port=next(ports),
        operations_port=next(ports),
    )


def _check(channel: str, organisations: Sequence[Organisation], orderers: int) -> None:
    if not _CHANNEL.fullmatch(channel):
        raise PlanError(f"{channel!r} is not a channel name: use lower-case letters, digits, '.' and '-'")
    names = [organisation.msp_id for organisation in organisations]
    if not names or len(set(names)) != len(names):
        raise PlanError("give at least one organisation, each once")
    for organisation in organisations:
        check_organisation(organisation)
    if orderers != 1 and (orderers < BFT_ORDERERS or orderers % 3 != 1):
        raise PlanError(f"{orderers} orderers: choose 1 (Raft), or 4, 7, … (BFT, 3f + 1)")
