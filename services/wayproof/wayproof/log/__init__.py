"""The log: messages in an order that never changes, and the proofs of it. Pure code, but for `keys`.

Read in this order: `sealer` (which message gets which index), `tree` (roots and proofs), `nodes` (where subtrees lie,
and the cover that evidence carries), `tiles` (the log as static files), `checkpoint` (signed tree heads). Reference:
docs/reference/log.md.
"""

from wayproof.log.checkpoint import Checkpoint, VerifierKey, epoch_origin, sign_checkpoint, verify_checkpoint
from wayproof.log.errors import CheckpointError, LogError, TileError
from wayproof.log.nodes import Node, cover
from wayproof.log.sealer import LogRow, entries_in_order, seal
from wayproof.log.tiles import Bundle, Tile, TileSource, bundle_bytes, entry_bundles, hash_tiles, tile_bytes
from wayproof.log.tree import LogTree, MemorySubtrees, SubtreeSource, grow

__all__ = [
    "Bundle",
    "Checkpoint",
    "CheckpointError",
    "LogError",
    "LogRow",
    "LogTree",
    "MemorySubtrees",
    "Node",
    "SubtreeSource",
    "Tile",
    "TileError",
    "TileSource",
    "VerifierKey",
    "bundle_bytes",
    "cover",
    "entries_in_order",
    "entry_bundles",
    "epoch_origin",
    "grow",
    "hash_tiles",
    "seal",
    "sign_checkpoint",
    "tile_bytes",
    "verify_checkpoint",
]
