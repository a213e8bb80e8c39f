"""What the contract wrote, in the ledger's order: read from blocks with the verifier's strict reader.

Evidence needs, for every record it shows, the transaction that wrote it and its place in the ledger's order. A
history is rebuilt from blocks, from the genesis block on, and never edited.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wayproof.errors import EvidenceError
from wayproof_contract import canonical
from wayproof_verifier.fabric.messages import Block, ChannelHeader, Envelope, Payload
from wayproof_verifier.fabric.transaction import read_transaction

Record = dict[str, Any]
Version = tuple[int, int]
"""`(block number, index in the block)`: where a transaction stands in the ledger's order."""

CONFIG = 1
ENDORSER_TRANSACTION = 3
TRANSACTIONS_FILTER = 2
VALID = 0


@dataclass(frozen=True, slots=True)
class Written:
    """One valid write of a key."""

    key: str
    version: Version
    tx_id: str
    value: bytes

    def record(self) -> Record:
        """Return the value decoded: every value of the contract is a canonical object."""
        return canonical.decode_object(self.value)


@dataclass(slots=True)
class LedgerHistory:
    """All valid writes of one contract on one channel, up to a height.

    Attributes:
        contract: the contract whose writes are kept.
        height: number of blocks taken in; the last one is `height - 1`.
        config_blocks: numbers of the config blocks, the genesis block first.
    """

    contract: str
    height: int = 0
    config_blocks: list[int] = field(default_factory=list)
    _writes: dict[str, list[Written]] = field(default_factory=dict)
    _envelopes: dict[str, tuple[Version, bytes]] = field(default_factory=dict)

    def add_block(self, data: bytes) -> None:
        """Take in the next block, as `common.Block` bytes with the peer's validation codes."""
        block = Block.read(data)
        if block.header is None or block.data is None or block.metadata is None:
            raise EvidenceError("a block without header, data or metadata; read it from the ledger again")
        if block.header.number != self.height:
            raise EvidenceError(f"block {block.header.number} where block {self.height} comes next; read on from there")
        codes = block.metadata.metadata[TRANSACTIONS_FILTER] or bytes(len(block.data.data))
        for index, envelope in enumerate(block.data.data):
            if codes[index] == VALID:
                self._add_envelope(envelope, version=(self.height, index))
        self.height += 1

    def _add_envelope(self, envelope: bytes, *, version: Version) -> None:
        kind = _header_type(envelope)
        if kind == CONFIG:
            self.config_blocks.append(version[0])
        if kind != ENDORSER_TRANSACTION:
            return
        transaction = read_transaction(envelope)
        if transaction.chaincode != self.contract:
            return
        self._envelopes[transaction.tx_id] = (version, envelope)
        for key, value in transaction.writes.items():
            if value is not None:
                self._writes.setdefault(key, []).append(Written(key, version, transaction.tx_id, value))

    def latest(self, key: str) -> Written:
        """Return the last write of a key. Raises EvidenceError if there is none."""
        if key not in self._writes:
            raise EvidenceError(f"the ledger has no record {key}", code="record_not_found")
        return self._writes[key][-1]

    def numbered(self, prefix: str) -> Iterator[Written]:
        """Yield the writes of `prefix` with numbers appended, in key order: events, or the anchors of an epoch."""
        for key in sorted(key for key in self._writes if key.startswith(prefix)):
            yield self._writes[key][-1]

    def transaction(self, tx_id: str) -> tuple[Version, bytes]:
        """Return place and envelope of a valid transaction of the contract."""
        return self._envelopes[tx_id]


def _header_type(envelope: bytes) -> int:
    payload = Payload.read(Envelope.read(envelope).payload)
    if payload.header is None:
        raise EvidenceError("an envelope without a header; read the block from the ledger again")
    return ChannelHeader.read(payload.header.channel_header).type
