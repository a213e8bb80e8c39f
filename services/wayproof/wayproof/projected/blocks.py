"""One block as it is delivered, read with the verifier's strict reader, and its place in the chain."""

from dataclasses import dataclass

from aiofabric.blocks import invoked
from wayproof.errors import WayproofError
from wayproof.store.ledger_view import Checkpoint
from wayproof_verifier.errors import VerificationError
from wayproof_verifier.fabric.block import data_hash, header_hash
from wayproof_verifier.fabric.messages import Block
from wayproof_verifier.fabric.transaction import Transaction, read_transaction

CONFIG = 1
ENDORSER_TRANSACTION = 3
TRANSACTIONS_FILTER = 2
"""Metadata slot with one validation code for each envelope, written by the peer."""

VALID = 0
GENESIS_PREVIOUS = b""


class ProjectionError(WayproofError):
    """The ledger is not the one that was projected so far, or holds what this version cannot read.

    Codes: `ledger_other_genesis`, `ledger_forked`, `ledger_block_unreadable`, `ledger_record_unsupported`. None of them
    passes by itself: a person has to look.
    """

    code = "ledger_block_unreadable"


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block of the ledger.

    Attributes:
        number: its place in the chain, from 0.
        hash: SHA-256 of its header.
        previous_hash: the same of the block before; empty for the genesis block.
        has_config: whether it holds a config transaction.
        transactions: valid transactions of the contract, with index and envelope, in their order.
        data: the block as it came, `common.Block`.
    """

    number: int
    hash: bytes
    previous_hash: bytes
    has_config: bool
    transactions: tuple[tuple[int, bytes, Transaction], ...]
    data: bytes


def read_block(data: bytes, *, contract: str) -> ReadBlock:
    """Read `common.Block` bytes with the peer's validation codes. Raises ProjectionError."""
    try:
        return _read(data, contract=contract)
    except VerificationError as error:
        raise ProjectionError(
            f"a block, or a valid transaction in it, cannot be read strictly, so nothing in it could be proven; "
            f"keep the block and report it: {error.diagnostics()}"
        ) from error


def after(block: ReadBlock, reached: Checkpoint | None) -> Checkpoint:
    """Return the checkpoint after the next block. Raises ProjectionError where the block does not follow."""
    expected = (reached.height, reached.last_block_hash) if reached else (0, GENESIS_PREVIOUS)
    if (block.number, block.previous_hash) != expected:
        raise ProjectionError(
            f"block {block.number} does not follow block {expected[0] - 1} as it was projected: the ledger, or this "
            "database, was replaced or restored; find out which is right before going on",
            code="ledger_forked",
        )
    genesis_hash = reached.genesis_hash if reached else block.hash
    return Checkpoint(height=block.number + 1, genesis_hash=genesis_hash, last_block_hash=block.hash)


def _read(data: bytes, *, contract: str) -> ReadBlock:
    block = Block.read(data)
    if block.header is None or block.data is None or block.metadata is None:
        raise ProjectionError("a block without header, data or metadata; is this a peer's Deliver service?")
    envelopes, number = block.data.data, block.header.number
    if data_hash(envelopes) != block.header.data_hash:
        raise ProjectionError(f"block {number}: the data hash is not that of its envelopes; the peer is damaged")
    codes = _codes(block.metadata.metadata, count=len(envelopes), number=number)
    valid = [(index, envelope) for index, envelope in enumerate(envelopes) if codes[index] == VALID]
    kinds = [_invoked(envelope, number=number) for _, envelope in valid]
    # What peers took in an encoding that is not read here can be anybody's: only of our own contract it matters.
    ours = [item for item, kind in zip(valid, kinds, strict=True) if kind == (ENDORSER_TRANSACTION, contract)]
    return ReadBlock(
        number=number,
        hash=header_hash(block.header),
        previous_hash=block.header.previous_hash,
        has_config=(CONFIG, "") in kinds,
        transactions=tuple((index, envelope, read_transaction(envelope)) for index, envelope in ours),
        data=data,
    )


def _codes(slots: tuple[bytes, ...], *, count: int, number: int) -> bytes:
    """Return the validation codes; a genesis block, which no peer validates, may have none."""
    codes = slots[TRANSACTIONS_FILTER] if len(slots) > TRANSACTIONS_FILTER else b""
    if not codes and number == 0:
        return bytes(count)
    if len(codes) != count:
        raise ProjectionError(f"block {number}: {len(codes)} validation codes for {count} envelopes")
    return codes


def _invoked(envelope: bytes, *, number: int) -> tuple[int, str]:
    try:
        return invoked(envelope)
    except ValueError as error:
        raise ProjectionError(f"block {number}: a valid envelope that is none; the peer is damaged") from error
