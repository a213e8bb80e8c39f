"""Feature: transactions."""

import pytest

from aiofabric.errors import EndorseError, EvaluateError
from support.scenario_ledger import BASIC, ORG1, ORG2, ScenarioLedger


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
