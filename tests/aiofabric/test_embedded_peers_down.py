"""Organisations whose peers are down: who is asked instead, and what is refused."""

from pathlib import Path

import pytest

from aiofabric.chaincode.peer_identity import peer_msp_id, running_at
from aiofabric.embedded import Organisation, ProvisionError, RequestRefusedError
from support.embedded_client import Client, action_payload, opened
from support.embedded_network import provision

VALID = 0
NO_COMBINATION = "no combination of peers can be derived which satisfy the endorsement policy: "


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    organisations = [Organisation(f"Org{number}MSP") for number in (1, 2, 3)]
    chaincodes = {"assets": "support.scenario_chaincodes.basic:invoke"}
    return provision(tmp_path / "ledger", organisations=organisations, chaincodes=chaincodes)


async def test_others_endorse_and_answer_for_an_organisation_without_a_peer(directory: Path) -> None:
    async with opened(directory, without=["Org1MSP"]) as ledger:
        client = Client.of(directory, "Org1MSP")
        envelope = await client.endorse(ledger, "put", "k", "v")
        assert len(action_payload(envelope).action.endorsements) == 2
        assert (await client.commit(ledger, envelope))[1] == VALID
        assert await client.evaluate(ledger, "get", "k") == b"v"


async def test_transient_data_are_given_to_nobody_else(directory: Path) -> None:
    async with opened(directory, without=["Org1MSP"]) as ledger:
        client = Client.of(directory, "Org1MSP")
        words = "no endorsers found in the gateway's organization; retry specifying {} organization"
        with pytest.raises(RequestRefusedError, match=words.format("endorsing")) as endorsed:
            await client.endorse(ledger, "put", "k", "v", transient={"secret": b"x"})
        with pytest.raises(RequestRefusedError, match=words.format("target")) as evaluated:
            await ledger.evaluate(client.evaluate_request(*client.proposal("get", "k", transient={"secret": b"x"})))
        assert {endorsed.value.code.name, evaluated.value.code.name} == {"FAILED_PRECONDITION"}
        await client.endorse(ledger, "put", "k", "v", transient={"secret": b"x"}, organisations=["Org2MSP"])


async def test_too_few_peers_are_no_combination(directory: Path) -> None:
    async with opened(directory, without=["Org2MSP", "Org3MSP"]) as ledger:
        with pytest.raises(RequestRefusedError) as refusal:
            await Client.of(directory, "Org1MSP").endorse(ledger, "put", "k", "v")
        assert refusal.value.message == NO_COMBINATION + "no peer combination can satisfy the endorsement policy"


async def test_a_key_that_only_a_missing_peer_can_endorse(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory, "Org1MSP")
        await client.submit(ledger, "put", "k", "v")
        await client.submit(ledger, "set_endorsers", "k", "Org3MSP")
    async with opened(directory, without=["Org3MSP"]) as ledger:
        with pytest.raises(RequestRefusedError, match="no peer combination can satisfy"):
            await client.endorse(ledger, "put", "k", "w")
        assert (await client.submit(ledger, "put", "other", "w"))[1] == VALID
        with pytest.raises(RequestRefusedError, match=r"failed to find any endorsing peers for org\(s\): Org3MSP"):
            await client.endorse(ledger, "put", "k", "w", organisations=["Org1MSP", "Org3MSP"])


async def test_an_organisation_that_is_none_cannot_be_left_out(directory: Path) -> None:
    with pytest.raises(ProvisionError, match="Org9MSP"):
        async with opened(directory, without=["Org9MSP"]):
            pass
    async with opened(directory) as ledger:  # nothing was left open
        assert ledger.height == 1


def test_a_contract_asks_at_whose_peer_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORE_PEER_LOCALMSPID", raising=False)
    with pytest.raises(LookupError, match="CORE_PEER_LOCALMSPID"):
        peer_msp_id()
    monkeypatch.setenv("CORE_PEER_LOCALMSPID", "Org7MSP")
    assert peer_msp_id() == "Org7MSP"
    with running_at("Org1MSP"):
        assert peer_msp_id() == "Org1MSP"
