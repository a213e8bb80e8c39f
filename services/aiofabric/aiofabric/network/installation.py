"""What a network's folder holds and runs: endpoints, users, processes."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from aiofabric.identity import Identity, Signer
from aiofabric.network.administration import PeerAdministration
from aiofabric.network.description import Description, write_description
from aiofabric.network.errors import NotANetworkError
from aiofabric.network.identities import load_user
from aiofabric.network.plan import Layout
from aiofabric.network.processes import LOG_TAIL_LINES
from aiofabric.network.readiness import join_orderers, join_peers, wait_ready
from aiofabric.network.status import NetworkStatus, status_of
from aiofabric.network.supervision import Supervisor

logger = logging.getLogger("aiofabric.network")


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an organisation's gateway peer is, and what its TLS certificate descends from."""

    address: str
    tls_ca: Path

    @property
    def tls_ca_pem(self) -> bytes:
        """The certificate of the TLS authority, PEM."""
        return self.tls_ca.read_bytes()


class Installation:
    """The processes of a network, as `aiofabric.network.Network` runs them. ``async with`` stops them at the end."""

    def __init__(self, layout: Layout, description: Description, *, supervisor: Supervisor) -> None:
        self._layout = layout
        self._description = description
        self._supervisor = supervisor

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def directory(self) -> Path:
        """Its folder."""
        return self._layout.root

    @property
    def description(self) -> Description:
        """What it is."""
        return self._description

    @property
    def channel(self) -> str:
        """The name of its channel."""
        return self._description.plan.channel

    @property
    def genesis_hash(self) -> str:
        """Hex SHA-256 of the genesis block's header: what pins the channel."""
        return self._description.genesis_hash

    @property
    def organisations(self) -> tuple[str, ...]:
        """MSP ids of the organisations that endorse."""
        return tuple(peer.msp_id for peer in self._description.plan.peers)

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of its processes, in the order of starting."""
        return tuple(self._supervisor.commands(self._description))

    def endpoint(self, msp_id: str) -> Endpoint:
        """Return where an organisation's gateway is. Raises PlanError if there is no such organisation."""
        peer = self._description.plan.peer_of(msp_id)
        return Endpoint(peer.address, self._layout.organisation(msp_id) / "msp" / "tlscacerts" / "tlsca.pem")

    def user(self, msp_id: str, name: str = "admin") -> tuple[Identity, Signer]:
        """Return a client's identity and signer. Raises NotANetworkError if there is no such user."""
        return load_user(self._layout.root, msp_id=msp_id, name=name)

    async def start(self) -> None:
        """Start what does not run, and return when transactions can be made. Raises ProcessError, JoinError."""
        plan = self._description.plan
        for name, command in self._supervisor.commands(self._description).items():
            self._supervisor.start(name, command)
        for name in self.processes:
            await self._supervisor.healthy(self._description, name)
        logger.info("waiting until channel %s is ordered and all peers know each other", self.channel)
        await join_orderers(self._layout, plan)
        async with self.administrations() as peers:
            await join_peers(self._layout, peers)
            await wait_ready(self._description, peers)

    async def stop(self) -> None:
        """Stop every process of the folder. Blocks stay; `start` goes on from there."""
        await asyncio.to_thread(self._supervisor.stop_everything)

    def kill(self, name: str) -> None:
        """Kill one process as ``kill -9`` does, for tests of what happens then."""
        self._known(name)
        self._supervisor.kill(name)

    def ended(self) -> tuple[str, ...]:
        """Return the names of its processes that do not run."""
        return tuple(name for name in self.processes if not self._supervisor.folder(name).is_alive())

    def halt(self, name: str) -> None:
        """Stop one process in order."""
        self._known(name)
        self._supervisor.stop(name)

    async def restart(self, name: str) -> None:
        """Stop one process if it runs, start it, and return when it is of use again. Raises ProcessError."""
        self._known(name)
        self._supervisor.stop(name)
        self._supervisor.start(name, self._supervisor.commands(self._description)[name])
        await self._supervisor.healthy(self._description, name)

    async def status(self) -> NetworkStatus:
        """Return what runs, and what the channel has. Works also when nothing runs."""
        return await status_of(self._description, supervisor=self._supervisor, administration=self.administration)

    def log(self, name: str, *, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of a process's log. Raises NotANetworkError if there is no such process."""
        self._known(name)
        return self._supervisor.folder(name).tail(lines)

    @asynccontextmanager
    async def administrations(self) -> AsyncIterator[list[PeerAdministration]]:
        """Give connections to all peers, each as its organisation's admin, for the length of a block."""
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(self.administration(peer.msp_id))
                for peer in self._description.plan.peers
            ]

    def administration(self, msp_id: str) -> PeerAdministration:
        """Return a connection to an organisation's peer as its admin; ``async with`` closes it."""
        peer = self._description.plan.peer_of(msp_id)
        return PeerAdministration(self._layout.root, peer, channel_name=self.channel)

    def _known(self, name: str) -> None:
        if name not in self.processes:
            raise NotANetworkError(f"the network has no process {name}; there are {', '.join(self.processes)}")

    def _note(self, description: Description) -> None:
        self._description = description
        write_description(self._layout, description)
