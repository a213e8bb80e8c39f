"""Real Fabric networks for tests, where Fabric's programs are found: BFT and Raft, one each for the whole session.

    async def test_something(fabric: FabricNetwork) -> None:
        async with fabric.gateway("Org1MSP") as gateway:
            await gateway.network(fabric.channel).contract(CHAINCODE).submit("put", "key", "value")

Both run `support.embedded_contract` as CHAINCODE for three organisations. A test that breaks things makes its own with
`running_fabric`.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiofabric.gateway import Deadlines, Gateway
from aiofabric.identity import Identity, Signer
from aiofabric.network import (
    Binaries,
    BinariesMissingError,
    ChaincodeDefinition,
    Endpoint,
    Network,
    Organisation,
    find_binaries,
)

TESTS = Path(__file__).parents[1]
CHANNEL = "trade"
CHAINCODE = "assets"
ENTRY_POINT = "support.embedded_contract:invoke"
CHAINCODE_ENVIRONMENT = {"PYTHONPATH": str(TESTS)}
THREE_ORGANISATIONS = (
    Organisation("Org1MSP", users={"alice": {"role": "clerk"}}),
    Organisation("Org2MSP", users={"bob": {}}),
    Organisation("Org3MSP"),
)
BFT_ORDERERS, RAFT_ORDERERS = 4, 1

HOW_TO_GET = "set WAYPROOF_FABRIC_HOME to a folder with bin/ and config/, or run make fabric-binaries"


@dataclass(frozen=True, slots=True)
class FabricNetwork:
    """A running network, with the shapes that tests of the embedded ledger know."""

    network: Network

    @property
    def channel(self) -> str:
        return self.network.channel

    @property
    def directory(self) -> Path:
        return self.network.directory

    def endpoint(self, msp_id: str = "Org1MSP") -> Endpoint:
        return self.network.endpoint(msp_id)

    def user(self, msp_id: str, name: str = "admin") -> tuple[Identity, Signer]:
        return self.network.user(msp_id, name)

    def gateway(self, msp_id: str = "Org1MSP", name: str = "admin", *, deadlines: Deadlines | None = None) -> Gateway:
        """Return a connection of a user to the own organisation's peer; ``async with`` closes it."""
        identity, signer = self.user(msp_id, name)
        endpoint = self.endpoint(msp_id)
        return Gateway.connect(
            endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer, deadlines=deadlines
        )


def find_fabric() -> Binaries:
    """Return Fabric's programs from WAYPROOF_FABRIC_HOME, the cache or PATH. Raises BinariesMissingError."""
    home = os.environ.get("WAYPROOF_FABRIC_HOME")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return find_binaries(home=Path(home) if home else None, cache=caches / "wayproof" / "fabric")


def binaries_missing() -> str:
    """Return why no real Fabric can run here; empty if it can."""
    try:
        find_fabric()
    except BinariesMissingError as error:
        return f"{error} ({HOW_TO_GET})"
    return ""


def pytest_report_header() -> str:
    """Say which ledgers a run is about, and what is left out without Fabric."""
    try:
        binaries = find_fabric()
    except BinariesMissingError:
        left_out = "tests/fabric and Fabric's half of tests/scenarios are left out"
        return f"ledgers: embedded; no Fabric here, {left_out} ({HOW_TO_GET})"
    return f"ledgers: embedded; Fabric {binaries.version} of {binaries.programs.parent}"


def require_binaries() -> Binaries:
    """Return Fabric's programs; skip the test if there are none, or fail it where WAYPROOF_REQUIRE_FABRIC is 1."""
    missing = binaries_missing()
    if missing and os.environ.get("WAYPROOF_REQUIRE_FABRIC") == "1":
        pytest.fail(missing)
    if missing:
        pytest.skip(f"Fabric's programs are not on this machine: {HOW_TO_GET}")
    return find_fabric()


@asynccontextmanager
async def running_fabric(
    directory: Path,
    *,
    binaries: Binaries,
    orderers: int = BFT_ORDERERS,
    organisations: Sequence[Organisation] = THREE_ORGANISATIONS,
    chaincode: str | None = CHAINCODE,
    entry_point: str = ENTRY_POINT,
) -> AsyncIterator[FabricNetwork]:
    """Make a network in a folder, with a chaincode unless it is None, and stop it at the end."""
    made = await Network.create(
        directory, organisations=organisations, orderers=orderers, channel=CHANNEL, binaries=binaries
    )
    async with made as network:
        if chaincode is not None:
            await network.deploy(ChaincodeDefinition(chaincode))
            await network.start_chaincode(chaincode, entry_point=entry_point, environment=CHAINCODE_ENVIRONMENT)
        yield FabricNetwork(network)


@pytest.fixture(scope="session")
def fabric_binaries() -> Binaries:
    """Fabric's programs, or a skip that says how to get them."""
    return require_binaries()


@pytest.fixture(scope="session")
def fabric_bft(fabric_binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricNetwork]:
    """A channel ordered by four BFT orderers of four organisations."""
    if not fabric_binaries.can_order_bft:
        pytest.skip(f"Fabric {fabric_binaries.version} has no BFT ordering: take Fabric 3.1")
    with _for_the_session(tmp_path_factory, binaries=fabric_binaries, orderers=BFT_ORDERERS) as network:
        yield network


@pytest.fixture(scope="session")
def fabric_raft(fabric_binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricNetwork]:
    """A channel ordered by one Raft orderer."""
    with _for_the_session(tmp_path_factory, binaries=fabric_binaries, orderers=RAFT_ORDERERS) as network:
        yield network


@pytest.fixture(scope="session")
def fabric(request: pytest.FixtureRequest, fabric_binaries: Binaries) -> FabricNetwork:
    """A network for tests to which the kind of ordering is one: BFT where the programs can, else Raft."""
    name = "fabric_bft" if fabric_binaries.can_order_bft else "fabric_raft"
    network: FabricNetwork = request.getfixturevalue(name)
    return network


@contextmanager
def _for_the_session(factory: pytest.TempPathFactory, *, binaries: Binaries, orderers: int) -> Iterator[FabricNetwork]:
    # Every test has an event loop of its own; the processes do not care.
    directory = factory.mktemp("fabric") / "network"
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        running = running_fabric(directory, binaries=binaries, orderers=orderers)
        network = runner.run(stack.enter_async_context(running))
        try:
            yield network
        finally:
            runner.run(stack.aclose())
    shutil.rmtree(directory)
