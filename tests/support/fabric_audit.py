"""What a real Fabric network's blocks say, compared with what its clients were told.

Everything is read from the peers again: blocks from the first one on, and the history of each request's key.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabric_protos.common import common_pb2

from aiofabric.gateway import Contract, Gateway
from support.fabric_journal import VALID, Request, entries, requests
from support.fabric_network import CHAINCODE, FabricNetwork
from wayproof_verifier.fabric.block import data_hash, header_hash
from wayproof_verifier.fabric.messages import BlockHeader
from wayproof_verifier.fabric.transaction import read_transaction

TRANSACTION_FILTER = 2
"""The metadata slot with one validation code for each transaction (common.BlockMetadataIndex)."""

AT_ONCE = 50
"""Questions about histories under way together."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction in a block."""

    block: int
    code: int
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """What one peer has: the hash of each block's header, and every transaction's place by id."""

    hashes: tuple[bytes, ...]
    transactions: dict[str, list[Recorded]]


@dataclass(slots=True)
class Audit:
    """What was compared, and what is wrong: nothing, or the run has failed."""

    blocks: int = 0
    requests: int = 0
    conflicts: int = 0
    unknown: int = 0
    refused: int = 0
    reads: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, each valid once, in {self.blocks} blocks the same on all peers; "
            f"{self.conflicts} conflicts, {self.refused} refused, {self.unknown} outcomes unknown at first; "
            f"{self.reads} reads right, {self.unanswered} unanswered; {len(self.wrong)} wrong"
        )


async def chain_of(network: FabricNetwork, msp_id: str) -> Chain:
    """Read every block that an organisation's peer has, and check that each follows from the one before."""
    hashes: list[bytes] = []
    transactions: dict[str, list[Recorded]] = {}
    async with network.gateway(msp_id) as gateway:
        async for block in _blocks(gateway, network.channel):
            header = BlockHeader(block.header.number, block.header.previous_hash, block.header.data_hash)
            if header.number and header.previous_hash != hashes[-1]:
                raise AssertionError(f"{msp_id}: block {header.number} does not follow from the one before")
            if data_hash(block.data.data) != header.data_hash:
                raise AssertionError(f"{msp_id}: block {header.number} does not hold what its header says")
            hashes.append(header_hash(header))
            for tx_id, recorded in _transactions(block):
                transactions.setdefault(tx_id, []).append(recorded)
    return Chain(tuple(hashes), transactions)


async def _blocks(gateway: Gateway, channel: str) -> AsyncIterator[Any]:
    network = gateway.network(channel)
    newest = (await network.newest_block()).header.number
    async with network.block_events(start_block=0) as blocks:
        async for block in blocks:
            yield block
            if block.header.number == newest:
                return


def _transactions(block: Any) -> Iterator[tuple[str, Recorded]]:  # noqa: ANN401 - a common.Block
    codes = block.metadata.metadata[TRANSACTION_FILTER]
    for envelope, code in zip(block.data.data, codes, strict=True):
        if _kind(envelope) != common_pb2.ENDORSER_TRANSACTION:
            continue
        transaction = read_transaction(envelope)
        arguments = tuple(argument.decode("utf-8", "replace") for argument in transaction.args)
        yield transaction.tx_id, Recorded(block.header.number, code, arguments)


async def audit(network: FabricNetwork, journals: Iterable[Path], *, audited: set[str]) -> Audit:
    """Compare blocks, journals and state.

    Args:
        network: everything runs, and nobody works on it.
        journals: of all clients that ever worked on it.
        audited: names of requests whose history was looked at before; the new ones are added.
    """
    found = Audit()
    chains = [await chain_of(network, msp_id) for msp_id in network.network.organisations]
    if len({chain.hashes for chain in chains}) != 1 or any(chain != chains[0] for chain in chains):
        found.wrong.append("the peers do not have the same blocks with the same codes")
    found.blocks = len(chains[0].hashes)
    wanted = {name: request for journal in journals for name, request in requests(journal).items()}
    found.requests = len(wanted)
    found.wrong += against_blocks(wanted, chains[0])
    for journal in journals:
        _read_notes(found, journal)
    fresh = [request for name, request in wanted.items() if name not in audited]
    async with network.gateway() as gateway:
        contract = gateway.network(network.channel).contract(CHAINCODE)
        found.wrong += await _against_state(contract, wanted, fresh=fresh)
    audited.update(request.name for request in fresh)
    return found


def _kind(envelope: bytes) -> int:
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
    kind: int = common_pb2.ChannelHeader.FromString(payload.header.channel_header).type
    return kind


def against_blocks(wanted: dict[str, Request], chain: Chain) -> Iterator[str]:
    """Yield what journals and blocks do not agree on."""
    sent = {tx_id for request in wanted.values() for tx_id in request.sent}
    for tx_id, places in chain.transactions.items():
        if tx_id not in sent and places[0].arguments[0] in ("add", "append_once"):
            yield f"{tx_id} in block {places[0].block} was never sent, or was refused"
    for request in wanted.values():
        valid = [place for tx_id in request.sent for place in chain.transactions.get(tx_id, ()) if place.code == VALID]
        if len(valid) != 1 or not request.is_done:
            yield f"{request.name}: {len(valid)} valid transactions, told {request.told}"
        for tx_id, told in request.told.items():
            places = chain.transactions.get(tx_id, [])
            if not places or told != (places[0].code, places[0].block) or places[0].arguments != request.arguments:
                yield f"{request.name}: {tx_id} was told to be {told}, and is {places}"


def _read_notes(found: Audit, journal: Path) -> None:
    """Count a journal's notes, and judge its reads."""
    for entry in entries(journal):
        match entry:
            case {"kind": "told", "code": code, "was_unknown": was_unknown}:
                found.conflicts += code != VALID
                found.unknown += was_unknown
            case {"kind": "failed"}:
                found.refused += 1
            case {"kind": "unanswered"}:
                found.unanswered += 1
            case {"kind": "read", "value": value, "least": least, "most": most}:
                found.reads += 1
                if not least <= value <= most:
                    found.wrong.append(f"{journal.name}: read {value}, known {least}, asked for {most}")


async def _against_state(contract: Contract, wanted: dict[str, Request], *, fresh: list[Request]) -> list[str]:
    """Return which keys do not have one write in their history, or do not add up."""
    wrong = []
    remaining = iter([request.arguments[1] for request in fresh if request.arguments[0] == "append_once"])

    async def look() -> None:
        for key in remaining:
            history = await contract.evaluate("history", f"request/{key}")
            if history != b"x:False":
                wrong.append(f"{key} has the history {history!r}")

    await asyncio.gather(*(look() for _ in range(AT_ONCE)))
    counters = Counter(request.arguments[1] for request in wanted.values() if request.arguments[0] == "add")
    for key, total in counters.items():
        value = int(await contract.evaluate("get", key))
        if value != total:
            wrong.append(f"{key} is {value} after {total} additions")
    return wrong
