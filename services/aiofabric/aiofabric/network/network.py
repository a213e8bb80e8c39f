"""The facade: a real Fabric network on this machine, from Python."""

import asyncio
import dataclasses
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from aiofabric.network import deployment
from aiofabric.network.binaries import Binaries, find_binaries
from aiofabric.network.channel_config import Signatory
from aiofabric.network.channel_update import Change, update_channel
from aiofabric.network.definition import ChaincodeDefinition
from aiofabric.network.description import ChaincodeServer, Description, read_description, write_description
from aiofabric.network.errors import DeployError, NotANetworkError, PlanError
from aiofabric.network.installation import Installation
from aiofabric.network.newcomer import make_newcomer, newcomer_change
from aiofabric.network.plan import Layout, Organisation, check_organisation, make_plan, plan_peer
from aiofabric.network.ports import free_ports
from aiofabric.network.provision import provision
from aiofabric.network.readiness import wait_ready
from aiofabric.network.revocation import add_revocation_list, revocation_list
from aiofabric.network.supervision import Supervisor

logger = logging.getLogger("aiofabric.network")


class Network(Installation):
    """A network in a folder: make it with `create`, find it again with `open`. ``async with`` stops it at the end.

    By default its processes end with this one, however it ends; with ``detached`` they outlive it.

    Example:
        >>> async with await Network.create(Path("net"), organisations=[Organisation("Org1MSP")]) as network:
        ...     await network.deploy(ChaincodeDefinition("basic"))
        ...     await network.start_chaincode("basic", entry_point="basic:invoke")
        ...     endpoint = network.endpoint("Org1MSP")
    """

    @classmethod
    async def create(
        cls,
        directory: Path,
        *,
        organisations: Sequence[Organisation],
        orderers: int = 4,
        channel: str = "mychannel",
        binaries: Binaries | None = None,
        detached: bool = False,
    ) -> Self:
        """Make a network, start it, let everybody join the channel, and return when it takes transactions.

        Args:
            directory: where it will live; it is made if absent, and refused if anything is in it.
            organisations: those that endorse, with one peer each.
            orderers: 4 for BFT (Fabric 3.1), each of an organisation of its own; 1 for Raft.
            channel: name of its channel.
            binaries: Fabric's programs; those on PATH if None.
            detached: whether its processes outlive this one.

        Raises PlanError, BinariesMissingError, ProcessError, JoinError. Processes are stopped then, files stay for a
        look at their logs; `destroy` removes them.
        """
        layout = _layout(directory)
        found = binaries if binaries is not None else await asyncio.to_thread(find_binaries)
        plan = make_plan(channel=channel, organisations=organisations, orderers=orderers, ports=free_ports())
        logger.info(
            "making keys, configuration and the genesis block in %s, with Fabric %s", layout.root, found.version
        )
        genesis_hash = await asyncio.to_thread(provision, layout, plan, organisations=organisations, binaries=found)
        description = Description(plan, genesis_hash, found)
        network = cls(layout, description, supervisor=Supervisor(layout, detached=detached))
        try:
            await network.start()
        except BaseException:
            await network.stop()
            raise
        write_description(layout, description)
        return network

    @classmethod
    def open(cls, directory: Path, *, detached: bool = False) -> Self:
        """Find a network that was made before, whether it runs or not. Raises NotANetworkError."""
        layout = _layout(directory)
        return cls(layout, read_description(layout), supervisor=Supervisor(layout, detached=detached))

    async def destroy(self) -> None:
        """Stop every process and remove the folder with everything in it."""
        await self.stop()
        remove(self._layout.root)

    async def deploy(self, definition: ChaincodeDefinition) -> Mapping[str, str]:
        """Install, approve and commit a chaincode on all organisations; return each one's package id.

        The next definition of the same name takes the next ``sequence``. Raises DeployError.
        """
        logger.info("deploying %s %s (sequence %d)", definition.name, definition.version, definition.sequence)
        known = self._description.servers_of(definition.name)
        where = deployment.addresses(definition, self._description.plan.peers, known=known, ports=free_ports())
        async with self.administrations() as peers:
            package_ids = await deployment.deploy(definition, where, peers=peers, channel=self.channel)
            had = {server.msp_id: server for server in known}
            servers = [
                dataclasses.replace(
                    had.get(msp_id, ChaincodeServer(definition.name, msp_id, "", "")),
                    address=where[msp_id],
                    package_id=package_id,
                    has_tls=definition.tls is not None,
                )
                for msp_id, package_id in package_ids.items()
            ]
            self._note(self._description.with_servers(*servers))
            await wait_ready(self._description, peers)
        return package_ids

    async def start_chaincode(
        self,
        name: str,
        *,
        entry_point: str,
        environment: Mapping[str, str] | None = None,
        organisations: Sequence[str] = (),
    ) -> None:
        """Run a chaincode's servers, one process for each organisation; they belong to the network from now on.

        A server that runs is restarted, so that it serves the newest package and code.

        Args:
            name: of a chaincode that was deployed.
            entry_point: ``module:attribute`` of the contract, for `aiofabric.chaincode`.
            environment: what is added to the environment, such as PYTHONPATH.
            organisations: whose servers; all if empty.

        Raises DeployError if it was not deployed, ProcessError if a server does not start.
        """
        servers = [
            dataclasses.replace(server, entry_point=entry_point, environment=tuple(sorted((environment or {}).items())))
            for server in self._description.servers_of(name)
            if not organisations or server.msp_id in organisations
        ]
        if not servers:
            raise DeployError(f"{name} is not deployed here: deploy it first")
        self._note(self._description.with_servers(*servers))
        for server in servers:
            await self.restart(server.name)

    async def config_block(self) -> bytes:
        """Return the channel's newest config block, a serialized ``common.Block``. Raises ConfigUpdateError."""
        async with self.administration(self.organisations[0]) as peer:
            return await peer.config_block()

    async def update_channel(self, change: Change, *, signed_by: Sequence[str] = ()) -> bytes:
        """Change the channel's configuration; return the new config block when every peer has it.

        Args:
            change: is given the present channel group (``common.ConfigGroup``) and changes it in place.
            signed_by: MSP ids whose admins sign, also those of orderers; a majority of the organisations if empty.

        Raises ConfigUpdateError if nothing is changed, or the orderers refuse.
        """
        msp_ids = signed_by or self.organisations[: len(self.organisations) // 2 + 1]
        signatories = [Signatory(*self.user(msp_id)) for msp_id in msp_ids]
        async with self.administrations() as peers:
            plan = self._description.plan
            return await update_channel(self._layout.root, plan, change, signatories=signatories, peers=peers)

    async def revoke(self, msp_id: str, certificate_pem: bytes) -> bytes:
        """Revoke a certificate for the channel by a CRL in its organisation's MSP; return the config block that does.

        From that block on the channel refuses what the certificate's key signs. Raises ConfigUpdateError.
        """
        crl = revocation_list(self._layout.root, msp_id=msp_id, certificate_pem=certificate_pem)
        return await self.update_channel(lambda group: add_revocation_list(group, msp_id=msp_id, crl_pem=crl))

    async def add_organisation(self, organisation: Organisation) -> None:
        """Add an organisation to the running channel: config update, peer, and approval of every deployed chaincode.

        Chaincode that the network runs gets a server for the newcomer too. Chaincode with TLS is left out: deploy its
        next definition, which asks all organisations. Raises PlanError, ConfigUpdateError, JoinError, DeployError.
        """
        check_organisation(organisation)
        if organisation.msp_id in self.organisations:
            raise PlanError(f"{organisation.msp_id} is in this network already")
        if self._layout.organisation(organisation.msp_id).exists():
            raise PlanError(f"{organisation.msp_id} was added half way before: make the network anew")
        logger.info("adding %s to channel %s", organisation.msp_id, self.channel)
        peer = plan_peer(organisation.msp_id, ports=free_ports())
        make_newcomer(self._layout, organisation, peer, binaries=self._description.binaries)
        await self.update_channel(newcomer_change(self._layout, self._description, peer))
        self._note(self._description.with_peer(peer))
        await self.start()
        async with self.administration(organisation.msp_id) as newcomer:
            for server in deployment.for_newcomer(self._description.servers, msp_id=peer.msp_id, ports=free_ports()):
                package_id = await deployment.adopt(newcomer, server, channel=self.channel)
                self._note(self._description.with_servers(dataclasses.replace(server, package_id=package_id)))
        await self.start()


def remove(directory: Path) -> None:
    """Remove a network's folder, finished or not, after its processes were stopped.

    Raises NotANetworkError if this library did not make it.
    """
    layout = _layout(directory)
    if not layout.marker.exists():
        raise NotANetworkError(f"{layout.root} was not made by aiofabric.network: it is left alone")
    Supervisor(layout, detached=True).stop_everything()
    shutil.rmtree(layout.root)


def _layout(directory: Path) -> Layout:
    return Layout(directory.resolve())  # Fabric takes relative paths from other folders than ours
