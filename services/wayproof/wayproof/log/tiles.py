"""A log as static files: C2SP `tlog-tiles` (c2sp.org/tlog-tiles).

A hash tile of level L holds up to 256 neighbouring hashes of nodes of level 8·L; a bundle holds the entries below a
tile of level 0. Full ones never change; the last of each level is partial and says its width in its path.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from wayproof.log.errors import LogError, TileError
from wayproof.log.nodes import Node
from wayproof.log.tree import SubtreeSource
from wayproof_contract.merkle import HASH_SIZE, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
MAX_ENTRY_SIZE = (1 << 16) - 1


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The `index`-th hash tile of a level, with the first `width` of its 256 hashes."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where the tile is served, below the log's prefix."""
        return f"tile/{self.level}/{_index_path(self.index, width=self.width)}"

    @property
    def nodes(self) -> list[Node]:
        """The nodes whose hashes the tile holds, in its order."""
        first = self.index * TILE_WIDTH
        return [Node(self.level * TILE_HEIGHT, index) for index in range(first, first + self.width)]


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """The `index`-th entry bundle, with the first `width` of its 256 entries."""

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where the bundle is served, below the log's prefix."""
        return f"tile/entries/{_index_path(self.index, width=self.width)}"

    @property
    def leaves(self) -> range:
        """The indices of its entries."""
        return range(self.index * TILE_WIDTH, self.index * TILE_WIDTH + self.width)


def hash_tiles(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Yield the hash tiles of a tree of `size` that the tree of `since` leaves did not have, level by level."""
    level = 0
    while hashes := size >> (TILE_HEIGHT * level):
        for index, width in _widths(hashes, since=since >> (TILE_HEIGHT * level)):
            yield Tile(level, index, width)
        level += 1


def entry_bundles(size: int, *, since: int = 0) -> Iterator[Bundle]:
    """Yield the entry bundles of a tree of `size` that the tree of `since` leaves did not have."""
    return (Bundle(index, width) for index, width in _widths(size, since=since))


def tile_bytes(tile: Tile, *, source: SubtreeSource) -> bytes:
    """Return the content of a hash tile: its hashes, one after the other."""
    return b"".join(source.subtrees(tile.nodes))


def bundle_bytes(entries: Iterable[bytes]) -> bytes:
    """Return the content of a bundle: its entries in order, each after its length as 2 bytes big endian."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_SIZE:
            raise LogError(f"an entry of {len(entry)} bytes does not fit a bundle: {MAX_ENTRY_SIZE} is the most")
        parts += len(entry).to_bytes(2, "big"), entry
    return b"".join(parts)


def partial_tiles(size: int) -> Iterator[Tile]:
    """Yield the last tile of each level of a tree of `size` where it is not full: those that grow."""
    level = 0
    while hashes := size >> (TILE_HEIGHT * level):
        if width := hashes % TILE_WIDTH:
            yield Tile(level, hashes // TILE_WIDTH, width)
        level += 1


def extend(
    begun: Mapping[tuple[int, int], bytes], *, size: int, leaves: Sequence[bytes]
) -> dict[tuple[int, int], bytes]:
    """Return the tiles that are new or grow, by (level, index), when leaf hashes are appended to a tree of `size`.

    `begun` are the tiles of `partial_tiles(size)`. A leaf costs two hashes: its own and one above. Raises LogError if
    one of them is missing or has another width.
    """
    grown: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, leaves
    while hashes:
        index, width = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
        content = begun.get((level, index), b"") if width else b""
        if len(content) != width * HASH_SIZE:
            raise LogError(f"the tile {level}/{index} has {len(content)} bytes instead of {width * HASH_SIZE}")
        above = []
        at = 0
        while at < len(hashes):
            room = TILE_WIDTH - width
            content += b"".join(hashes[at : at + room])
            grown[level, index] = content
            if len(content) == TILE_WIDTH * HASH_SIZE:
                above.append(_root_of_tile(content))
            at += room
            index, width, content = index + 1, 0, b""
        level, hashes = level + 1, above
    return grown


def tile_of(node: Node, *, size: int) -> Tile:
    """Return the tile of a tree of `size` leaves that a node's hash is read out of. Raises LogError if none is."""
    if node.span[1] > size:
        raise LogError(f"a log of {size} leaves has no whole subtree {node}")
    level, rows = divmod(node.level, TILE_HEIGHT)
    index = (node.index << rows) // TILE_WIDTH
    hashes = size >> (TILE_HEIGHT * level)
    return Tile(level, index, min(TILE_WIDTH, hashes - index * TILE_WIDTH))


@dataclass(frozen=True, slots=True)
class TileSource:
    """Subtree hashes read out of the tiles of a tree of `size` leaves (a `SubtreeSource`).

    `read` returns the content of a tile that `hash_tiles(size)` names. It is called once for each tile of a question.
    Hashes are taken as they are: only a root or proof that verifies says that a mirror is honest.
    """

    read: Callable[[Tile], bytes]
    size: int

    def subtrees(self, nodes: Sequence[Node]) -> list[bytes]:
        """Return the hash of each node (`SubtreeSource`)."""
        contents: dict[Tile, bytes] = {}
        hashes: list[bytes] = []
        for node in nodes:
            tile = tile_of(node, size=self.size)
            if tile not in contents:
                contents[tile] = self._checked(tile)
            hashes.append(_hash_in_tile(contents[tile], node=node))
        return hashes

    def _checked(self, tile: Tile) -> bytes:
        content = self.read(tile)
        if len(content) != tile.width * HASH_SIZE:
            raise TileError(f"{tile.path} has {len(content)} bytes instead of {tile.width * HASH_SIZE}")
        return content


def _hash_in_tile(content: bytes, *, node: Node) -> bytes:
    """Fold a node's hash out of its tile, at most 128 hashes: levels between two levels of tiles are not stored."""
    rows = node.level % TILE_HEIGHT
    first = (node.index << rows) % TILE_WIDTH
    hashes = [content[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(first, first + (1 << rows))]
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _root_of_tile(content: bytes) -> bytes:
    """Return the hash above a full tile (RFC 9162 §2.1.1)."""
    while len(content) > HASH_SIZE:
        pairs = range(0, len(content), 2 * HASH_SIZE)
        content = b"".join([sha256(b"\x01" + content[at : at + 2 * HASH_SIZE]).digest() for at in pairs])
    return content


def _widths(count: int, *, since: int) -> Iterator[tuple[int, int]]:
    """Yield (index, width) of what holds `count` hashes, 256 each, from the first that `since` hashes did not fill."""
    if count > since:
        for index in range(since // TILE_WIDTH, -(-count // TILE_WIDTH)):
            yield index, min(TILE_WIDTH, count - index * TILE_WIDTH)


def _index_path(index: int, *, width: int) -> str:
    """Return `<N>[.p/<W>]`: three digits an element, all but the last after an x, so that no file is also a folder."""
    elements = [f"{index % 1000:03}"]
    while index := index // 1000:
        elements.append(f"x{index % 1000:03}")
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return "/".join(reversed(elements)) + suffix
