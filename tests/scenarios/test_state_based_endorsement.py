"""Feature: state-based endorsement."""

import pytest

from aiofabric.errors import CommitError, EndorseError
from aiofabric.gateway import Contract
from support.scenario_ledger import BASIC, OPEN, ORG1, ORG2, ORG3, ScenarioLedger

FAILED = "ENDORSEMENT_POLICY_FAILURE"


async def owned(contract: Contract, key: str, *organisations: str) -> None:
    """Make a key that these organisations must endorse from then on."""
    await contract.submit("put", key, "first")
    await contract.submit("set_endorsers", key, *organisations)
    assert await contract.evaluate("get_endorsers", key) == ",".join(organisations).encode()


async def test_a_change_must_be_endorsed_by_org1(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, ORG1)
        await contract.submit("put", key, "second", endorsing_organizations=[ORG1])
        assert await contract.evaluate("get", key) == b"second"


async def test_a_change_fails_if_only_org2_endorses(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, ORG1)
        with pytest.raises(CommitError) as raised:
            await contract.submit("put", key, "second", endorsing_organizations=[ORG2])
        assert raised.value.code_name == FAILED
        assert await contract.evaluate("get", key) == b"first"


@pytest.mark.parametrize("organisations", [(ORG1, ORG3), (ORG2, ORG3), (ORG1, ORG2, ORG3)])
async def test_a_policy_without_explicit_organisations(
    ledger: ScenarioLedger, key: str, organisations: tuple[str, ...]
) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, *organisations)
        await contract.submit("put", key, "second")
        assert await contract.evaluate("get", key) == b"second"


@pytest.mark.parametrize("wrong", [[ORG1], [ORG1, ORG2], [ORG2]])
async def test_explicit_wrong_organisations_fail(ledger: ScenarioLedger, key: str, wrong: list[str]) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, ORG1, ORG3)
        with pytest.raises(CommitError) as raised:
            await contract.submit("put", key, "second", endorsing_organizations=wrong)
        assert raised.value.code_name == FAILED


async def test_the_policy_itself_is_under_the_policy(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, ORG3)
        with pytest.raises(CommitError) as raised:
            await contract.submit("set_endorsers", key, ORG1, endorsing_organizations=[ORG1, ORG2])
        assert raised.value.code_name == FAILED
        await contract.submit("set_endorsers", key, ORG1)  # planned for ORG3
        await contract.submit("put", key, "second", endorsing_organizations=[ORG1])
        assert await contract.evaluate("get", key) == b"second"


async def test_a_policy_that_was_taken_away_binds_nobody_and_cannot_be_planned_for(
    ledger: ScenarioLedger, key: str
) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await owned(contract, key, ORG3)
        await contract.submit("set_endorsers", key)
        assert await contract.evaluate("get_endorsers", key) == b""
        with pytest.raises(EndorseError) as raised:
            await contract.submit("put", key, "second")
        assert raised.value.code == "FAILED_PRECONDITION"
        assert raised.value.message.endswith("state based endorsement policy cannot be satisfied")
        await contract.submit("put", key, "second", endorsing_organizations=[ORG1, ORG2])
        assert await contract.evaluate("get", key) == b"second"


async def test_bytes_that_are_no_policy_never_reach_the_ledger(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, BASIC).submit("set_policy", key, "no policy")
    assert "a key's policy is a serialized common.SignaturePolicyEnvelope" in (raised.value.chaincode_message or "")


async def test_a_policy_counts_as_a_change_of_its_key(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, OPEN)
        await contract.submit("put", key, "1")
        stale = await contract.proposal("add", key, "1", endorsing_organizations=[ORG1]).endorse()
        await contract.submit("set_endorsers", key, ORG1)  # which its endorser satisfies: endorsers are looked at first
        assert (await (await stale.submit()).status()).code_name == "MVCC_READ_CONFLICT"
        assert await contract.evaluate("get", key) == b"1"


async def test_a_key_that_is_not_there_gets_no_policy(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await contract.submit("set_endorsers", key, ORG3)
        assert await contract.evaluate("get_endorsers", key) == b""
        await contract.submit("put", key, "x", endorsing_organizations=[ORG1, ORG2])
        assert await contract.evaluate("get", key) == b"x"
