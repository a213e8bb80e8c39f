"""Configuration: our settings over the samples, and the channel's profile."""

import itertools
import subprocess
from pathlib import Path

import pytest
import yaml

from aiofabric.network import BinariesMissingError, Organisation, PlanError
from aiofabric.network.builder import write_builder
from aiofabric.network.configuration import overlay, read_sample
from aiofabric.network.plan import Layout, Plan, make_plan
from aiofabric.network.profile import PROFILE, channel_profile
from aiofabric.network.provision import genesis_hash, provision
from support.fabric_programs import stand_in_binaries

ORGANISATIONS = (Organisation("Org1MSP"), Organisation("Org2MSP"))


@pytest.mark.parametrize(
    ("base", "changes", "merged"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": None}, {"a": {"b": 1}, "d": 4}, {"a": {"b": 1}, "d": 4}),
    ],
)
def test_mappings_are_merged_and_everything_else_replaced(
    base: dict[str, object], changes: dict[str, object], merged: dict[str, object]
) -> None:
    before = str(base)
    assert overlay(base, changes) == merged
    assert str(base) == before


def test_a_sample_that_holds_no_settings_is_refused(tmp_path: Path) -> None:
    for content in ("", "- a\n", "a: [\n"):
        (tmp_path / "core.yaml").write_text(content)
        with pytest.raises(BinariesMissingError):
            read_sample(tmp_path / "core.yaml")


def test_what_the_sample_says_stays_unless_we_say_otherwise(tmp_path: Path) -> None:
    layout, plan = _provisioned(tmp_path / "net", tmp_path / "fabric")
    core = yaml.safe_load((layout.node("peer.Org1MSP") / "core.yaml").read_text())
    assert core["chaincode"]["executetimeout"] == "30s"
    assert core["peer"]["gossip"]["pullInterval"] == "4s"
    assert core["peer"]["listenAddress"] == plan.peers[0].address
    assert core["peer"]["tls"]["enabled"] is True
    assert core["vm"]["endpoint"] == ""
    assert [builder["name"] for builder in core["chaincode"]["externalBuilders"]] == ["aiofabric-ccaas"]
    orderer = yaml.safe_load((layout.node("orderer1") / "orderer.yaml").read_text())
    assert orderer["General"]["Authentication"]["TimeWindow"] == "15m"
    assert orderer["Admin"]["TLS"]["ClientAuthRequired"] is True
    assert orderer["General"]["ListenAddress"] == "127.0.0.1"


def test_every_file_that_a_configuration_names_is_there(tmp_path: Path) -> None:
    layout, plan = _provisioned(tmp_path / "net", tmp_path / "fabric", orderers=4)
    named = set[str]()
    for node in plan.nodes:
        for configuration in layout.node(node.name).glob("*.yaml"):
            named |= _absolute_paths(yaml.safe_load(configuration.read_text()))
    named |= _absolute_paths(channel_profile(layout, plan))
    made = {path for path in named if "/data" not in path}
    assert len(made) > 20
    assert [path for path in sorted(made) if not Path(path).exists()] == []


def test_bft_has_a_consenter_of_its_own_organisation_for_each_orderer(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    plan = _plan(4)
    profile = channel_profile(layout, plan)["Profiles"][PROFILE]
    assert profile["Capabilities"] == {"V3_0": True}
    ordering = profile["Orderer"]
    consenters = [(each["ID"], each["MSPID"], each["Port"]) for each in ordering["ConsenterMapping"]]
    assert consenters == [(number, node.msp_id, node.port) for number, node in enumerate(plan.orderers, start=1)]
    endpoints = [each["OrdererEndpoints"] for each in ordering["Organizations"]]
    assert endpoints == [[node.address] for node in plan.orderers]
    assert "EtcdRaft" not in ordering


def test_raft_asks_for_no_capability_that_fabric_2_lacks(tmp_path: Path) -> None:
    profile = channel_profile(Layout(tmp_path), _plan(1))["Profiles"][PROFILE]
    assert profile["Capabilities"] == {"V2_0": True}
    assert profile["Orderer"]["OrdererType"] == "etcdraft"
    assert "ConsenterMapping" not in profile["Orderer"]


def test_each_peer_is_its_organisations_anchor(tmp_path: Path) -> None:
    plan = _plan(1)
    organisations = channel_profile(Layout(tmp_path), plan)["Profiles"][PROFILE]["Application"]["Organizations"]
    assert [each["AnchorPeers"] for each in organisations] == [
        [{"Host": "127.0.0.1", "Port": peer.port}] for peer in plan.peers
    ]


def test_provisioning_returns_the_hash_of_the_genesis_block(tmp_path: Path) -> None:
    layout, _ = _provisioned(tmp_path / "net", tmp_path / "fabric")
    assert genesis_hash(layout.genesis.read_bytes()) == (layout.root / "hash").read_text()
    assert layout.marker.exists()
    assert not layout.description.exists()  # that is for whoever has seen it run


def test_what_configtxgen_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    binaries = stand_in_binaries(tmp_path / "fabric", configtxgen="echo 'bad profile' >&2; exit 1\n")
    with pytest.raises(PlanError, match="configtxgen refused: bad profile"):
        provision(Layout(tmp_path / "net"), _plan(1), organisations=ORGANISATIONS, binaries=binaries)


def test_bft_with_fabric_2_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    binaries = stand_in_binaries(tmp_path / "fabric", version="v2.5.16")
    with pytest.raises(PlanError, match=r"Fabric 2\.5\.16 has no BFT ordering: take 1 orderer \(Raft\)"):
        provision(Layout(tmp_path / "net"), _plan(4), organisations=ORGANISATIONS, binaries=binaries)
    assert not (tmp_path / "net").exists()


def test_the_builder_takes_our_packages_and_no_others(tmp_path: Path) -> None:
    write_builder(tmp_path / "builder")
    source, metadata = _folder(tmp_path / "source"), _folder(tmp_path / "metadata")
    built, released = _folder(tmp_path / "built"), _folder(tmp_path / "released")
    (source / "connection.json").write_text('{"address": "127.0.0.1:9999"}')
    (metadata / "metadata.json").write_text('{"label":"a","type":"golang"}')
    assert _run(tmp_path, "detect", source, metadata) != 0
    (metadata / "metadata.json").write_text('{"label":"a","type":"ccaas"}')
    assert _run(tmp_path, "detect", source, metadata) == 0
    assert _run(tmp_path, "build", source, metadata, built) == 0
    assert _run(tmp_path, "release", built, released) == 0
    connection = released / "chaincode" / "server" / "connection.json"
    assert connection.read_text() == '{"address": "127.0.0.1:9999"}'
    (source / "connection.json").unlink()
    assert _run(tmp_path, "build", source, metadata, built) != 0


def _run(root: Path, program: str, *arguments: Path) -> int:
    return subprocess.run([root / "builder" / "bin" / program, *arguments], check=False, capture_output=True).returncode


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _plan(orderers: int) -> Plan:
    return make_plan(channel="trade", organisations=ORGANISATIONS, orderers=orderers, ports=itertools.count(20_000))


def _provisioned(root: Path, fabric: Path, *, orderers: int = 1) -> tuple[Layout, Plan]:
    layout, plan = Layout(root), _plan(orderers)
    made = provision(layout, plan, organisations=ORGANISATIONS, binaries=stand_in_binaries(fabric))
    (root / "hash").write_text(made)
    return layout, plan


def _absolute_paths(settings: object) -> set[str]:
    if isinstance(settings, dict):
        return set().union(*map(_absolute_paths, settings.values()))
    if isinstance(settings, list):
        return set().union(*map(_absolute_paths, settings))
    return {settings} if isinstance(settings, str) and settings.startswith("/") and "theirs" not in settings else set()
