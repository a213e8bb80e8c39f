"""Deploying a chaincode on all organisations of a network, and on one that came later."""

import dataclasses
from collections.abc import Iterator, Sequence

from aiofabric.network import lifecycle
from aiofabric.network.administration import PeerAdministration
from aiofabric.network.definition import ChaincodeDefinition
from aiofabric.network.description import ChaincodeServer
from aiofabric.network.errors import DeployError
from aiofabric.network.health import wait_until
from aiofabric.network.package import ccaas_package
from aiofabric.network.plan import HOST, Peer

VISIBLE_TIMEOUT_S = 60.0


def addresses(
    definition: ChaincodeDefinition, peers: Sequence[Peer], *, known: Sequence[ChaincodeServer], ports: Iterator[int]
) -> dict[str, str]:
    """Return the chaincode's address for each organisation: the definition's, the one it had, or one of a free port.

    Raises DeployError if the definition gives addresses and leaves an organisation out.
    """
    if isinstance(definition.addresses, str):
        return {peer.msp_id: definition.addresses for peer in peers}
    if definition.addresses is not None:
        missing = [peer.msp_id for peer in peers if peer.msp_id not in definition.addresses]
        if missing:
            raise DeployError(f"{definition.name}: give an address for {', '.join(missing)} too")
        return {peer.msp_id: definition.addresses[peer.msp_id] for peer in peers}
    had = {server.msp_id: server.address for server in known}
    return {peer.msp_id: had.get(peer.msp_id) or f"{HOST}:{next(ports)}" for peer in peers}


async def deploy(
    definition: ChaincodeDefinition, where: dict[str, str], *, peers: Sequence[PeerAdministration], channel: str
) -> dict[str, str]:
    """Install, approve and commit a definition; return each organisation's package id.

    Returns when every peer has the definition. Raises DeployError; what was done until then stays, and the same call
    again goes on from there.
    """
    packages = {
        peer.peer.msp_id: ccaas_package(definition.package_label, address=where[peer.peer.msp_id], tls=definition.tls)
        for peer in peers
    }
    for peer in peers:
        await lifecycle.install(peer.endorser, packages[peer.peer.msp_id])
    for peer in peers:
        msp_id = peer.peer.msp_id
        await lifecycle.approve(
            peer.lifecycle, definition.terms(), package_id=packages[msp_id].package_id, msp_id=msp_id
        )
    for peer in peers:
        await _wait_approved(peer, definition, channel=channel, by=set(packages))
    await lifecycle.commit(peers[0].lifecycle, definition)
    for peer in peers:
        await _wait_defined(peer, definition, channel=channel)
    return {msp_id: package.package_id for msp_id, package in packages.items()}


def for_newcomer(servers: Sequence[ChaincodeServer], *, msp_id: str, ports: Iterator[int]) -> Iterator[ChaincodeServer]:
    """Yield a server for a newcomer of every chaincode that the others have, its package id still the others'.

    Where all share one address the newcomer shares it too. Chaincode with TLS is left out: whom its peers trust is in
    their packages only.
    """
    for name in dict.fromkeys(server.chaincode for server in servers if not server.has_tls):
        others = [server for server in servers if server.chaincode == name]
        is_shared = len(others) > 1 and len({server.address for server in others}) == 1
        address = others[0].address if is_shared else f"{HOST}:{next(ports)}"
        yield dataclasses.replace(others[0], msp_id=msp_id, address=address)


async def adopt(newcomer: PeerAdministration, server: ChaincodeServer, *, channel: str) -> str:
    """Install a chaincode that the channel has already on a newcomer's peer, and approve of it for the newcomer.

    Returns the package id. Raises DeployError, also if the channel has no such chaincode.
    """
    label = server.package_id.partition(":")[0]
    package = ccaas_package(label, address=server.address)
    definition = await lifecycle.committed(newcomer.endorser, channel=channel, name=server.chaincode)
    if definition is None:
        raise DeployError(f"{channel} has no chaincode {server.chaincode}: deploy it first")
    await lifecycle.install(newcomer.endorser, package)
    await lifecycle.approve(
        newcomer.lifecycle, definition.terms, package_id=package.package_id, msp_id=newcomer.peer.msp_id
    )
    return package.package_id


async def _wait_approved(
    peer: PeerAdministration, definition: ChaincodeDefinition, *, channel: str, by: set[str]
) -> None:
    """Wait until a peer has seen all approvals: what peers answer to the commit must be the same on all of them."""

    async def is_approved() -> bool:
        found = await lifecycle.approvals(peer.endorser, definition, channel=channel)
        return all(found.get(msp_id) for msp_id in by)

    what = f"{peer.peer.name} has not seen every approval of {definition.name}"
    await wait_until(is_approved, what=what, timeout_s=VISIBLE_TIMEOUT_S)


async def _wait_defined(peer: PeerAdministration, definition: ChaincodeDefinition, *, channel: str) -> None:
    async def is_defined() -> bool:
        found = await lifecycle.committed(peer.endorser, channel=channel, name=definition.name)
        return found is not None and found.sequence >= definition.sequence

    await wait_until(is_defined, what=f"{peer.peer.name} does not have {definition.name}", timeout_s=VISIBLE_TIMEOUT_S)
