"""Whole blocks, one at a time (`blocks.chain`)."""

from collections.abc import Iterator, Mapping

from wayproof_verifier.errors import VerificationError
from wayproof_verifier.fabric.block import Block, header_hash, read_block
from wayproof_verifier.fabric.chain import ConfigChain, check_block
from wayproof_verifier.report import LedgerVersion, Problem


class BlockPass:
    """Follows the blocks from the pinned genesis block on, and meets every transaction where the state says it is."""

    def __init__(
        self, *, chain: ConfigChain, genesis: bytes, expected: Mapping[LedgerVersion, bytes], height: int
    ) -> None:
        self._chain = chain
        self._genesis = genesis
        self._expected = dict(expected)
        self._height = height
        self._previous: Block | None = None

    def add(self, data: bytes, *, where: str) -> Iterator[Problem]:
        """Check one block against the one before."""
        try:
            block = read_block(data)
            if self._previous is not None:
                check_block(block, config=self._chain.in_force(block.number), previous=self._previous.header)
            elif header_hash(block.header) != self._genesis:
                yield Problem("the first block is not the pinned genesis block", where)
            self._previous = block
        except VerificationError as error:
            yield Problem(str(error), where)
            return
        for number, envelope in enumerate(block.envelopes):
            wanted = self._expected.pop((block.number, number), None)
            if wanted is not None and wanted != envelope:
                yield Problem(f"another transaction stands at place {number} of block {block.number}", where)

    def finish(self) -> Iterator[Problem]:
        """Say what was not met: transactions, or blocks up to the height of the state."""
        last = self._previous.number if self._previous else -1
        if last != self._height:
            yield Problem(f"the blocks end with {last}, the state is as of block {self._height}")
        for block, number in sorted(self._expected):
            yield Problem(f"the transaction at place {number} of block {block} is not there")
