"""A real network, from Python alone: transactions, restarts, crashes, changes of its channel."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from aiofabric.errors import EndorseError, EvaluateError
from aiofabric.gateway import Contract
from aiofabric.network import (
    Binaries,
    ChaincodeDefinition,
    Collection,
    ConfigUpdateError,
    DeployError,
    Network,
    NotANetworkError,
    NOutOf,
    Organisation,
    issue_client,
)
from aiofabric.network.channel_config import config_of
from support.fabric_network import (
    CHAINCODE,
    CHAINCODE_ENVIRONMENT,
    ENTRY_POINT,
    RAFT_ORDERERS,
    FabricNetwork,
    running_fabric,
)

TWO = (Organisation("Org1MSP"), Organisation("Org2MSP"))
PRIVATE_ENTRY_POINT = "support.scenario_chaincodes.private:invoke"
PATIENCE_S = 120.0


@pytest.fixture(params=["fabric_bft", "fabric_raft"])
def either(request: pytest.FixtureRequest) -> FabricNetwork:
    network: FabricNetwork = request.getfixturevalue(request.param)
    return network


@pytest.fixture(scope="module")
def changing(fabric_binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricNetwork]:
    """A network that tests stop, kill and change."""
    directory = tmp_path_factory.mktemp("changing") / "network"
    running = running_fabric(directory, binaries=fabric_binaries, orderers=RAFT_ORDERERS, organisations=TWO)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        network = runner.run(stack.enter_async_context(running))
        try:
            yield network
        finally:
            runner.run(stack.aclose())


async def test_what_one_organisation_submits_another_reads(either: FabricNetwork) -> None:
    async with either.gateway("Org1MSP", "alice") as alice, either.gateway("Org3MSP") as other:
        await alice.network(either.channel).contract(CHAINCODE).submit("put", "colour", "blue")
        contract = other.network(either.channel).contract(CHAINCODE)
        assert await _read_once_known(contract, "get", "colour") == b"blue"


async def _read_once_known(contract: Contract, *call: str) -> bytes:
    """Return what is read, as soon as the block has come to this peer too."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await contract.evaluate(*call)
            except EvaluateError as error:
                assert "response 404" in str(error)  # noqa: PT017 - anything else is an answer, and a wrong one
            await asyncio.sleep(0.05)


async def test_the_status_tells_of_every_process_and_chaincode(either: FabricNetwork) -> None:
    status = await either.network.status()
    assert status.is_healthy
    assert [process.name for process in status.processes] == list(either.network.processes)
    assert all(process.pid for process in status.processes)
    heights = {process.height for process in status.processes if not process.name.startswith("chaincode.")}
    assert None not in heights
    assert min(filter(None, heights)) >= 4  # genesis, an approval or more, the commit
    found = {each.name: (each.sequence, each.approved_by) for each in status.chaincodes}  # other tests deploy theirs
    assert found[CHAINCODE] == (1, ("Org1MSP", "Org2MSP", "Org3MSP"))


async def test_bft_goes_on_without_one_of_four_orderers(fabric_bft: FabricNetwork) -> None:
    network = fabric_bft.network
    network.kill("orderer4")
    try:
        await _put(fabric_bft, "without", "one")
        assert not (await network.status()).is_healthy
    finally:
        await network.restart("orderer4")
    assert (await network.status()).is_healthy


async def test_what_was_committed_is_there_after_a_stop_and_a_start(changing: FabricNetwork) -> None:
    await _put(changing, "kept", "yes")
    await changing.network.stop()
    found = Network.open(changing.directory)
    assert not any(process.pid for process in (await found.status()).processes)
    assert found.genesis_hash == changing.network.genesis_hash
    await changing.network.start()
    assert await _get(changing, "kept", "Org2MSP") == b"yes"
    await _put(changing, "after", "the start")


async def test_a_killed_peer_and_chaincode_come_back(changing: FabricNetwork) -> None:
    network = changing.network
    for name in ("peer.Org2MSP", f"chaincode.{CHAINCODE}.Org1MSP"):
        network.kill(name)
    assert {each.name for each in (await network.status()).processes if each.pid is None} == {
        "peer.Org2MSP",
        f"chaincode.{CHAINCODE}.Org1MSP",
    }
    await network.start()
    await _put(changing, "alive", "again")
    with pytest.raises(NotANetworkError, match=r"no process peer\.Org9MSP"):
        network.kill("peer.Org9MSP")


async def test_an_organisation_that_comes_later_endorses(changing: FabricNetwork) -> None:
    await _put(changing, "before", "it came")
    await changing.network.add_organisation(Organisation("Org4MSP", users={"dora": {}}))
    assert await _get(changing, "before", "Org4MSP") == b"it came"
    async with changing.gateway("Org4MSP", "dora") as gateway:
        contract = gateway.network(changing.channel).contract(CHAINCODE)
        await contract.submit("put", "by", "Org4", endorsing_organizations=["Org4MSP", "Org1MSP"])
    assert await _get(changing, "by", "Org1MSP") == b"Org4"
    found = Network.open(changing.directory)
    assert "Org4MSP" in found.organisations


async def test_a_revoked_certificate_is_refused_and_its_neighbours_are_not(changing: FabricNetwork) -> None:
    for name in ("eve", "frank"):
        issue_client(changing.directory, msp_id="Org1MSP", name=name)
        await _put(changing, "by", name, name=name)
    before = config_of(await changing.network.config_block()).sequence
    for name in ("eve", "frank"):  # a second list does not undo the first
        block = await changing.network.revoke("Org1MSP", changing.user("Org1MSP", name)[0].certificate_pem)
    assert config_of(block).sequence == before + 2
    for name in ("eve", "frank"):
        with pytest.raises(EndorseError, match="ABORTED") as refused:
            await _put(changing, "by", "nobody", name=name)
        assert "access denied" in refused.value.diagnostics()
    await _put(changing, "by", "admin")


async def test_too_few_signatures_change_nothing(changing: FabricNetwork) -> None:
    before = await changing.network.config_block()
    with pytest.raises(ConfigUpdateError, match=r"orderer1: .*(FORBIDDEN|BAD_REQUEST)"):
        await changing.network.update_channel(_another_timeout, signed_by=["Org1MSP"])
    assert await changing.network.config_block() == before
    await changing.network.update_channel(_another_timeout, signed_by=["OrdererMSP"])
    with pytest.raises(ConfigUpdateError, match="nothing to change"):
        await changing.network.update_channel(_another_timeout, signed_by=["OrdererMSP"])


async def test_the_next_definition_replaces_the_one_before(changing: FabricNetwork) -> None:
    network = changing.network
    await network.deploy(ChaincodeDefinition("second"))
    await network.start_chaincode("second", entry_point=ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)
    everybody = NOutOf(len(network.organisations), network.organisations)
    await network.deploy(ChaincodeDefinition("second", version="2.0", sequence=2, endorsement_policy=everybody))
    await network.start_chaincode("second", entry_point=ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)
    async with changing.gateway() as gateway:
        contract = gateway.network(changing.channel).contract("second")
        proposal = contract.proposal("put", "key", "value")
        assert (await (await proposal.endorse()).submit()).result == b"value"
    (found,) = [each for each in (await network.status()).chaincodes if each.name == "second"]
    assert (found.version, found.sequence) == ("2.0", 2)
    with pytest.raises(DeployError, match="attempted to redefine the current committed sequence"):
        await network.deploy(ChaincodeDefinition("second", version="3.0", sequence=2))


async def test_private_data_reach_a_peer_that_was_away(changing: FabricNetwork) -> None:
    network = changing.network
    secrets = Collection("secrets", ("Org1MSP", "Org2MSP"), required_peers=0)
    policy = NOutOf(1, ("Org1MSP",))
    await network.deploy(ChaincodeDefinition("private", collections=[secrets], endorsement_policy=policy))
    await network.start_chaincode("private", entry_point=PRIVATE_ENTRY_POINT, environment=CHAINCODE_ENVIRONMENT)
    network.kill("peer.Org2MSP")
    async with changing.gateway("Org1MSP") as gateway:
        contract = gateway.network(changing.channel).contract("private")
        await contract.submit("write", "key", "secrets", transient={"value": b"for two"})
    await network.start()
    async with changing.gateway("Org2MSP") as gateway, asyncio.timeout(PATIENCE_S):
        contract = gateway.network(changing.channel).contract("private")
        arrived = b""
        while not arrived:
            with suppress(EvaluateError):  # "private data … is not available" until then
                arrived = await contract.evaluate("read", "secrets", "key", endorsing_organizations=["Org2MSP"])
            await asyncio.sleep(0.2)
    assert arrived == b"for two"


async def test_chaincode_that_is_not_deployed_is_not_started(changing: FabricNetwork) -> None:
    with pytest.raises(DeployError, match="nothing is not deployed here"):
        await changing.network.start_chaincode("nothing", entry_point=ENTRY_POINT)


def test_a_network_whose_making_was_killed_is_cleaned_by_down(fabric_binaries: Binaries, tmp_path: Path) -> None:
    up = ["up", str(tmp_path / "net"), "--orderers", "1", "--fabric", str(fabric_binaries.programs.parent)]
    with subprocess.Popen(_command(*up), stdout=subprocess.PIPE, text=True) as making:
        assert making.stdout is not None
        assert any(line.startswith("starting peer.Org1MSP") for line in making.stdout)
        making.send_signal(signal.SIGKILL)
    try:
        again = _run(*up)
        assert again.returncode == 1
        assert again.stderr.count("\n") == 1
        assert "not finished: remove it first (down --remove)" in again.stderr
        assert "remove it with down --remove" in _run("status", str(tmp_path / "net")).stderr
    finally:
        assert _run("down", str(tmp_path / "net"), "--remove").returncode == 0
    assert not (tmp_path / "net").exists()
    assert _running_below(tmp_path) == []


def test_the_command_line_makes_a_network_that_outlives_it(fabric_binaries: Binaries, tmp_path: Path) -> None:
    folder = str(tmp_path / "net")
    made = _run(
        "up", folder, "--orderers", "1", "--organisation", "Org1MSP", "--chaincode", f"assets={ENTRY_POINT}",
        "--fabric", str(fabric_binaries.programs.parent),
    )  # fmt: skip
    try:
        assert made.returncode == 0, made.stderr
        assert "Org1MSP: gateway 127.0.0.1:" in made.stdout
        assert len(_running_below(tmp_path)) == 3
        status = _run("status", folder)
        assert status.returncode == 0
        assert "assets 1.0, sequence 1, approved by Org1MSP" in status.stdout
        assert _run("down", folder).returncode == 0
        assert _running_below(tmp_path) == []
        assert _run("status", folder).returncode == 1
        assert _run("up", folder).returncode == 0
        assert "serving assets_1.0:" in _run("logs", folder, "chaincode.assets.Org1MSP").stdout
    finally:
        assert _run("down", folder, "--remove").returncode == 0
    assert _running_below(tmp_path) == []


async def test_the_program_of_the_reference_page_runs(
    fabric_binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, program = (_first_program(name) for name in ("embedded-ledger.md", "network.md"))
    (tmp_path / "basic.py").write_text(contract)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(compile(program, "network.md", "exec"), namespace)  # noqa: S102 - our own page
    assert await namespace["main"](tmp_path / "net", fabric_binaries.programs.parent) == b"blue"
    assert _running_below(tmp_path) == []


def _first_program(page: str) -> str:
    text = (Path(__file__).parents[2] / "docs" / "reference" / page).read_text()
    return text.split("```python\n", 1)[1].split("```", 1)[0]


def _another_timeout(channel_group: object) -> None:
    from fabric_protos.orderer import configuration_pb2  # noqa: PLC0415 - used here only

    timeout = configuration_pb2.BatchTimeout(timeout="150ms").SerializeToString()
    channel_group.groups["Orderer"].values["BatchTimeout"].value = timeout  # type: ignore[attr-defined]


async def _put(fabric: FabricNetwork, key: str, value: str, *, name: str = "admin") -> None:
    async with fabric.gateway("Org1MSP", name) as gateway:
        await gateway.network(fabric.channel).contract(CHAINCODE).submit("put", key, value)


async def _get(fabric: FabricNetwork, key: str, msp_id: str) -> bytes:
    async with fabric.gateway(msp_id) as gateway:
        return await gateway.network(fabric.channel).contract(CHAINCODE).evaluate("get", key)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "aiofabric.network", *arguments]


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        _command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **CHAINCODE_ENVIRONMENT},
    )


def _running_below(folder: Path) -> list[str]:
    """Return the logs below a folder that a process still has open."""
    found = []
    for output in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            target = str(output.readlink())
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if target.startswith(f"{folder}/"):
            found.append(target)
    return found
