"""Feature: block events, each for blocks, filtered blocks, and blocks with private data."""

import asyncio

import pytest

from aiofabric.gateway import Gateway, InMemoryCheckpointer
from aiofabric.gateway.checkpoint import Checkpoint
from aiofabric.gateway.connection import Message
from support.block_items import block_number
from support.scenario_ledger import BASIC, ScenarioLedger

WAIT_S = 60
KINDS = ["block_events", "filtered_block_events", "block_and_private_data_events"]


def transaction_ids(item: Message) -> list[str]:
    return [transaction.txid for transaction in item.filtered_transactions]


class Reader:
    """Reads blocks of one kind through one gateway."""

    def __init__(self, ledger: ScenarioLedger, gateway: Gateway, *, kind: str) -> None:
        self.kind = kind
        self.network = gateway.network(ledger.channel)
        self.contract = ledger.contract(gateway, BASIC)

    async def emit(self, key: str) -> int:
        """Commit a transaction and return its block."""
        commit = await self.contract.submit_async("event", "Said", key)
        return (await commit.status()).block_number

    def open(self, start: int | None, checkpoint: Checkpoint | None = None) -> Message:
        return getattr(self.network, self.kind)(start_block=start, checkpoint=checkpoint)

    async def next_number(self, stream: Message) -> int:
        return block_number(self.kind, await asyncio.wait_for(anext(stream), WAIT_S))

    async def numbers(self, count: int, start: int | None, checkpoint: Checkpoint | None = None) -> list[int]:
        async with self.open(start, checkpoint) as stream:
            return [await self.next_number(stream) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
class TestBlockEvents:
    async def test_receive(self, ledger: ScenarioLedger, key: str, kind: str) -> None:
        async with ledger.gateway() as gateway:
            reader = Reader(ledger, gateway, kind=kind)
            first = await reader.emit(key)
            async with reader.open(first) as stream:
                assert await reader.next_number(stream) == first
                later = await reader.emit(key)
                while (found := await reader.next_number(stream)) < later:
                    assert found > first

    async def test_replay_and_restart_after_closing(self, ledger: ScenarioLedger, key: str, kind: str) -> None:
        async with ledger.gateway() as gateway:
            reader = Reader(ledger, gateway, kind=kind)
            await reader.emit(key)
            for _ in range(2):
                assert await reader.numbers(2, start=0) == [0, 1]

    async def test_closing_one_does_not_interrupt_the_others(self, ledger: ScenarioLedger, key: str, kind: str) -> None:
        async with ledger.gateway() as gateway:
            reader = Reader(ledger, gateway, kind=kind)
            first = await reader.emit(key)
            closed, other = reader.open(first), reader.open(first)
            await reader.next_number(closed)
            closed.close()
            await reader.emit(key)
            async with other:
                assert [await reader.next_number(other) for _ in range(2)] == [first, first + 1]

    async def test_a_checkpoint(self, ledger: ScenarioLedger, key: str, kind: str) -> None:
        async with ledger.gateway() as gateway:
            reader = Reader(ledger, gateway, kind=kind)
            first = await reader.emit(key)
            for _ in range(2):
                await reader.emit(key)
            checkpointer = InMemoryCheckpointer()
            await checkpointer.checkpoint_block(first)
            assert await reader.numbers(2, start=0, checkpoint=checkpointer) == [first + 1, first + 2]


async def test_a_filtered_block_names_transactions_and_their_events(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        commit = await ledger.contract(gateway, BASIC).submit_async("event", "Said", key)
        status = await commit.status()
        async with gateway.network(ledger.channel).filtered_block_events(start_block=status.block_number) as stream:
            block = await asyncio.wait_for(anext(stream), WAIT_S)
    position = transaction_ids(block).index(status.transaction_id)
    transaction = block.filtered_transactions[position]
    (action,) = transaction.transaction_actions.chaincode_actions
    assert (transaction.tx_validation_code, action.chaincode_event.event_name) == (0, "Said")
    assert key.encode() not in block.SerializeToString()


async def test_the_newest_block(ledger: ScenarioLedger, key: str) -> None:
    async with ledger.gateway() as gateway:
        reader = Reader(ledger, gateway, kind="block_events")
        last = await reader.emit(key)
        assert (await reader.network.newest_block()).header.number >= last
