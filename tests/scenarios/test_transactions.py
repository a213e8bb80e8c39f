"""Feature: transactions."""

import asyncio

import pytest
from fabric_protos.ledger.rwset import rwset_pb2

from aiofabric.errors import CommitError, CommitStatusError, EndorseError, EvaluateError, UnknownOutcomeError
from support.scenario_ledger import BASIC, OPEN, ORG1, ORG2, ScenarioLedger


async def test_evaluate_with_result(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        assert await ledger.contract(gateway, BASIC).evaluate("echo", "conga") == b"conga"


async def test_submit_with_result(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        assert await ledger.contract(gateway, BASIC).submit("echo", "conga") == b"conga"


async def test_update_ledger(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await contract.submit("put", key, "conga")
        assert await contract.evaluate("get", key) == b"conga"


async def test_transient_data(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        transient = {"secret": b"conga"}
        assert await contract.evaluate("echo_transient", "secret", transient=transient) == b"conga"
        assert await contract.submit("echo_transient", "secret", transient=transient) == b"conga"


async def test_evaluate_with_error_response(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("fail", "as asked")
    assert (raised.value.code, raised.value.chaincode_status) == ("UNKNOWN", 409)
    assert raised.value.chaincode_message == "as asked"
    assert [detail.msp_id for detail in raised.value.details] == [ORG1]


async def test_submit_with_error_response(ledger: ScenarioLedger) -> None:
    async with ledger.gateway(ORG2) as gateway:
        contract = ledger.contract(gateway, BASIC)
        with pytest.raises(EndorseError) as raised:
            await contract.submit("fail", "as asked")
        assert (raised.value.code, raised.value.chaincode_status) == ("ABORTED", 409)
        assert [(detail.msp_id, detail.message) for detail in raised.value.details] == [
            (ORG2, "chaincode response 409, as asked")
        ]
        with pytest.raises(EvaluateError):  # what it wrote before it failed is not there
            await contract.evaluate("get", "failed")


async def test_submit_async_answers_before_the_commit(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        commit = await ledger.contract(gateway, BASIC).submit_async("put", key, "x")
        assert commit.result == b"x"
        status = await commit.status()
        assert status.successful
        assert status.transaction_id == commit.transaction_id
        assert status.block_number > 0
        assert await commit.status() == status


async def test_transient_data_are_in_no_block(ledger: ScenarioLedger, key: str) -> None:
    secret = f"nobody sees {key}".encode()
    async with ledger.gateway() as gateway:
        proposal = ledger.contract(gateway, BASIC).proposal("measure_transient", key, transient={"secret": secret})
        status = await (await (await proposal.endorse()).submit()).status()
        async with gateway.network(ledger.channel).block_events(start_block=status.block_number) as blocks:
            block = (await anext(blocks)).SerializeToString()
    assert key.encode() in block
    assert secret not in block


async def test_many_at_once_over_one_connection(ledger: ScenarioLedger, key: str) -> None:
    keys = [f"{key}-{index}" for index in range(100)]
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        assert await asyncio.gather(*(contract.submit("put", each, each) for each in keys)) == [
            each.encode() for each in keys
        ]


async def test_endorsed_state_is_had_without_submitting(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, OPEN)  # one endorser: another may not have the block yet
        await contract.submit("put", key, "state")
        transaction = await contract.proposal("get", key).endorse()
    assert transaction.result == b"state"
    namespaces = [entry.namespace for entry in rwset_pb2.TxReadWriteSet.FromString(transaction.read_write_set).ns_rwset]
    assert OPEN in namespaces


async def test_conflicts_are_raised_or_tried_again(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, OPEN)  # one endorser: two may be a block apart, and answer differently
        results = await asyncio.gather(*(contract.submit("add", key, "1") for _ in range(10)), return_exceptions=True)
        conflicts = [result for result in results if isinstance(result, CommitError)]
        assert conflicts
        assert len(conflicts) < len(results)
        assert all(conflict.is_retryable for conflict in conflicts)
        await asyncio.gather(*(contract.submit("add", key, "1", attempts=50) for _ in conflicts))
        assert await contract.evaluate("get", key) == str(len(results)).encode()


async def test_the_same_transaction_twice_commits_once(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        transaction = await contract.proposal("add", key, "1").endorse()
        first = await (await transaction.submit()).status()
        try:
            again = await (await transaction.submit()).status()
        except UnknownOutcomeError as error:  # BFT orderers do not take it twice, and cannot say why
            again = await error.commit.status()
        assert first == again
        assert await contract.evaluate("get", key) == b"1"


async def test_the_status_of_an_unknown_transaction_is_waited_for(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(CommitStatusError) as raised:
            await gateway.network(ledger.channel).commit("ab" * 32).status(timeout_s=0.3)
    assert raised.value.code == "DEADLINE_EXCEEDED"
