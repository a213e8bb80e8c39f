"""The log's hash tiles in the store: grown by sealing, read as a tree or one by one (docs/reference/log.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row, scalar_row

from wayproof.log import Bundle, LogError, Node, Tile, TileError, TileSource, bundle_bytes
from wayproof.log.tiles import TILE_HEIGHT, TILE_WIDTH, extend, partial_tiles, tile_of
from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof_contract.merkle import HASH_SIZE

QUERIES = queries.load("tiles")


@dataclass(frozen=True, slots=True)
class StoredSubtrees:
    """The subtree hashes of an epoch's first `size` leaves (a `SubtreeSource`).

    One question is one query, and each tile that it needs is fetched once.
    """

    connection: Connection
    epoch: int
    size: int

    def subtrees(self, nodes: Sequence[Node]) -> list[bytes]:
        """Return the hash of each node (`SubtreeSource`). Raises TileError if a tile is missing or too short."""
        contents = _contents(self.connection, {tile_of(node, size=self.size) for node in nodes}, epoch=self.epoch)
        return TileSource(contents.__getitem__, self.size).subtrees(nodes)


def read_tile(connection: Connection, tile: Tile, *, epoch: int, size: int) -> bytes:
    """Return the content of a hash tile. Raises TileError if the tree of `size` leaves does not have it.

    A narrower form of a tile that has grown since is a tile too.
    """
    _require(size >> (TILE_HEIGHT * tile.level), tile)
    content = _contents(connection, [tile], epoch=epoch)[tile]
    if len(content) != tile.width * HASH_SIZE:
        raise TileError(f"{tile.path} is damaged: `wayproof fsck` says how")
    return content


def read_bundle(connection: Connection, bundle: Bundle, *, epoch: int, size: int) -> bytes:
    """Return the content of an entry bundle. Raises TileError if the log of `size` leaves does not have it."""
    _require(size, bundle)
    span = {"epoch": epoch, "start": bundle.leaves.start, "stop": bundle.leaves.stop}
    with store_errors(), connection.cursor(row_factory=scalar_row) as cursor:
        entries: list[bytes] = cursor.execute(QUERIES["entries"], span).fetchall()
    if len(entries) != bundle.width:
        raise TileError(f"{bundle.path} is damaged: `wayproof fsck` says how")
    return bundle_bytes(entries)


def append(connection: Connection, leaves: Sequence[bytes], *, epoch: int, size: int) -> None:
    """Append leaf hashes to the tiles of a tree that had `size` leaves.

    Within a transaction. Raises LogError if a tile is there that this log never had, or one is not there.
    """
    begun = _contents(connection, partial_tiles(size), epoch=epoch)
    grown = extend({(tile.level, tile.index): kept for tile, kept in begun.items()}, size=size, leaves=leaves)
    columns = {
        "levels": [level for level, _ in grown],
        "tile_indices": [index for _, index in grown],
        "hashes": list(grown.values()),
    }
    with store_errors():
        written = connection.execute(QUERIES["grow_tiles"], {"epoch": epoch, **columns}).rowcount
    if written != len(grown):
        raise LogError("a stored tile is not what the log's leaves make: `wayproof fsck` says which")


def cut(connection: Connection, *, epoch: int, size: int) -> None:
    """Leave the tiles that a tree of `size` leaves has. Within a transaction."""
    with store_errors():
        connection.execute(QUERIES["delete_tiles"], {"epoch": epoch, "size": size})
        connection.execute(QUERIES["cut_tiles"], {"epoch": epoch, "size": size})


@dataclass(frozen=True, slots=True)
class _Content:
    level: int
    tile_index: int
    hashes: bytes


def _contents(connection: Connection, tiles: Iterable[Tile], *, epoch: int) -> Mapping[Tile, bytes]:
    """Return what is stored of each tile: no bytes where the row is missing."""
    wanted = {(tile.level, tile.index): tile for tile in tiles}
    contents = dict.fromkeys(wanted.values(), b"")
    if not wanted:
        return contents
    columns = {
        "levels": [tile.level for tile in contents],
        "tile_indices": [tile.index for tile in contents],
        "widths": [tile.width for tile in contents],
    }
    with store_errors(), connection.cursor(row_factory=class_row(_Content)) as cursor:
        for row in cursor.execute(QUERIES["find_tiles"], {"epoch": epoch, **columns}):
            contents[wanted[row.level, row.tile_index]] = row.hashes
    return contents


def _require(count: int, part: Tile | Bundle) -> None:
    """Raise TileError unless a level of `count` hashes (or entries) has this part of it."""
    if not (part.index >= 0 and 0 < part.width <= TILE_WIDTH and part.index * TILE_WIDTH + part.width <= count):
        raise TileError(f"{part} is not there: ask for what the checkpoint's size has")
