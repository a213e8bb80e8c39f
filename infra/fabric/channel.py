"""Joins every node to the channel and deploys the contract, through the containers' network.

Done once; run again, it does what is still missing. It acts as every organisation's admin, which is fit for trying out
only: where organisations are real, each joins its own peer and approves for itself.
"""

import argparse
import asyncio
import http.client
import ssl
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiofabric.errors import FabricError
from aiofabric.network import lifecycle
from aiofabric.network.administration import PeerAdministration
from aiofabric.network.definition import ChaincodeDefinition
from aiofabric.network.deployment import deploy
from aiofabric.network.errors import JoinError
from aiofabric.network.participation import multipart
from aiofabric.network.plan import Layout, Orderer, Plan
from fabric import provision, topology
from wayproof.ledger import CONTRACT

TIMEOUT_S = 30.0
READY_WITHIN_S = 120.0
PAUSE_S = 1.0
CREATED, OK = 201, 200
CHANNELS = "/participation/v1/channels"
BOUNDARY = "wayproof-config-block"


def main(arguments: Sequence[str] | None = None) -> int:
    """Join and deploy, and return the exit status: 0 done or nothing to do, 1 refused, with the reason."""
    parser = argparse.ArgumentParser(prog="channel", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--identities", type=Path, default=Path("/var/lib/wayproof/identities"))
    options = parser.parse_args(arguments)
    try:
        asyncio.run(bring_up(Layout(options.identities), topology.plan()))
    except (FabricError, OSError) as error:
        sys.stderr.write(f"channel: {error}\n")
        return 1
    sys.stdout.write(f"channel {CONTRACT} is up on all nodes, contract {CONTRACT} is committed\n")
    return 0


async def bring_up(layout: Layout, network: Plan) -> None:
    """Join orderers, then peers, then deploy. Raises JoinError, DeployError."""
    genesis = layout.genesis.read_bytes()
    for orderer in network.orderers:
        await asyncio.to_thread(join_orderer, layout, orderer, channel=network.channel, genesis=genesis)
    async with AsyncExitStack() as stack:
        peers = [
            await stack.enter_async_context(PeerAdministration(layout.root, peer, channel_name=network.channel))
            for peer in network.peers
        ]
        for peer in peers:
            if not await peer.has_joined():
                await peer.join(genesis)
        await _see_each_other(peers)
        if not await _is_deployed(peers, channel=network.channel):
            definition = ChaincodeDefinition(CONTRACT, addresses="{{.address}}", label=provision.LABEL)
            where = {peer.peer.msp_id: "{{.address}}" for peer in peers}
            await deploy(definition, where, peers=peers, channel=network.channel)


def join_orderer(layout: Layout, orderer: Orderer, *, channel: str, genesis: bytes) -> None:
    """Let an orderer join the channel unless it has. Raises JoinError."""
    home = layout.organisation(orderer.msp_id)
    context = ssl.create_default_context(cafile=str(home / "tlsca" / "cert.pem"))
    context.load_cert_chain(home / "orderer" / "tls" / "cert.pem", home / "orderer" / "tls" / "key.pem")
    connection = http.client.HTTPSConnection(orderer.name, orderer.admin_port, context=context, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{CHANNELS}/{channel}")
        if _status(connection)[0] == OK:
            return
        body = multipart(genesis, field="config-block", boundary=BOUNDARY)
        connection.request(
            "POST", CHANNELS, body=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        )
        status, answer = _status(connection)
        if status != CREATED:
            raise JoinError(f"{orderer.name} did not join ({status}): {answer}")
    except OSError as error:
        raise JoinError(f"{orderer.name} cannot be administered: {error}") from error
    finally:
        connection.close()


def _status(connection: http.client.HTTPSConnection) -> tuple[int, str]:
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", "replace").strip()


async def _see_each_other(peers: Sequence[PeerAdministration]) -> None:
    """Wait until every peer knows all others: its gateway finds endorsers among those. Raises JoinError."""
    wanted = {peer.peer.msp_id for peer in peers}
    for _ in range(int(READY_WITHIN_S / PAUSE_S)):
        known = [{found.msp_id for found in await peer.known_peers()} for peer in peers]
        if all(each >= wanted for each in known):
            return
        await asyncio.sleep(PAUSE_S)
    raise JoinError(f"the peers do not find each other within {READY_WITHIN_S:.0f} s; see their logs")


async def _is_deployed(peers: Sequence[PeerAdministration], *, channel: str) -> bool:
    found = [await lifecycle.committed(peer.endorser, channel=channel, name=CONTRACT) for peer in peers]
    return all(found)


if __name__ == "__main__":
    sys.exit(main())
