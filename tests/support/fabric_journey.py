"""A shipment's journey on a real Fabric network, with what a channel goes through: members that come, keys that end.

    async with wayproof_network(directory / "network", binaries=binaries, orderers=4) as network:
        async with fabric_journey(network, directory) as story:
            await travel(story, network)
            evidence, trust = await story.evidence(organisations=EVERYBODY)

On the way an organisation is added, a client's certificate is revoked, another one is short-lived, and some
transactions are invalid: endorsed by too few, with a forged endorsement, in conflict with another one, sent twice.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiofabric.errors import CommitError, UnknownOutcomeError
from aiofabric.gateway import Gateway, Proposal
from aiofabric.gateway import Network as Channel
from aiofabric.network import Binaries, ChaincodeDefinition, Network, Organisation
from aiofabric.network.files import PRIVATE, write_new
from aiofabric.network.identities import load_authority
from support.fabric_tampering import Bend, transaction_of, with_forged_endorsement, with_one_endorsement
from support.journey import CARRIER, CONSIGNEE, ORGANISATIONS, SHIPPER, Journey
from wayproof.errors import LedgerError
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS
from wayproof.settings import LedgerSettings
from wayproof_contract import canonical

INSPECTOR = "InspectorMSP"
EVERYBODY = (*ORGANISATIONS, INSPECTOR)

VISITOR, RELIEF = "visitor", "relief"
"""The shipper's client whose certificate is short-lived, and the carrier's whose certificate is revoked."""

VISITOR_VALID_FOR = dt.timedelta(minutes=10)
_OPERATOR = USERS["operator"]


@dataclass(slots=True)
class Connections:
    """Gateways of the users of a network, opened when they are first asked for."""

    network: Network
    stack: AsyncExitStack
    opened: dict[tuple[str, str], Gateway] = field(default_factory=dict)

    def channel(self, msp_id: str, user: str) -> Channel:
        return self.gateway(msp_id, user).network(self.network.channel)

    def gateway(self, msp_id: str, user: str) -> Gateway:
        if (msp_id, user) not in self.opened:
            identity, signer = self.network.user(msp_id, user)
            endpoint = self.network.endpoint(msp_id)
            gateway = Gateway.connect(endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer)
            self.opened[msp_id, user] = gateway
            self.stack.push_async_callback(gateway.close)
        return self.opened[msp_id, user]


@dataclass(slots=True)
class FabricJourney(Journey):
    """A journey on a real network."""

    fabric: Network = field(kw_only=True)
    connections: Connections = field(kw_only=True)

    async def travel(self) -> None:
        """Go the whole way, from creation to close, while the channel changes."""
        self._issue_visitor()
        await self.ship()
        await self._transfer(SHIPPER, CARRIER, users=(VISITOR, RELIEF))
        for bend in (with_one_endorsement, with_forged_endorsement):
            await self._submit_invalid(bend)
        await self._submit_in_conflict()
        await self._submit_twice()
        await self.fabric.add_organisation(Organisation(INSPECTOR, USERS))
        await self._get_warm()
        await self.fabric.revoke(CARRIER, self.certificate(CARRIER, RELIEF))
        await self._require_refused()
        await self._transfer(CARRIER, CONSIGNEE)
        await self.close()

    def certificate(self, msp_id: str, user: str) -> bytes:
        identity, _ = self.fabric.user(msp_id, user)
        return identity.certificate_pem

    def _issue_visitor(self) -> None:
        issued = load_authority(self.fabric.directory, msp_id=SHIPPER).issue(
            f"{VISITOR}@{SHIPPER}", role="client", attributes=_OPERATOR, valid_for=VISITOR_VALID_FOR
        )
        folder = self.fabric.directory / "organisations" / SHIPPER / "users" / VISITOR
        write_new(folder / "cert.pem", issued.certificate_pem)
        write_new(folder / "key.pem", issued.key_pem, mode=PRIVATE)

    async def _submit_invalid(self, bend: Bend) -> None:
        """Submit a heartbeat that endorsers made, bent: the peers must call it invalid."""
        endorsed = await self._heartbeat().endorse()
        status = await (await transaction_of(self._anchoring, bend(endorsed.payload)).submit()).status()
        if status.code_name != "ENDORSEMENT_POLICY_FAILURE":
            raise AssertionError(status)

    async def _submit_in_conflict(self) -> None:
        """Submit two heartbeats that were endorsed on the same state: one of them is valid."""
        endorsed = [await self._heartbeat().endorse() for _ in range(2)]
        submitted = await asyncio.gather(*(each.submit() for each in endorsed))
        codes = sorted([(await each.status()).code_name for each in submitted])
        if codes != ["MVCC_READ_CONFLICT", "VALID"]:
            raise AssertionError(codes)
        self._count_heartbeat()

    async def _submit_twice(self) -> None:
        """Send one transaction twice: it commits once. Raft orders it again, BFT orderers refuse it."""
        endorsed = await self._heartbeat().endorse()
        first = await (await endorsed.submit()).status()
        try:
            second = await (await endorsed.submit()).status()
        except UnknownOutcomeError as error:
            second = await error.commit.status()
        if (first.code_name, second) != ("VALID", first):
            raise AssertionError(first, second)
        self._count_heartbeat()

    @property
    def _anchoring(self) -> Gateway:
        return self.connections.gateway(SHIPPER, "anchor")

    def _heartbeat(self) -> Proposal:
        tree = self.log.subtrees.tree()
        counter, size = self.log.anchored
        argument = {
            **self.log.reference(),
            "counter": counter + 1,
            "size": tree.size,
            "root": tree.root().hex(),
            "proof": [node.hex() for node in tree.consistency_proof(size)],
        }
        contract = self._anchoring.network(self.fabric.channel).contract(CONTRACT)
        return contract.proposal("anchor_log", canonical.encode(argument))

    def _count_heartbeat(self) -> None:
        self.log.anchored = (self.log.anchored[0] + 1, self.log.subtrees.size)

    async def _require_refused(self) -> None:
        try:
            await self._transfer(CARRIER, CONSIGNEE, users=(RELIEF, "operator"))
        except (LedgerError, CommitError):
            return
        raise AssertionError("a revoked client was served")


@asynccontextmanager
async def wayproof_network(directory: Path, *, binaries: Binaries, orderers: int) -> AsyncIterator[Network]:
    """Make a network of three organisations that runs our contract, and stop it at the end."""
    organisations = [Organisation(msp_id, {**USERS, RELIEF: _OPERATOR}) for msp_id in ORGANISATIONS]
    made = await Network.create(
        directory, organisations=organisations, orderers=orderers, channel=CONTRACT, binaries=binaries
    )
    async with made as network:
        await network.deploy(ChaincodeDefinition(CONTRACT))
        await network.start_chaincode(CONTRACT, entry_point=ENTRY_POINT)
        yield network


@asynccontextmanager
async def fabric_journey(network: Network, directory: Path) -> AsyncIterator[FabricJourney]:
    """Yield a journey on a network, its log and device registered."""
    async with AsyncExitStack() as stack:
        connections = Connections(network, stack)
        endpoint = network.endpoint(SHIPPER)
        settings = LedgerSettings(
            kind="fabric",
            endpoint=endpoint.address,
            tls_ca=endpoint.tls_ca,
            channel=network.channel,
            contract=CONTRACT,
            users=network.directory / "organisations" / SHIPPER / "users",
        )
        story = FabricJourney(
            directory,
            connections.channel,
            lambda *_: None,
            home=network.directory,
            endpoint=endpoint.address,
            channel=settings,
            fabric=network,
            connections=connections,
        )
        await story.register()
        yield story
