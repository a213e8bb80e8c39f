"""What of a network runs, and how far it is."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiofabric.network import lifecycle
from aiofabric.network.administration import PeerAdministration
from aiofabric.network.description import Description
from aiofabric.network.errors import DeployError
from aiofabric.network.health import height
from aiofabric.network.supervision import Supervisor


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process.

    Attributes:
        name: its name in the network.
        address: where it serves.
        pid: its process id; None if it does not run.
        is_healthy: whether it answers.
        height: how many blocks of the channel it has; None for chaincode, and if it does not say.
    """

    name: str
    address: str
    pid: int | None
    is_healthy: bool
    height: int | None


@dataclass(frozen=True, slots=True)
class DeployedChaincode:
    """A chaincode as the channel has it, and who approves of its present definition."""

    name: str
    version: str
    sequence: int
    approved_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """All processes, and the channel's chaincodes (none if no peer can be asked)."""

    channel: str
    genesis_hash: str
    consensus: str
    fabric_version: str
    processes: tuple[ProcessStatus, ...]
    chaincodes: tuple[DeployedChaincode, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether every process is."""
        return all(process.is_healthy for process in self.processes)


async def status_of(
    description: Description, *, supervisor: Supervisor, administration: Callable[[str], PeerAdministration]
) -> NetworkStatus:
    """Ask every process, and the first healthy peer for the chaincodes."""
    plan = description.plan
    nodes = [(node.name, node.address, node.operations_port) for node in plan.nodes]
    nodes += [(server.name, server.address, 0) for server in description.servers if server.entry_point]
    processes = await asyncio.gather(
        *(_process(description, supervisor, name, address, port) for name, address, port in nodes)
    )
    healthy = {process.name for process in processes if process.is_healthy}
    asked = next((peer for peer in plan.peers if peer.name in healthy), None)
    return NetworkStatus(
        channel=plan.channel,
        genesis_hash=description.genesis_hash,
        consensus=plan.consensus,
        fabric_version=description.binaries.version,
        processes=tuple(processes),
        chaincodes=await _chaincodes(administration(asked.msp_id), channel=plan.channel) if asked else (),
    )


async def _process(
    description: Description, supervisor: Supervisor, name: str, address: str, operations_port: int
) -> ProcessStatus:
    is_healthy = await supervisor.is_of_use(description, name)
    blocks = await height(operations_port, channel=description.plan.channel) if is_healthy and operations_port else None
    return ProcessStatus(name, address, supervisor.folder(name).pid(), is_healthy, blocks)


async def _chaincodes(connection: PeerAdministration, *, channel: str) -> tuple[DeployedChaincode, ...]:
    async with connection as peer:
        try:
            names = [each.name for each in await lifecycle.all_committed(peer.endorser, channel=channel)]
            found = [await lifecycle.committed(peer.endorser, channel=channel, name=name) for name in names]
        except DeployError:  # it has not joined the channel yet
            return ()
    return tuple(
        DeployedChaincode(
            name=each.name,
            version=each.version,
            sequence=each.sequence,
            approved_by=tuple(sorted(msp_id for msp_id, approves in each.approvals.items() if approves)),
        )
        for each in found
        if each is not None
    )
