"""A recorded channel as the verifier sees it: signed parts of its blocks, its configurations, its transactions."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from fabric_protos.common import common_pb2

from aiofabric.blocks import signed_part
from support import recorded
from support.recorded import Recorded
from wayproof_verifier.fabric import block as blocks
from wayproof_verifier.fabric.chain import ConfigChain, read_config_chain
from wayproof_verifier.fabric.transaction import Transaction, read_transaction

CONFIG, ENDORSER_TRANSACTION = 1, 3


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction, where it stands, and what the peer said of it (`TxValidationCode`)."""

    transaction: Transaction
    envelope: bytes
    block: int
    code: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A recording, read."""

    recorded: Recorded
    parts: tuple[bytes, ...]
    config_numbers: tuple[int, ...]
    chain: ConfigChain

    def config_parts(self) -> list[bytes]:
        return [self.parts[number] for number in self.config_numbers]

    def read_chain(self, parts: list[bytes], *, genesis: bytes | None = None) -> ConfigChain:
        trust = self.recorded.trust
        return read_config_chain(parts, channel_id=trust.channel, genesis_hash=genesis or trust.genesis)

    def block(self, number: int) -> blocks.Block:
        return blocks.read_block(self.parts[number])

    def transactions(self) -> Iterator[Committed]:
        for block in map(common_pb2.Block.FromString, self.recorded.blocks):
            for envelope, code in zip(block.data.data, block.metadata.metadata[2], strict=True):
                if _kind(envelope) == ENDORSER_TRANSACTION:
                    yield Committed(read_transaction(envelope), envelope, block.header.number, code)


@cache
def channel(ledger: str) -> Channel:
    """Read a recording once."""
    read = recorded.read(ledger)
    parts = tuple(map(signed_part, read.blocks))
    numbers = [common_pb2.Block.FromString(block) for block in read.blocks]
    config_numbers = tuple(block.header.number for block in numbers if _kind(block.data.data[0]) == CONFIG)
    chain = read_config_chain(
        [parts[number] for number in config_numbers], channel_id=read.trust.channel, genesis_hash=read.trust.genesis
    )
    return Channel(read, parts, config_numbers, chain)


def _kind(envelope: bytes) -> int:
    header = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload).header
    kind: int = common_pb2.ChannelHeader.FromString(header.channel_header).type
    return kind
