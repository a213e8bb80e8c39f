"""What an organisation's tables hold of the ledger, as a pure function of its blocks. No I/O.

Read in this order: `blocks` (one block, read strictly, and its place in the chain), `fold` (from a block to rows),
`rows` (from records of the contract to the typed tables). The projection writes these rows as blocks come;
`wayproof fsck` computes them again from block 0 and compares.
"""

from wayproof.projected.blocks import ProjectionError, ReadBlock, after, read_block
from wayproof.projected.fold import KEYS, Moments, Write, fold_block

__all__ = ["KEYS", "Moments", "ProjectionError", "ReadBlock", "Write", "after", "fold_block", "read_block"]
