"""What the projection reads of real blocks, and what of them it need not be able to read."""

import hashlib

import pytest
from fabric_protos.common import common_pb2

from support.recorded import LEDGERS, read
from wayproof.projected import ProjectionError, read_block

CONTRACT, LIFECYCLE = "wayproof", "_lifecycle"
UNKNOWN_FIELD = b"\xfa\x3e\x01x"
"""A field that no version of Fabric has; peers call a transaction with it valid (tests/fabric/test_refusals.py)."""


@pytest.mark.parametrize("ledger", LEDGERS)
def test_every_recorded_block_is_read(ledger: str) -> None:
    blocks = [read_block(block, contract=CONTRACT) for block in read(ledger).blocks]
    assert sum(len(block.transactions) for block in blocks) > 10
    configs = [block.number for block in blocks if block.has_config]
    assert (configs[0], len(configs)) == (0, 1 if ledger == "embedded" else 3)
    codes = {code for block in read(ledger).blocks for code in _codes(block)}
    assert (codes == {0}) == (ledger == "embedded")


def test_another_contracts_transaction_may_be_written_in_any_way() -> None:
    """Else any member of the channel could stop everybody's projection."""
    bent = _bent(_first(LIFECYCLE))
    assert read_block(bent, contract=CONTRACT).transactions == ()
    with pytest.raises(ProjectionError, match="cannot be read strictly"):
        read_block(bent, contract=LIFECYCLE)


def test_our_contracts_transactions_are_read_strictly() -> None:
    block = _first(CONTRACT)
    assert len(read_block(block, contract=CONTRACT).transactions) == 1
    with pytest.raises(ProjectionError, match="cannot be read strictly"):
        read_block(_bent(block), contract=CONTRACT)


def _first(contract: str) -> bytes:
    blocks = read("raft").blocks
    return next(block for block in blocks if read_block(block, contract=contract).transactions)


def _bent(data: bytes) -> bytes:
    """Add a field to the first transaction, and let the header fit."""
    block = common_pb2.Block.FromString(data)
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    envelope.payload += UNKNOWN_FIELD
    block.data.data[0] = envelope.SerializeToString()
    block.header.data_hash = hashlib.sha256(b"".join(block.data.data)).digest()
    bent: bytes = block.SerializeToString()
    return bent


def _codes(data: bytes) -> bytes:
    codes: bytes = common_pb2.Block.FromString(data).metadata.metadata[2]
    return codes
