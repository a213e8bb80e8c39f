"""How each process of a network is run."""

import os
import sys

from aiofabric.network.binaries import Binaries
from aiofabric.network.description import ChaincodeServer
from aiofabric.network.plan import Layout, Orderer, Peer
from aiofabric.network.processes import Command

LOG_LEVEL = "orderer.common.broadcast=error:warn"
"""An orderer warns of the end of every client's stream, and a gateway makes one for each transaction."""

LOG_FORMAT = "%{time:2006-01-02T15:04:05.000Z07:00} %{level} %{module}: %{message}"
"""Fabric's own has colours, which do no good in a file."""

_OVERRIDES = ("CORE_", "ORDERER_")


def orderer_command(layout: Layout, orderer: Orderer, *, binaries: Binaries) -> Command:
    """Return the command of an orderer."""
    return Command([str(binaries.program("orderer"))], _environment(layout, orderer.name))


def peer_command(layout: Layout, peer: Peer, *, binaries: Binaries) -> Command:
    """Return the command of a peer."""
    return Command([str(binaries.program("peer")), "node", "start"], _environment(layout, peer.name))


def chaincode_command(server: ChaincodeServer) -> Command:
    """Return the command of a chaincode's server: `aiofabric.chaincode`, with this Python."""
    arguments = [sys.executable, "-m", "aiofabric.chaincode", server.entry_point]
    return Command(
        [*arguments, "--package-id", server.package_id, "--address", server.address],
        {**os.environ, "CORE_PEER_LOCALMSPID": server.msp_id, **dict(server.environment)},
    )


def _environment(layout: Layout, name: str) -> dict[str, str]:
    # What an operator has set for other networks (CORE_…, ORDERER_…) would win over our files.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(_OVERRIDES)}
    level = os.environ.get("FABRIC_LOGGING_SPEC", LOG_LEVEL)
    logging = {"FABRIC_LOGGING_SPEC": level, "FABRIC_LOGGING_FORMAT": LOG_FORMAT}
    return {**inherited, **logging, "FABRIC_CFG_PATH": str(layout.node(name))}
