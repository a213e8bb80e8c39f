"""Feature: chaincode events."""

import asyncio
from pathlib import Path

import pytest

from aiofabric.errors import CommitError
from aiofabric.gateway import ChaincodeEvent, Contract, EventStream, FileCheckpointer, Gateway, Position
from support.scenario_ledger import BASIC, ORG2, ScenarioLedger

WAIT_S = 60


async def take(stream: EventStream[ChaincodeEvent], count: int) -> list[str]:
    async with asyncio.timeout(WAIT_S):
        return [(await anext(stream)).payload.decode() for _ in range(count)]


async def emit(contract: Contract, *payloads: str) -> int:
    """Submit a transaction with an event for each payload, one after the other; return the first one's block."""
    blocks = []
    for payload in payloads:
        commit = await contract.submit_async("event", "Said", payload)
        blocks.append((await commit.status()).block_number)
    return blocks[0]


def events(ledger: ScenarioLedger, gateway: Gateway, start: int | None = None) -> EventStream[ChaincodeEvent]:
    return gateway.network(ledger.channel).chaincode_events(BASIC, start_block=start)


async def test_receive(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        first = await emit(contract, f"{key}-0")
        async with events(ledger, gateway, first) as stream:
            assert await take(stream, 1) == [f"{key}-0"]
            await emit(contract, f"{key}-1")
            event = await asyncio.wait_for(anext(stream), WAIT_S)
    assert (event.event_name, event.payload) == ("Said", f"{key}-1".encode())
    assert event.chaincode_name == BASIC
    assert event.block_number > first


async def test_replay_and_restart_after_closing(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        first = await emit(ledger.contract(gateway, BASIC), f"{key}-0", f"{key}-1")
        for _ in range(2):
            async with events(ledger, gateway, first) as stream:
                assert await take(stream, 2) == [f"{key}-0", f"{key}-1"]


async def test_closing_one_does_not_interrupt_the_others(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        first = await emit(contract, f"{key}-0")
        closed, other = (events(ledger, gateway, first) for _ in range(2))
        await take(closed, 1)
        closed.close()
        await emit(contract, f"{key}-1")
        async with other:
            assert await take(other, 2) == [f"{key}-0", f"{key}-1"]


async def test_after_a_transaction(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        commit = await contract.submit_async("event", "Said", f"{key}-0")
        block = (await commit.status()).block_number
        await emit(contract, f"{key}-1")
        async with gateway.network(ledger.channel).chaincode_events(
            BASIC, start_block=block, after_transaction_id=commit.transaction_id
        ) as stream:
            assert await take(stream, 1) == [f"{key}-1"]


async def test_a_checkpoint(ledger: ScenarioLedger, key: str, tmp_path: Path) -> None:
    payloads = [f"{key}-{index}" for index in range(6)]
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        network = gateway.network(ledger.channel)
        first = await emit(contract, payloads[0])
        await asyncio.gather(*(emit(contract, payload) for payload in payloads[1:]))
        seen: list[str] = []
        while len(seen) < len(payloads):  # a reader that is stopped after each event, in the middle of blocks
            checkpointer = FileCheckpointer(tmp_path / "checkpoint.json")
            stream = network.chaincode_events(BASIC, start_block=first, checkpoint=checkpointer)
            async with stream:
                event = await asyncio.wait_for(anext(stream), WAIT_S)
                seen.append(event.payload.decode())
                await checkpointer.checkpoint_chaincode_event(event)
    assert sorted(seen) == payloads


async def test_events_of_invalid_transactions_are_not_seen(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        first = await emit(contract, f"{key}-0")
        with pytest.raises(CommitError):
            await contract.submit("event", "Said", f"{key}-invalid", endorsing_organizations=[ORG2])
        await emit(contract, f"{key}-1")
        async with events(ledger, gateway, first) as stream:
            assert await take(stream, 2) == [f"{key}-0", f"{key}-1"]


async def test_a_checkpoint_at_a_transaction_without_an_event_is_not_silent(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        contract = ledger.contract(gateway, BASIC)
        network = gateway.network(ledger.channel)
        first = await emit(contract, f"{key}-0")
        commit = await contract.submit_async("put", key, "x")
        position = Position((await commit.status()).block_number, commit.transaction_id)
        await emit(contract, f"{key}-1")
        async with network.chaincode_events(BASIC, start_block=first, checkpoint=position) as stream:
            assert await take(stream, 1) == [f"{key}-1"]
        async with network.chaincode_events_request(BASIC, checkpoint=position).events() as stream:
            with pytest.raises(TimeoutError):  # what the peer itself does: nothing, for ever
                await asyncio.wait_for(anext(stream), 0.5)
