"""Which processes a network has, and their starting and stopping, in the order in which they need each other."""

import logging

from aiofabric.network.commands import chaincode_command, orderer_command, peer_command
from aiofabric.network.description import Description
from aiofabric.network.errors import NotANetworkError
from aiofabric.network.health import is_healthy, listens, wait_until
from aiofabric.network.plan import Layout
from aiofabric.network.processes import Child, Command, ProcessFolder

logger = logging.getLogger("aiofabric.network")

START_TIMEOUT_S = 60.0


class Supervisor:
    """The processes of one network on this machine.

    Args:
        layout: its folders.
        detached: whether what it starts outlives this process.
    """

    def __init__(self, layout: Layout, *, detached: bool) -> None:
        self._layout = layout
        self._detached = detached
        self._children: dict[str, Child] = {}

    def folder(self, name: str) -> ProcessFolder:
        """Return the folder of a process."""
        return ProcessFolder(self._layout.node(name))

    def commands(self, description: Description) -> dict[str, Command]:
        """Return the command of every process by name, in the order of starting: orderers, peers, chaincode."""
        plan, binaries = description.plan, description.binaries
        commands = {
            orderer.name: orderer_command(self._layout, orderer, binaries=binaries) for orderer in plan.orderers
        }
        commands |= {peer.name: peer_command(self._layout, peer, binaries=binaries) for peer in plan.peers}
        servers = [server for server in description.servers if server.entry_point]
        return commands | {server.name: chaincode_command(server) for server in servers}

    def start(self, name: str, command: Command) -> None:
        """Start a process unless it runs. Returns before it is of use: see `healthy`."""
        folder = self.folder(name)
        if folder.is_alive():
            return
        logger.info("starting %s", name)
        self._reap(name)
        child = folder.start(command, detached=self._detached)
        if not self._detached:
            self._children[name] = child

    async def healthy(self, description: Description, name: str) -> None:
        """Return when a process that was started is of use. Raises ProcessError."""
        await wait_until(
            lambda: self.is_of_use(description, name),
            what=f"{name} did not start",
            timeout_s=START_TIMEOUT_S,
            process=self.folder(name),
        )

    async def is_of_use(self, description: Description, name: str) -> bool:
        """Return whether a process runs and answers."""
        if not self.folder(name).is_alive():
            return False
        for node in description.plan.nodes:
            if node.name == name:
                # The health endpoint is up before the services are.
                return await is_healthy(node.operations_port) and await _all_listen(node.services)
        for server in description.servers:
            if server.name == name:
                return await listens(server.address)
        raise NotANetworkError(f"the network has no process {name}")

    def stop(self, name: str) -> None:
        """Ask a process to end and wait until it has."""
        self.folder(name).stop()
        self._reap(name)

    def kill(self, name: str) -> None:
        """Kill a process as ``kill -9`` does."""
        self.folder(name).kill()
        self._reap(name)

    def stop_everything(self) -> None:
        """Stop every process that has a folder, also of a network that was not finished; orderers last."""
        nodes = self._layout.root / "nodes"
        names = sorted(path.name for path in nodes.iterdir()) if nodes.is_dir() else []
        for name in sorted(names, key=lambda name: ("chaincode.", "peer.", "").index(_kind(name))):
            self.stop(name)

    def _reap(self, name: str) -> None:
        child = self._children.pop(name, None)
        if child is not None:
            child.wait()


async def _all_listen(addresses: tuple[str, ...]) -> bool:
    for address in addresses:
        if not await listens(address):
            return False
    return True


def _kind(name: str) -> str:
    return next((prefix for prefix in ("chaincode.", "peer.") if name.startswith(prefix)), "")
