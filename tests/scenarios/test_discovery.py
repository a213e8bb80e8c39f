"""Feature: discovery. A chaincode that a majority of three endorses, while peers are down."""

import pytest

from aiofabric.errors import EndorseError
from support.scenario_ledger import BASIC, ORG1, ORG2, ORG3, ScenarioLedger


async def test_submit_fails_with_insufficient_endorsers_and_succeeds_with_sufficient_ones(
    ledger: ScenarioLedger, key: str
) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        async with ledger.without_peers(ORG3):
            assert await contract.submit("put", key, "two are enough") == b"two are enough"
        async with ledger.without_peers(ORG2, ORG3):
            with pytest.raises(EndorseError) as raised:
                await contract.submit("put", key, "one is not")
            # Before the others have noticed, peers that are down are still asked.
            assert raised.value.code in {"FAILED_PRECONDITION", "ABORTED"}
            assert await contract.evaluate("get", key) == b"two are enough"
        assert await contract.submit("put", key, "all are there") == b"all are there"


async def test_given_organisations_that_are_not_there(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, BASIC).submit("put", key, "x", endorsing_organizations=[ORG1, "Org9MSP"])
    assert raised.value.code == "UNAVAILABLE"
    assert raised.value.message == "failed to find any endorsing peers for org(s): Org9MSP"
