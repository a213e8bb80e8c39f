"""What is written down of a network: read again as it was, and an error that says what to do where it cannot be."""

import itertools
import json
from pathlib import Path

import pytest

from aiofabric.network import Binaries, ChaincodeServer, Description, Network, NotANetworkError, Organisation, remove
from aiofabric.network.cli import main
from aiofabric.network.description import read_description, write_description
from aiofabric.network.plan import Layout, make_plan, plan_peer
from support.fabric_programs import stand_in_home

SERVER = ChaincodeServer("assets", "Org1MSP", "127.0.0.1:9999", "assets_1.0:ab", "module:invoke", (("KEY", "VALUE"),))


@pytest.fixture
def described(tmp_path: Path) -> tuple[Layout, Description]:
    plan = make_plan(
        channel="trade", organisations=[Organisation("Org1MSP")], orderers=4, ports=itertools.count(20_000)
    )
    binaries = Binaries(tmp_path / "bin", tmp_path / "config", "3.1.5")
    return Layout(tmp_path), Description(plan, "ab" * 32, binaries, (SERVER,))


def test_a_description_is_read_as_it_was_written(described: tuple[Layout, Description]) -> None:
    layout, description = described
    write_description(layout, description)
    assert read_description(layout) == description
    changed = description.with_peer(plan_peer("Org2MSP", ports=itertools.count(30_000)))
    write_description(layout, changed)
    assert read_description(layout) == changed
    assert list(layout.root.glob(".network*")) == []


def test_a_server_takes_the_place_of_its_predecessor(described: tuple[Layout, Description]) -> None:
    _, description = described
    newer = ChaincodeServer("assets", "Org1MSP", "127.0.0.1:9999", "assets_2.0:cd")
    other = ChaincodeServer("assets", "Org2MSP", "127.0.0.1:9998", "assets_2.0:ef")
    assert description.with_servers(newer, other).servers_of("assets") == (newer, other)
    assert description.servers_of("other") == ()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": 2}', "\x00"])
def test_what_is_no_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "network.json").write_text(content)
    with pytest.raises(NotANetworkError):
        Network.open(tmp_path)


def test_a_folder_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotANetworkError, match="holds no network: make one with up"):
        Network.open(tmp_path)
    Layout(tmp_path).marker.touch()
    with pytest.raises(NotANetworkError, match="remove it with down --remove"):
        Network.open(tmp_path)


def test_only_folders_of_ours_are_removed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "network.json").write_text("{}")
    with pytest.raises(NotANetworkError, match="it is left alone"):
        remove(theirs)
    assert theirs.exists()
    (theirs / ".aiofabric-network").touch()
    remove(theirs)
    assert not theirs.exists()


async def test_a_network_that_does_not_run_has_a_status(described: tuple[Layout, Description]) -> None:
    layout, description = described
    write_description(layout, description)
    status = await Network.open(layout.root).status()
    assert not status.is_healthy
    assert {process.pid for process in status.processes} == {None}
    assert [process.name for process in status.processes][-2:] == ["peer.Org1MSP", "chaincode.assets.Org1MSP"]


def test_the_command_line_answers_in_one_line(
    described: tuple[Layout, Description], capsys: pytest.CaptureFixture[str]
) -> None:
    layout, description = described
    assert main(["status", str(layout.root)]) == 1
    assert capsys.readouterr().err == f"NotANetworkError: {layout.root} holds no network: make one with up\n"
    write_description(layout, description)
    assert main(["status", str(layout.root), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["consensus"] == "BFT"
    assert main(["logs", str(layout.root), "nobody"]) == 1
    assert "the network has no process nobody" in capsys.readouterr().err
    assert main(["up", str(layout.root), "--organisation", "Org1MSP"]) == 1
    assert "holds a network already" in capsys.readouterr().err


def test_the_doctor_says_what_is_found_and_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = stand_in_home(tmp_path / "fabric")
    assert main(["doctor", "--fabric", str(home)]) == 0
    assert f"{home / 'bin'}: Fabric 3.1.5" in capsys.readouterr().out
    (home / "bin" / "orderer").unlink()
    main(["doctor", "--fabric", str(home)])  # PATH may have a Fabric
    assert f"{home / 'bin'}: lacks orderer" in capsys.readouterr().out
