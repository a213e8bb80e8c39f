"""Feature: offline signing."""

import pytest

from aiofabric.errors import EventStreamError, UnsignedError
from support.block_items import block_number
from support.scenario_ledger import BASIC, ORG1, ScenarioLedger


async def test_evaluate_fails_without_signing(ledger: ScenarioLedger) -> None:
    async with ledger.gateway(signed=False) as gateway:
        with pytest.raises(UnsignedError):
            await ledger.contract(gateway, BASIC).evaluate("echo", "conga")


async def test_evaluate_succeeds_with_offline_signing(ledger: ScenarioLedger) -> None:
    _, sign = ledger.user(ORG1)
    async with ledger.gateway(signed=False) as gateway:
        proposal = ledger.contract(gateway, BASIC).proposal("echo", "conga")
        assert await gateway.signed_proposal(proposal.bytes, sign(proposal.message)).evaluate() == b"conga"


async def test_submit_fails_without_signing(ledger: ScenarioLedger) -> None:
    async with ledger.gateway(signed=False) as gateway:
        with pytest.raises(UnsignedError):
            await ledger.contract(gateway, BASIC).submit("echo", "conga")


async def test_submit_succeeds_with_offline_signing(ledger: ScenarioLedger, key: str) -> None:
    _, sign = ledger.user(ORG1)
    async with ledger.gateway(signed=False) as gateway:
        contract = ledger.contract(gateway, BASIC)
        unsigned = contract.proposal("put", key, "conga")
        proposal = gateway.signed_proposal(unsigned.bytes, sign(unsigned.message))
        endorsed = await proposal.endorse()
        transaction = gateway.signed_transaction(endorsed.bytes, sign(endorsed.message))
        submitted = await transaction.submit()
        commit = gateway.signed_commit(submitted.bytes, sign(submitted.message))
        assert (await commit.status()).successful
        assert transaction.result == b"conga"


async def test_events_with_offline_signing(ledger: ScenarioLedger, key: str) -> None:
    _, sign = ledger.user(ORG1)
    async with ledger.gateway() as gateway:
        commit = await ledger.contract(gateway, BASIC).submit_async("event", "Said", key)
        block = (await commit.status()).block_number
    async with ledger.gateway(signed=False) as gateway:
        request = gateway.network(ledger.channel).chaincode_events_request(BASIC, start_block=block)
        signed = gateway.signed_chaincode_events_request(request.bytes, sign(request.message))
        async with signed.events() as events:
            assert (await anext(events)).payload == key.encode()


@pytest.mark.parametrize("kind", ["block_events", "filtered_block_events", "block_and_private_data_events"])
async def test_blocks_with_offline_signing(ledger: ScenarioLedger, kind: str) -> None:
    _, sign = ledger.user(ORG1)
    async with ledger.gateway(signed=False) as gateway:
        request = getattr(gateway.network(ledger.channel), f"{kind}_request")(start_block=0)
        with pytest.raises(UnsignedError):
            request.events()
        rebuild = getattr(gateway, f"signed_{kind}_request")
        async with rebuild(request.bytes, sign(request.message)).events() as stream:
            assert block_number(kind, await anext(stream)) == 0
        with pytest.raises(EventStreamError) as raised:
            await anext(rebuild(request.bytes, sign(b"something else")).events())
    assert raised.value.code == "PERMISSION_DENIED"
