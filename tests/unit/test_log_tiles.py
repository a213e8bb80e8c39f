"""C2SP tlog-tiles: paths of its text, contents, growth, and hashes read back out of tiles."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.log_export import leaves
from wayproof.log import (
    Bundle,
    LogError,
    LogTree,
    MemorySubtrees,
    Node,
    Tile,
    TileError,
    TileSource,
    bundle_bytes,
    entry_bundles,
    hash_tiles,
    tile_bytes,
)
from wayproof.log.nodes import covering
from wayproof.log.tiles import extend, partial_tiles

SIZE = 70_000
LEAVES = list(leaves(SIZE))
SOURCE = MemorySubtrees(LEAVES)


def read_tile(tile: Tile) -> bytes:
    return tile_bytes(tile, source=SOURCE)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(2, 1234067), "tile/2/x001/x234/067"),  # the example of the specification
        (Tile(2, 1234067, 9), "tile/2/x001/x234/067.p/9"),
        (Tile(63, 1_000_000_000, 255), "tile/63/x001/x000/x000/000.p/255"),
        (Bundle(1234067), "tile/entries/x001/x234/067"),
        (Bundle(0, 1), "tile/entries/000.p/1"),
    ],
)
def test_paths(tile: Tile | Bundle, path: str) -> None:
    assert tile.path == path


def test_tiles_of_the_specification_s_example() -> None:
    tiles = list(hash_tiles(70_000))
    full = [tile for tile in tiles if tile.width == 256]
    assert full == [*(Tile(0, index) for index in range(273)), Tile(1, 0)]
    assert [tile for tile in tiles if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(hash_tiles(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(hash_tiles(0)) == []


@given(st.integers(0, 200_000), st.integers(0, 3000))
def test_growth_names_exactly_the_new_tiles_and_bundles(since: int, more: int) -> None:
    size = since + more
    assert set(hash_tiles(size, since=since)) == set(hash_tiles(size)) - set(hash_tiles(since))
    assert set(entry_bundles(size, since=since)) == set(entry_bundles(size)) - set(entry_bundles(since))


def test_a_tile_holds_the_hashes_of_its_nodes() -> None:
    assert read_tile(Tile(0, 273, 112)) == b"".join(leaves(SIZE)[273 * 256 :])
    [node] = SOURCE.subtrees([Node(16, 0)])
    assert read_tile(Tile(2, 0, 1)) == node
    assert len(read_tile(Tile(1, 0))) == 8192


def test_a_bundle_holds_entries_after_their_lengths() -> None:
    assert bundle_bytes([b"", b"ab", b"\x07" * 258]) == b"\x00\x00" + b"\x00\x02ab" + b"\x01\x02" + b"\x07" * 258
    assert Bundle(2, 3).leaves == range(512, 515)
    with pytest.raises(LogError, match="65535"):
        bundle_bytes([bytes(65536)])


@given(st.integers(0, SIZE), st.data())
def test_every_subtree_can_be_read_out_of_tiles(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size))
    nodes = list(covering((start, size)))
    published = set(hash_tiles(size))

    def read(tile: Tile) -> bytes:
        assert tile in published
        return read_tile(tile)

    assert TileSource(read, size).subtrees(nodes) == SOURCE.subtrees(nodes)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000, 65_536, SIZE])
def test_proofs_from_tiles_are_those_of_the_log(size: int) -> None:
    mirror, log = LogTree(TileSource(read_tile, size), size), LogTree(SOURCE, size)
    assert mirror.root() == log.root()
    for index in {0, size // 2, size - 1}:
        assert mirror.inclusion_proof(index) == log.inclusion_proof(index)
        assert mirror.consistency_proof(index) == log.consistency_proof(index)


def test_a_question_reads_each_tile_once() -> None:
    seen: list[Tile] = []

    def read(tile: Tile) -> bytes:
        seen.append(tile)
        return read_tile(tile)

    LogTree(TileSource(read, SIZE), SIZE).inclusion_proof(300)
    assert len(seen) == len(set(seen))
    assert set(seen) == {Tile(0, 1), Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17)}


def test_a_damaged_tile_is_named() -> None:
    source = TileSource(lambda tile: read_tile(tile)[:-1], SIZE)
    with pytest.raises(TileError, match=r"tile/2/000\.p/1 has 31 bytes instead of 32"):
        source.subtrees([Node(16, 0)])
    with pytest.raises(LogError, match="no whole subtree"):
        source.subtrees([Node(17, 0)])


@given(st.integers(0, 66_500), st.integers(0, 1_200))
@example(0, 0)
@example(65_535, 1)
@example(65_536, 257)
@example(65_000, 1_000)
def test_tiles_that_grow_are_those_of_the_larger_tree(size: int, more: int) -> None:
    begun = {(tile.level, tile.index): read_tile(tile) for tile in partial_tiles(size)}
    grown = extend(begun, size=size, leaves=LEAVES[size : size + more])
    assert grown == {(tile.level, tile.index): read_tile(tile) for tile in hash_tiles(size + more, since=size)}


@pytest.mark.parametrize("damage", [lambda content: content[:-32], lambda content: content + bytes(32)])
def test_a_tile_of_another_width_stops_growth(damage: Callable[[bytes], bytes]) -> None:
    begun = {(tile.level, tile.index): read_tile(tile) for tile in partial_tiles(300)}
    with pytest.raises(LogError, match="instead of"):
        extend(begun | {(0, 1): damage(begun[0, 1])}, size=300, leaves=LEAVES[300:301])
    with pytest.raises(LogError, match="instead of"):
        extend({}, size=300, leaves=LEAVES[300:301])
