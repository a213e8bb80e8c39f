"""Whether a channel can take transactions: a leader orders, every peer knows the others and their chaincodes."""

from collections.abc import Sequence

from aiofabric.network.administration import PeerAdministration
from aiofabric.network.description import Description
from aiofabric.network.health import leads, wait_until
from aiofabric.network.participation import ParticipationClient
from aiofabric.network.plan import Layout, Orderer, Plan

READY_TIMEOUT_S = 60.0


def participation(layout: Layout, orderer: Orderer) -> ParticipationClient:
    """Return the administration of an orderer, with its own TLS certificate as the client's."""
    home = layout.organisation(orderer.msp_id)
    return ParticipationClient(
        orderer.admin_port, tls_folder=home / "orderer" / "tls", roots=home / "msp" / "tlscacerts" / "tlsca.pem"
    )


async def join_orderers(layout: Layout, plan: Plan) -> None:
    """Let every orderer join that has not. Raises JoinError."""
    block = layout.genesis.read_bytes()
    for orderer in plan.orderers:
        client = participation(layout, orderer)
        if await client.channel(plan.channel) is None:
            await client.join(block)


async def join_peers(layout: Layout, peers: Sequence[PeerAdministration]) -> None:
    """Let every peer join that has not. Raises JoinError."""
    block = layout.genesis.read_bytes()
    for peer in peers:
        if not await peer.has_joined():
            await peer.join(block)


async def wait_ready(description: Description, peers: Sequence[PeerAdministration]) -> None:
    """Return when transactions of every deployed chaincode can be endorsed and ordered. Raises ProcessError."""
    channel = description.plan.channel

    async def has_leader() -> bool:
        for orderer in description.plan.orderers:
            if await leads(orderer.operations_port, channel=channel):
                return True
        return False

    await wait_until(has_leader, what=f"no orderer leads {channel}", timeout_s=READY_TIMEOUT_S)
    for peer in peers:
        await _wait_knows(peer, description)


async def _wait_knows(peer: PeerAdministration, description: Description) -> None:
    wanted = {each.msp_id: set[str]() for each in description.plan.peers}
    for server in description.servers:
        wanted[server.msp_id].add(server.chaincode)

    async def knows() -> bool:
        known = {each.msp_id: each.chaincodes for each in await peer.known_peers()}
        return all(msp_id in known and chaincodes <= known[msp_id] for msp_id, chaincodes in wanted.items())

    what = f"{peer.peer.name} does not know all peers of {description.plan.channel} and their chaincodes"
    await wait_until(knows, what=what, timeout_s=READY_TIMEOUT_S)
