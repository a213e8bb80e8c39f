"""What the projection reads of real blocks, and what of them it need not be able to read."""

import hashlib
from collections.abc import Callable
from typing import Any

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


@pytest.mark.parametrize("contract", [LIFECYCLE, CONTRACT])
def test_a_transaction_that_its_client_wrote_as_nobody_does_stops_nothing(contract: str) -> None:
    """Peers take it: else any member of the channel could stop everybody's projection."""
    block = _first(contract)
    [(_, _, usual)] = read_block(block, contract=contract).transactions
    [(_, envelope, unusual)] = read_block(_bent(block), contract=contract).transactions
    assert unusual.unusual
    assert UNKNOWN_FIELD in envelope
    assert unusual.namespaces == usual.namespaces


def test_what_another_contracts_endorsers_signed_need_not_be_readable() -> None:
    damaged = _damaged(_first(LIFECYCLE))
    assert read_block(damaged, contract=CONTRACT).transactions == ()
    with pytest.raises(ProjectionError, match="cannot be read strictly"):
        read_block(damaged, contract=LIFECYCLE)


def _first(contract: str) -> bytes:
    blocks = read("raft").blocks
    return next(block for block in blocks if read_block(block, contract=contract).transactions)


def _bent(data: bytes) -> bytes:
    """Add a field to the first transaction."""

    def bend(envelope: Any) -> None:  # noqa: ANN401 - a protobuf message
        envelope.payload += UNKNOWN_FIELD

    return _changed(data, bend)


def _damaged(data: bytes) -> bytes:
    """Take the first transaction's action away, and leave its header."""

    def bend(envelope: Any) -> None:  # noqa: ANN401 - a protobuf message
        payload = common_pb2.Payload.FromString(envelope.payload)
        payload.data = b""
        envelope.payload = payload.SerializeToString()

    return _changed(data, bend)


def _changed(data: bytes, bend: Callable[[Any], None]) -> bytes:
    """Change the first transaction, and let the header fit."""
    block = common_pb2.Block.FromString(data)
    envelope = common_pb2.Envelope.FromString(block.data.data[0])
    bend(envelope)
    block.data.data[0] = envelope.SerializeToString()
    block.header.data_hash = hashlib.sha256(b"".join(block.data.data)).digest()
    bent: bytes = block.SerializeToString()
    return bent


def _codes(data: bytes) -> bytes:
    codes: bytes = common_pb2.Block.FromString(data).metadata.metadata[2]
    return codes
