"""Feature: errors."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from aiofabric.errors import CommitStatusError, EndorseError, EvaluateError, EventStreamError
from aiofabric.gateway import Gateway
from aiofabric.identity import CertificateAuthority, Identity, private_key_signer
from support.scenario_ledger import BASIC, ERRORS, OPEN, ORG1, ORG2, ORG3, ORGANISATIONS, ScenarioLedger


async def test_evaluate_fails_with_wrong_arguments(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("get", "one", "too", "many")
    assert (raised.value.code, raised.value.chaincode_status) == ("UNKNOWN", 500)
    assert "takes 2 positional arguments but 4 were given" in (raised.value.chaincode_message or "")


async def test_submit_fails_with_wrong_chaincode_name(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, "nowhere").submit("put", "a", "b")
    assert raised.value.code == "FAILED_PRECONDITION"
    assert raised.value.message == (
        "no combination of peers can be derived which satisfy the endorsement policy: "
        f"No metadata was found for chaincode nowhere in channel {ledger.channel}"
    )


async def test_submit_to_given_organisations_fails_with_wrong_chaincode_name(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, "nowhere").submit("put", endorsing_organizations=[ORG1, ORG3])
    assert raised.value.code == "UNAVAILABLE"
    assert raised.value.message == f"failed to find any endorsing peers for org(s): {ORG1}, {ORG3}"


@pytest.mark.parametrize("transient", [{}, {"secret": b"x"}])
async def test_evaluate_fails_with_wrong_chaincode_name(ledger: ScenarioLedger, transient: dict[str, bytes]) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, "nowhere").evaluate("get", transient=transient)
    assert raised.value.code == "FAILED_PRECONDITION"
    words = f"no peers available to evaluate chaincode nowhere in channel {ledger.channel}"
    protected = (
        "no endorsers found in the gateway's organization; retry specifying target organization(s) "
        "to protect transient data: "
    )
    assert raised.value.message == (protected if transient else "") + words


async def test_submit_fails_with_wrong_transaction_name(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, BASIC).submit("nothing")
    assert (raised.value.code, raised.value.chaincode_message) == ("ABORTED", "no function nothing")


async def test_evaluate_that_crashes_the_chaincode(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, ERRORS)
        with pytest.raises(EvaluateError) as raised:
            await contract.evaluate("crash")
        assert raised.value.chaincode_message == "chaincode raised SystemExit: 3"
        assert await contract.evaluate("fail_at") == b"agreed"  # it lives on


async def test_evaluate_fails_with_a_signer_from_an_unauthorised_msp(ledger: ScenarioLedger) -> None:
    address, tls_ca_pem = ledger.address(ORG1)
    stranger = CertificateAuthority.create("Org9MSP").issue("eve", role="client")
    identity = Identity("Org9MSP", stranger.certificate_pem)
    signer = private_key_signer(ec.generate_private_key(ec.SECP256R1()))
    async with Gateway.connect(address, tls_ca=tls_ca_pem, identity=identity, signer=signer) as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("echo", "conga")
    assert raised.value.code == "FAILED_PRECONDITION"
    denied = f"access denied: channel [{ledger.channel}] creator org unknown, creator is malformed"
    assert raised.value.message == f"evaluate call to endorser returned error: error validating proposal: {denied}"


async def test_evaluate_fails_with_a_certificate_that_the_organisation_did_not_issue(ledger: ScenarioLedger) -> None:
    address, tls_ca_pem = ledger.address(ORG1)
    key = ec.generate_private_key(ec.SECP256R1())
    issued = CertificateAuthority.create(ORG1).issue_for(key.public_key(), "eve", role="client")
    identity = Identity(ORG1, issued)
    async with Gateway.connect(
        address, tls_ca=tls_ca_pem, identity=identity, signer=private_key_signer(key)
    ) as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("echo", "conga")
    assert raised.value.code == "FAILED_PRECONDITION"
    denied = f"access denied: channel [{ledger.channel}] creator org unknown, creator is malformed"
    assert raised.value.details[0].message == f"error validating proposal: {denied}"


async def test_everything_is_denied_to_a_signer_without_the_identitys_key(ledger: ScenarioLedger) -> None:
    address, tls_ca_pem = ledger.address(ORG1)
    identity, _ = ledger.user(ORG1)
    signer = private_key_signer(ec.generate_private_key(ec.SECP256R1()))
    async with Gateway.connect(address, tls_ca=tls_ca_pem, identity=identity, signer=signer) as gateway:
        contract = ledger.contract(gateway, BASIC)
        network = gateway.network(ledger.channel)
        with pytest.raises(EvaluateError) as evaluated:
            await contract.evaluate("echo", "conga")
        with pytest.raises(EndorseError) as endorsed:
            await contract.submit("echo", "conga")
        with pytest.raises(CommitStatusError) as asked:
            await network.commit("00" * 32).status()
        with pytest.raises(EventStreamError) as blocks:
            await anext(network.block_events())
        with pytest.raises(EventStreamError) as events:
            await anext(network.chaincode_events(BASIC))
    assert (evaluated.value.code, endorsed.value.code) == ("FAILED_PRECONDITION", "ABORTED")
    assert {asked.value.code, blocks.value.code, events.value.code} == {"PERMISSION_DENIED"}
    assert endorsed.value.details[0].message == (
        f"error validating proposal: access denied: channel [{ledger.channel}] creator org [{ORG1}]"
    )


async def test_everything_fails_with_wrong_channel_name(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        network = gateway.network("elsewhere")
        contract = network.contract(BASIC)
        with pytest.raises(EvaluateError) as evaluated:
            await contract.evaluate("echo", "conga")
        with pytest.raises(EndorseError) as planned:
            await contract.submit("echo", "conga")
        with pytest.raises(EndorseError) as given:
            await contract.submit("echo", "conga", endorsing_organizations=[ORG1])
        with pytest.raises(CommitStatusError) as asked:
            await network.commit("00" * 32).status()
        with pytest.raises(EventStreamError) as events:
            await anext(network.chaincode_events(BASIC))
        with pytest.raises(EventStreamError) as blocks:
            await anext(network.block_events())
    no_config = "failed to get config for channel [elsewhere]: could not get last config for channel elsewhere"
    no_metadata = "No metadata was found for chaincode basic in channel elsewhere"
    no_combination = f"no combination of peers can be derived which satisfy the endorsement policy: {no_metadata}"
    no_peers = f"failed to find any endorsing peers for org(s): {ORG1}"
    no_policies = "Failed to get policy manager for channel [elsewhere]"
    assert [(each.value.code, each.value.message) for each in (evaluated, planned, given, asked, events)] == [
        ("UNAVAILABLE", no_config),
        ("FAILED_PRECONDITION", no_combination),
        ("UNAVAILABLE", no_peers),
        ("PERMISSION_DENIED", no_policies),
        ("PERMISSION_DENIED", no_policies),
    ]
    assert blocks.value.code == "NOT_FOUND"


async def test_org3_fails_to_evaluate(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, ERRORS).evaluate("fail_at", ORG3, endorsing_organizations=[ORG3])
    words = f"chaincode response 500, {ORG3} refuses to endorse this"
    assert raised.value.code == "UNKNOWN"
    assert raised.value.message == f"evaluate call to endorser returned error: {words}"
    assert [(detail.msp_id, detail.message) for detail in raised.value.details] == [(ORG3, words)]


@pytest.mark.parametrize("failing", [(ORG3,), (ORG2, ORG3)])
async def test_some_fail_to_endorse(ledger: ScenarioLedger, failing: tuple[str, ...]) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, ERRORS).submit(
                "fail_at", *failing, endorsing_organizations=[ORG1, ORG2, ORG3]
            )
    assert raised.value.code == "ABORTED"
    assert raised.value.message == (
        "failed to collect enough transaction endorsements, see attached details for more info"
    )
    assert {detail.msp_id: detail.message for detail in raised.value.details} == {
        msp_id: f"chaincode response 500, {msp_id} refuses to endorse this" for msp_id in failing
    }


async def test_another_organisation_endorses_where_one_fails(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        for failing in (ORG2, ORG3):
            assert await ledger.contract(gateway, ERRORS).submit("fail_at", failing) == b"agreed"


async def test_the_first_endorser_fails(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, ERRORS).submit("fail_at", *ORGANISATIONS)
    assert raised.value.code == "ABORTED"
    assert raised.value.message == "failed to endorse transaction, see attached details for more info"
    assert [detail.msp_id for detail in raised.value.details] == [ORG1]


async def test_submit_a_nondeterministic_transaction(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EndorseError) as raised:
            await ledger.contract(gateway, ERRORS).submit("nondeterministic")
    assert raised.value.code == "ABORTED"
    assert {detail.message for detail in raised.value.details} == {"ProposalResponsePayloads do not match"}


async def test_of_concurrent_changes_of_a_key_one_is_valid(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, OPEN)  # one endorser: two may be a block apart, and answer differently
        await contract.submit("put", key, "0")
        transactions = await asyncio.gather(*(contract.proposal("add", key, "1").endorse() for _ in range(5)))
        commits = [await transaction.submit() for transaction in transactions]
        codes = [(await commit.status()).code_name for commit in commits]
        assert sorted(codes) == ["MVCC_READ_CONFLICT"] * 4 + ["VALID"]
        assert await contract.evaluate("get", key) == b"1"
