"""The ledger of a deployment: the embedded stand-in, or Fabric's own programs. Elsewhere nobody tells them apart."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from aiofabric import embedded
from aiofabric.network import Binaries, ChaincodeDefinition, Network, Organisation
from aiofabric.network.plan import BFT_ORDERERS
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS

Kind = Literal["embedded", "fabric"]

READY = "ready"
"""A file in a network's folder that is there while `wayproof network run` serves it."""


@dataclass(frozen=True, slots=True)
class Access:
    """An organisation's way in: its peer's Gateway, the authority of the TLS certificate there, its users' folder."""

    endpoint: str
    tls_ca: Path
    users: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A ledger that was made: its channel, the hash of its genesis block in hex, the way in of each organisation."""

    channel: str
    genesis_hash: str
    access: Mapping[str, Access]


@dataclass(frozen=True, slots=True)
class Program:
    """What serves a ledger: the command, the port that is open when it answers or what else tells it."""

    command: tuple[str, ...]
    port: int | None = None
    ready: Callable[[], bool] | None = None
    prepare: Callable[[], None] | None = None


def make_embedded(directory: Path, msp_ids: Sequence[str], *, port: int) -> Made:
    """Make an embedded ledger in an absent or empty folder, to be served on a port. Raises ProvisionError."""
    described = embedded.initialise(
        directory,
        channel=CONTRACT,
        organisations=[embedded.Organisation(msp_id, USERS) for msp_id in msp_ids],
        chaincodes={CONTRACT: ENTRY_POINT},
    )
    access = {
        msp_id: Access(f"127.0.0.1:{port}", directory / "tls" / "ca.pem", _users(directory, msp_id))
        for msp_id in msp_ids
    }
    return Made(described.channel, described.genesis_hash, access)


def make_fabric(directory: Path, msp_ids: Sequence[str], *, binaries: Binaries) -> Made:
    """Make a network in an absent or empty folder, deploy the contract on it, and leave it stopped.

    Four BFT orderers, or one Raft orderer where the programs are too old for BFT. Raises NetworkError.
    """
    return asyncio.run(_make_fabric(directory, msp_ids, binaries=binaries))


async def _make_fabric(directory: Path, msp_ids: Sequence[str], *, binaries: Binaries) -> Made:
    orderers = BFT_ORDERERS if binaries.can_order_bft else 1
    async with await make_network(directory, msp_ids, binaries=binaries, orderers=orderers) as network:
        endpoints = {msp_id: network.endpoint(msp_id) for msp_id in msp_ids}
        access = {
            msp_id: Access(endpoint.address, endpoint.tls_ca, _users(directory, msp_id))
            for msp_id, endpoint in endpoints.items()
        }
        return Made(network.channel, network.genesis_hash, access)


async def make_network(
    directory: Path, msp_ids: Sequence[str], *, binaries: Binaries, orderers: int, detached: bool = False
) -> Network:
    """Make a network in an absent or empty folder with our contract on it, and return it running.

    Its processes end with this one unless they are `detached`. Raises NetworkError.
    """
    network = await Network.create(
        directory,
        organisations=[Organisation(msp_id, USERS) for msp_id in msp_ids],
        orderers=orderers,
        channel=CONTRACT,
        binaries=binaries,
        detached=detached,
    )
    try:
        await network.deploy(ChaincodeDefinition(CONTRACT))
        await network.start_chaincode(CONTRACT, entry_point=ENTRY_POINT)
    except BaseException:
        await network.stop()
        raise
    return network


def _users(directory: Path, msp_id: str) -> Path:
    return directory / "organisations" / msp_id / "users"


def program(kind: Kind, directory: Path, *, port: int) -> Program:
    """Return what serves the ledger in a folder."""
    if kind == "fabric":
        ready = directory / READY
        return Program(
            _command("network", "run", str(directory)),
            ready=ready.exists,
            prepare=partial(ready.unlink, missing_ok=True),
        )
    return Program(_command("ledger", "serve", str(directory), "--port", str(port)), port=port)


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "wayproof", *arguments)
