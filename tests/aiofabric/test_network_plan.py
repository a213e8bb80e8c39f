"""Plans: who gets which process and port, and what cannot be made."""

import itertools
import socket
from pathlib import Path

import pytest

from aiofabric.network import Organisation, PlanError
from aiofabric.network.plan import Layout, Plan, make_plan
from aiofabric.network.ports import free_ports, is_free
from aiofabric.network.provision import check_folder

ORGANISATIONS = (Organisation("Org1MSP", users={"alice": {}}), Organisation("Org2MSP"))


def test_four_orderers_are_bft_and_belong_to_four_organisations() -> None:
    plan = _plan(orderers=4)
    assert plan.consensus == "BFT"
    assert [orderer.msp_id for orderer in plan.orderers] == [f"Orderer{number}MSP" for number in (1, 2, 3, 4)]
    assert [peer.msp_id for peer in plan.peers] == ["Org1MSP", "Org2MSP"]
    ports = [port for node in plan.orderers for port in (node.port, node.admin_port, node.operations_port)]
    ports += [port for node in plan.peers for port in (node.port, node.chaincode_port, node.operations_port)]
    assert len(set(ports)) == len(ports) == 18


def test_one_orderer_is_raft() -> None:
    plan = _plan(orderers=1)
    assert (plan.consensus, [orderer.msp_id for orderer in plan.orderers]) == ("etcdraft", ["OrdererMSP"])


@pytest.mark.parametrize("orderers", [0, 2, 3, 5, 6, -1])
def test_other_numbers_of_orderers_are_refused(orderers: int) -> None:
    with pytest.raises(PlanError, match=r"choose 1 \(Raft\), or 4"):
        _plan(orderers=orderers)


@pytest.mark.parametrize("channel", ["", "Trade", "1trade", "trade/x", "a" * 250])
def test_what_is_no_channel_name_is_refused(channel: str) -> None:
    with pytest.raises(PlanError, match="is not a channel name"):
        make_plan(channel=channel, organisations=ORGANISATIONS, orderers=1, ports=itertools.count(20_000))


@pytest.mark.parametrize(
    "organisations",
    [
        (),
        (Organisation("Org1MSP"), Organisation("Org1MSP")),
        (Organisation("Org/1"),),
        (Organisation("OrdererMSP"),),
        (Organisation("Orderer1MSP"),),
        (Organisation("Org1MSP", users={"../alice": {}}),),
    ],
)
def test_organisations_that_cannot_be_are_refused(organisations: tuple[Organisation, ...]) -> None:
    with pytest.raises(PlanError):
        make_plan(channel="trade", organisations=organisations, orderers=1, ports=itertools.count(20_000))


def test_an_organisation_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(PlanError, match="Org9MSP is no organisation of this network; there are Org1MSP, Org2MSP"):
        _plan(orderers=1).peer_of("Org9MSP")


def test_ports_are_free_distinct_and_below_those_of_clients() -> None:
    ports = list(itertools.islice(free_ports(), 50))
    assert len(set(ports)) == 50
    assert all(port < 32_768 for port in ports)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[0]))
        assert not is_free(ports[0])


def test_a_network_is_never_made_over_anything(tmp_path: Path) -> None:
    check_folder(Layout(tmp_path / "absent"))
    check_folder(Layout(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(PlanError, match="is not empty"):
        check_folder(Layout(tmp_path))
    Layout(tmp_path).marker.touch()
    with pytest.raises(PlanError, match=r"not finished: remove it first \(down --remove\)"):
        check_folder(Layout(tmp_path))
    Layout(tmp_path).description.touch()
    with pytest.raises(PlanError, match="holds a network already"):
        check_folder(Layout(tmp_path))


def _plan(*, orderers: int) -> Plan:
    return make_plan(channel="trade", organisations=ORGANISATIONS, orderers=orderers, ports=itertools.count(20_000))
