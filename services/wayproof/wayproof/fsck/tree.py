"""What the tiles of an epoch must be, computed again from its leaves as a stream, in O(log n) memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wayproof.fsck.finding import Mismatch
from wayproof.log.tiles import TILE_HEIGHT, TILE_WIDTH
from wayproof.log.tree import fold
from wayproof_contract.merkle import EMPTY_ROOT, HASH_SIZE, node_hash

Read = Callable[[int, int], bytes | None]
"""Takes level and index of a tile; returns what is stored of it, None if there is no row."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first hash of a tile that is not the log's: what is stored (None: no row, or cut short), what should be."""

    level: int
    index: int
    position: int
    stored: bytes | None
    expected: bytes

    @property
    def leaf_index(self) -> int:
        """At level 0: the leaf."""
        return self.index * TILE_WIDTH + self.position


@dataclass(slots=True)
class EpochTree:
    """The tree of an epoch, growing leaf by leaf, compared with its stored tiles as each is complete."""

    epoch: int
    read: Read
    size: int = 0
    tiles: int = 0
    differences: list[Difference] = field(default_factory=list)
    _peaks: list[bytes] = field(default_factory=list)
    _open: list[bytearray] = field(default_factory=list)
    _leaves: tuple[int, bytes] = (-1, b"")

    def stored_leaf(self) -> bytes | None:
        """Return the hash that the tiles have for the next leaf, None if they have none."""
        index, position = divmod(self.size, TILE_WIDTH)
        if self._leaves[0] != index:
            self._leaves = (index, self.read(0, index) or b"")
        stored = self._leaves[1][position * HASH_SIZE : (position + 1) * HASH_SIZE]
        return stored if len(stored) == HASH_SIZE else None

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        level, index, value = 0, self.size, leaf
        self._keep(level, index, value)
        while index & 1:
            level, index, value = level + 1, index >> 1, node_hash(self._peaks.pop(), value)
            self._keep(level, index, value)
        self._peaks.append(value)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far."""
        return fold(self._peaks) if self._peaks else EMPTY_ROOT

    def finish(self) -> None:
        """Compare the tiles that are not full."""
        for level, begun in enumerate(self._open):
            if begun:
                self._compare(level, (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH, bytes(begun))

    def _keep(self, level: int, index: int, value: bytes) -> None:
        tile_level, rows = divmod(level, TILE_HEIGHT)
        if rows:
            return
        if tile_level == len(self._open):
            self._open.append(bytearray())
        self._open[tile_level] += value
        if (index + 1) % TILE_WIDTH == 0:
            self._compare(tile_level, index // TILE_WIDTH, bytes(self._open[tile_level]))
            self._open[tile_level].clear()

    def _compare(self, level: int, index: int, expected: bytes) -> None:
        self.tiles += 1
        stored = self.read(level, index)
        if stored == expected:
            return
        kept = stored or b""
        hashes = range(0, max(len(kept), len(expected)), HASH_SIZE)
        at = next(start for start in hashes if kept[start : start + HASH_SIZE] != expected[start : start + HASH_SIZE])
        found = None if stored is None else kept[at : at + HASH_SIZE]
        should = expected[at : at + HASH_SIZE]
        self.differences.append(Difference(level, index, at // HASH_SIZE, found, should))


def tile_mismatch(difference: Difference, *, epoch: int) -> Mismatch:
    """Say that a tile is wrong."""
    key = f"epoch {epoch}, level {difference.level}, tile {difference.index}"
    if difference.stored is None:
        return Mismatch("log_tile", key, "", "no row", "the hashes of the log's leaves")
    column = f"hashes, hash {difference.position}"
    return Mismatch(
        "log_tile", key, column, difference.stored.hex() or "nothing", difference.expected.hex() or "nothing more"
    )
