"""One scenario suite, two endpoints: the embedded ledger always, a real Fabric network where its programs are found.

    async def test_something(ledger: ScenarioLedger) -> None:
        async with ledger.gateway("Org1MSP") as gateway:
            await ledger.contract(gateway, BASIC).submit("put", "key", "value")

Both have the organisations Org1MSP to Org3MSP, whose majority endorses, and the same chaincodes.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from aiofabric import embedded, network
from aiofabric.errors import EndorseError
from aiofabric.gateway import Contract, Deadlines, Gateway
from aiofabric.identity import Identity, Signer
from support.embedded_network import free_port
from support.fabric_network import CHAINCODE_ENVIRONMENT, FabricNetwork, binaries_missing

TESTS = Path(__file__).parents[1]
ORG1, ORG2, ORG3 = ORGANISATIONS = ("Org1MSP", "Org2MSP", "Org3MSP")
BASIC, PRIVATE, ERRORS, OPEN = "basic", "private", "errors", "open"
CHAINCODES = {
    **{name: f"support.scenario_chaincodes.{name}:invoke" for name in (BASIC, PRIVATE, ERRORS)},
    OPEN: "support.scenario_chaincodes.basic:invoke",  # which any one organisation endorses
}
ORG1_COLLECTION, ORG3_COLLECTION, SHARED_COLLECTION = "Org1Collection", "Org3Collection", "SharedCollection"
MEMBERS = {ORG1_COLLECTION: (ORG1,), ORG3_COLLECTION: (ORG3,), SHARED_COLLECTION: (ORG1, ORG3)}
"""Everybody may write to them, their members may read; a collection of one organisation is endorsed by it."""

EMBEDDED, FABRIC = "embedded", "fabric"
START_TIMEOUT_S = SETTLED_WITHIN_S = 60.0
DEADLINES = Deadlines(evaluate_s=30, endorse_s=60, submit_s=30, commit_status_s=120)


class ScenarioLedger(ABC):
    """A running ledger of either kind."""

    kind: str
    channel: str
    has_multiple_reads: bool
    """Whether several values are read in one request (Fabric 3.1), or one after the other (2.5)."""

    @abstractmethod
    def address(self, msp_id: str) -> tuple[str, bytes]:
        """Return where an organisation's gateway is, and the TLS authority to trust (PEM)."""

    @abstractmethod
    def user(self, msp_id: str) -> tuple[Identity, Signer]:
        """Return an organisation's admin."""

    @abstractmethod
    def without_peers(self, *msp_ids: str) -> AbstractAsyncContextManager[None]:
        """Have the peers of organisations down while the block runs."""

    def gateway(self, msp_id: str = ORG1, *, signed: bool = True, user: str = "") -> Gateway:
        """Connect a member of an organisation (``user``, or the same one) to an organisation's gateway."""
        address, tls_ca_pem = self.address(msp_id)
        identity, signer = self.user(user or msp_id)
        return Gateway.connect(
            address, tls_ca=tls_ca_pem, identity=identity, signer=signer if signed else None, deadlines=DEADLINES
        )

    def contract(self, gateway: Gateway, name: str) -> Contract:
        """Return a contract of the scenario's channel."""
        return gateway.network(self.channel).contract(name)


class EmbeddedScenarioLedger(ScenarioLedger):
    """The embedded ledger in a process of its own."""

    kind = EMBEDDED
    channel = "trade"
    has_multiple_reads = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        embedded.initialise(
            directory,
            channel=self.channel,
            organisations=[embedded.Organisation(msp_id) for msp_id in ORGANISATIONS],
            chaincodes=CHAINCODES,
            collections={PRIVATE: [_embedded_collection(name) for name in MEMBERS]},
            policies={OPEN: "OR('Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')"},
        )

    def address(self, msp_id: str) -> tuple[str, bytes]:
        del msp_id  # one process plays all of them
        return f"127.0.0.1:{self._port}", (self._directory / "tls" / "ca.pem").read_bytes()

    def user(self, msp_id: str) -> tuple[Identity, Signer]:
        return embedded.load_user(self._directory, msp_id=msp_id, name="admin")

    def start(self, *, without: Sequence[str] = ()) -> None:
        """Serve it."""
        log = self._directory / "log"
        flags = [flag for msp_id in without for flag in ("--without", msp_id)]
        command = [sys.executable, "-m", "aiofabric.embedded", "serve", str(self._directory), "--port", str(self._port)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, *flags],
                env={**os.environ, "PYTHONPATH": str(TESTS)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while b"\nserving " not in log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the embedded ledger did not start:\n{log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    @asynccontextmanager
    async def without_peers(self, *msp_ids: str) -> AsyncIterator[None]:
        self.stop()
        self.start(without=msp_ids)
        try:
            yield
        finally:
            self.stop()
            self.start()


class FabricScenarioLedger(ScenarioLedger):
    """A real network, with the scenarios' chaincodes deployed beside what it has."""

    kind = FABRIC

    def __init__(self, fabric: FabricNetwork) -> None:
        self._fabric = fabric
        self.channel = fabric.channel
        self.has_multiple_reads = fabric.network.description.binaries.can_order_bft  # both came with the 3.x line

    def address(self, msp_id: str) -> tuple[str, bytes]:
        endpoint = self._fabric.endpoint(msp_id)
        return endpoint.address, endpoint.tls_ca_pem

    def user(self, msp_id: str) -> tuple[Identity, Signer]:
        return self._fabric.user(msp_id)

    async def deploy(self) -> None:
        """Deploy the chaincodes and run their servers."""
        made = self._fabric.network
        for name, entry_point in CHAINCODES.items():
            collections = [_fabric_collection(each) for each in MEMBERS] if name == PRIVATE else []
            policy = network.NOutOf(1, ORGANISATIONS) if name == OPEN else None
            definition = network.ChaincodeDefinition(name, collections=collections, endorsement_policy=policy)
            await made.deploy(definition)
            await made.start_chaincode(name, entry_point=entry_point, environment=CHAINCODE_ENVIRONMENT)

    @asynccontextmanager
    async def without_peers(self, *msp_ids: str) -> AsyncIterator[None]:
        made = self._fabric.network
        names = [made.description.plan.peer_of(msp_id).name for msp_id in msp_ids]
        for name in names:
            made.halt(name)
        try:
            yield
        finally:
            for name in names:
                await made.restart(name)
            for msp_id in ORGANISATIONS:
                await self._until_all_endorse(msp_id)

    async def _until_all_endorse(self, msp_id: str) -> None:
        """Wait until an organisation's gateway knows all peers again: they tell each other by and by."""
        async with asyncio.timeout(SETTLED_WITHIN_S), self.gateway(msp_id) as gateway:
            while True:
                proposal = self.contract(gateway, BASIC).proposal("echo", "", endorsing_organizations=ORGANISATIONS)
                try:
                    await proposal.endorse()
                except EndorseError:
                    await asyncio.sleep(0.2)
                else:
                    return


def _embedded_collection(name: str) -> embedded.Collection:
    members = MEMBERS[name]
    policy = f"OR('{members[0]}.peer')" if len(members) == 1 else ""
    return embedded.Collection(name, members, member_only_write=False, endorsement_policy=policy)


def _fabric_collection(name: str) -> network.Collection:
    members = MEMBERS[name]
    policy = network.NOutOf(1, members) if len(members) == 1 else None
    return network.Collection(name, members, member_only_write=False, endorsement_policy=policy)


def endpoints() -> list[str]:
    """Return where the scenarios run."""
    required = os.environ.get("WAYPROOF_REQUIRE_FABRIC") == "1"
    return [EMBEDDED, FABRIC] if required or not binaries_missing() else [EMBEDDED]


def pytest_report_header() -> str:
    """Say which endpoints the scenarios run against."""
    missing = "" if FABRIC in endpoints() else "; not on Fabric, whose programs are not here (make fabric-binaries)"
    return f"ledger scenarios: on {' and '.join(endpoints())}{missing}"


@pytest.fixture(scope="session", params=endpoints())
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScenarioLedger]:
    """The ledger of the scenarios, of each kind that there is."""
    if request.param == FABRIC:
        fabric = FabricScenarioLedger(request.getfixturevalue("fabric"))
        asyncio.run(fabric.deploy())
        yield fabric
        return
    embedded_ledger = EmbeddedScenarioLedger(tmp_path_factory.mktemp("scenarios") / "ledger")
    embedded_ledger.start()
    try:
        yield embedded_ledger
    finally:
        embedded_ledger.stop()
