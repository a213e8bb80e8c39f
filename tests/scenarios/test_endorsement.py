"""Feature: endorsement."""

from collections.abc import Sequence

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.errors import CommitError
from aiofabric.gateway import Transaction
from support.scenario_ledger import BASIC, ERRORS, OPEN, ORG1, ORG2, ORG3, ScenarioLedger


def endorsers(transaction: Transaction) -> list[str]:
    """Return the organisations whose peers endorsed a transaction, sorted."""
    inner = transaction_pb2.Transaction.FromString(common_pb2.Payload.FromString(transaction.payload).data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(inner.actions[0].payload).action
    return sorted(
        identities_pb2.SerializedIdentity.FromString(endorsement.endorser).mspid for endorsement in action.endorsements
    )


@pytest.mark.parametrize(
    ("organisations", "code"),
    [
        ([ORG1], "ENDORSEMENT_POLICY_FAILURE"),
        ([ORG2], "ENDORSEMENT_POLICY_FAILURE"),
        ([ORG3], "ENDORSEMENT_POLICY_FAILURE"),
        ([ORG1, ORG3], "VALID"),
        ([ORG2, ORG3], "VALID"),
    ],
)
async def test_submit_to_organisations(
    ledger: ScenarioLedger, key: str, organisations: Sequence[str], code: str
) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        transaction = await contract.proposal("put", key, "x", endorsing_organizations=organisations).endorse()
        assert endorsers(transaction) == organisations
        status = await (await transaction.submit()).status()
        assert status.code_name == code


@pytest.mark.parametrize("organisations", [[ORG1], [ORG2], [ORG3], [ORG1, ORG3]])
async def test_submit_where_one_organisation_is_enough(
    ledger: ScenarioLedger, key: str, organisations: Sequence[str]
) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, OPEN)
        assert await contract.submit("put", key, "x", endorsing_organizations=organisations) == b"x"
        assert await contract.evaluate("get", key) == b"x"


async def test_the_own_organisation_is_planned_for_where_one_is_enough(ledger: ScenarioLedger, key: str) -> None:
    for organisation in (ORG1, ORG2, ORG3):
        async with ledger.gateway(organisation) as gateway:
            transaction = await ledger.contract(gateway, OPEN).proposal("put", key, "x").endorse()
        assert endorsers(transaction) == [organisation]


async def test_too_few_organisations_are_an_error_of_the_commit(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(CommitError) as raised:
            await ledger.contract(gateway, BASIC).submit("put", key, "x", endorsing_organizations=[ORG2])
    assert raised.value.code_name == "ENDORSEMENT_POLICY_FAILURE"
    assert not raised.value.is_retryable


@pytest.mark.parametrize("organisation", [ORG1, ORG2, ORG3])
async def test_evaluate_on_an_organisation(ledger: ScenarioLedger, organisation: str) -> None:
    failing = [each for each in (ORG1, ORG2, ORG3) if each != organisation]
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, ERRORS)
        assert await contract.evaluate("fail_at", *failing, endorsing_organizations=[organisation]) == b"agreed"


@pytest.mark.parametrize("organisation", [ORG1, ORG2, ORG3])
async def test_the_callers_own_organisation_comes_first(ledger: ScenarioLedger, key: str, organisation: str) -> None:
    failing = [each for each in (ORG1, ORG2, ORG3) if each != organisation]
    async with ledger.gateway(organisation) as gateway:
        assert await ledger.contract(gateway, ERRORS).evaluate("fail_at", *failing) == b"agreed"
        transaction = await ledger.contract(gateway, BASIC).proposal("put", key, "x").endorse()
        assert organisation in endorsers(transaction)
        assert len(endorsers(transaction)) == 2  # a majority of three
