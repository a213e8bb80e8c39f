"""What contracts can do beside the features: calls, several keys, pages, queries."""

import pytest

from aiofabric.errors import EvaluateError
from support.scenario_ledger import BASIC, ERRORS, ORG1, ScenarioLedger


async def call(ledger: ScenarioLedger, *args: str) -> str:
    async with ledger.gateway() as gateway:
        return (await ledger.contract(gateway, BASIC).submit("call", *args)).decode()


async def failed_call(ledger: ScenarioLedger, *args: str) -> str:
    """Return why a call was refused, without the transaction's id."""
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("call", *args)
    words = raised.value.chaincode_message or ""
    assert words.startswith("chaincode raised PeerError: INVOKE_CHAINCODE failed: transaction ID: ")
    return words.removeprefix("chaincode raised PeerError: INVOKE_CHAINCODE failed: transaction ID: ")[66:]


async def test_a_call_of_another_chaincode_is_part_of_the_transaction(ledger: ScenarioLedger) -> None:
    assert await call(ledger, ERRORS, "fail_at") == "200||agreed"
    assert await call(ledger, f"{ERRORS}/{ledger.channel}", "fail_at") == "200||agreed"


async def test_a_call_that_fails_is_an_answer(ledger: ScenarioLedger) -> None:
    assert await call(ledger, ERRORS, "nothing") == "400|no function nothing|"
    assert await call(ledger, ERRORS, "crash") == "500|chaincode raised SystemExit: 3|"


async def test_a_chaincode_cannot_call_itself(ledger: ScenarioLedger) -> None:
    words = await failed_call(ledger, BASIC, "echo", "x")
    assert words.startswith("execute failed: error sending: txid: ")
    assert words.endswith(f"({ledger.channel}) exists")


async def test_a_call_of_what_is_not_there(ledger: ScenarioLedger) -> None:
    assert await failed_call(ledger, "nowhere", "x") == (
        f"execute failed: invalid invocation: [channel {ledger.channel}] failed to get chaincode container info for "
        "nowhere: chaincode nowhere not found"
    )
    unknown = await failed_call(ledger, f"{ERRORS}/elsewhere", "fail_at")
    assert unknown == "Failed to get policy manager for channel [elsewhere]"


async def test_several_keys_at_once(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        await contract.submit("put", key, "x")
        assert await contract.evaluate("get_many", key, f"{key}-absent", key) == b"x,-,x"


async def test_pages_of_composite_keys(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        for number in range(3):
            await contract.submit("put_composite", "thing", key, str(number))
        found, bookmark = (await contract.evaluate("page", "thing", key, "2", "")).decode().split("\n")
        assert found == f"{key}/0,{key}/1"
        assert await contract.evaluate("page", "thing", key, "2", bookmark) == f"{key}/2\n".encode()


async def test_rich_queries_need_another_database(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        with pytest.raises(EvaluateError) as raised:
            await ledger.contract(gateway, BASIC).evaluate("search", "{}")
    assert (raised.value.chaincode_message or "").endswith("ExecuteQuery not supported for leveldb")


async def test_the_caller_is_known(ledger: ScenarioLedger) -> None:
    async with ledger.gateway() as gateway:
        assert await ledger.contract(gateway, BASIC).evaluate("caller") == ORG1.encode()
