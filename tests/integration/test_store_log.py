"""The log in the store: sealed in any steps, with any crash between, it is the log that the pure code makes."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.database import RunningCluster
from support.log_store import AT_MS, add, noise, opened
from wayproof.log import (
    Bundle,
    LogError,
    LogRow,
    LogTree,
    MemorySubtrees,
    Tile,
    TileError,
    bundle_bytes,
    entry_bundles,
    hash_tiles,
    tile_bytes,
)
from wayproof.log import seal as in_log_order
from wayproof.store import log, tiles
from wayproof.store.connection import Connection
from wayproof.store.errors import StoreUnavailable
from wayproof_contract.merkle import leaf_hash

EPOCHS = count(1)


class Crash(Exception):  # noqa: N818 - what a test throws in the middle of a transaction
    """The process died before the commit."""


@pytest.fixture(scope="module")
def dsn(postgres: RunningCluster) -> str:
    return postgres.new_database()


@pytest.fixture(scope="module")
def connection(dsn: str) -> Iterator[Connection]:
    with opened(dsn, apply=True) as connection:
        yield connection


@pytest.fixture
def epoch(connection: Connection) -> int:
    return new_epoch(connection)


def new_epoch(connection: Connection) -> int:
    epoch = next(EPOCHS)
    log.begin_epoch(connection, log_id="north", epoch=epoch)
    return epoch


def add_many(connection: Connection, number: int) -> None:
    """Add rows that wait, without what only a message has."""
    connection.execute(
        """
        WITH new AS (
            INSERT INTO message (device_id, received_at_ms, entry, message_hash, rejection)
            SELECT 'reefer-7', %(at_ms)s, sha256(uuid_send(id)), uuid_send(id), 'malformed_json'
            FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %(number)s)) AS it
            RETURNING ingest_id
        )
        INSERT INTO log_waiting SELECT ingest_id, ingest_id FROM new
        """,
        {"at_ms": AT_MS, "number": number},
    )


def seal(connection: Connection, *, epoch: int, limit: int = 10_000) -> int:
    with connection.transaction():
        return log.seal(connection, epoch=epoch, limit=limit)[1]


def crash(connection: Connection, *, epoch: int, limit: int) -> None:
    with suppress(Crash), connection.transaction():
        log.seal(connection, epoch=epoch, limit=limit)
        raise Crash


def entries(connection: Connection, *, epoch: int) -> list[bytes]:
    rows = connection.execute(
        "SELECT entry FROM log_leaf JOIN message USING (ingest_id) WHERE epoch = %s ORDER BY leaf_index", [epoch]
    )
    return [bytes(row["entry"]) for row in rows]  # type: ignore[call-overload]  # a column of bytes


def stored_tiles(connection: Connection, *, epoch: int) -> dict[tuple[int, int], bytes]:
    rows = connection.execute("SELECT level, tile_index, hashes FROM log_tile WHERE epoch = %s", [epoch])
    return {(row["level"], row["tile_index"]): row["hashes"] for row in rows}  # type: ignore[misc]  # typed columns


def require_whole(connection: Connection, *, epoch: int, memory: MemorySubtrees) -> None:
    """Check rows and answers against the log in memory."""
    expected = {(it.level, it.index): tile_bytes(it, source=memory) for it in hash_tiles(memory.size)}
    assert stored_tiles(connection, epoch=epoch) == expected
    tree = log.tree(connection, epoch=epoch)
    assert (tree.size, tree.root()) == (memory.size, memory.tree().root())


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 400), st.booleans(), st.integers(-5, 5)), min_size=1, max_size=6
    )
)
@settings(max_examples=15, deadline=None)
def test_any_grouping_with_crashes_between_makes_the_pure_log(
    connection: Connection, steps: list[tuple[int, int, bool, int]]
) -> None:
    epoch = new_epoch(connection)
    memory = MemorySubtrees()
    waiting: list[LogRow] = []
    for messages, limit, crashes, later_ms in [*steps, (0, 10_000, False, 0)]:
        new = noise(messages, received_at_ms=AT_MS + later_ms)
        ids = add(connection, new)
        waiting += [LogRow(key, it.received_at_ms, it.entry) for key, it in zip(ids, new, strict=True)]
        if crashes:
            crash(connection, epoch=epoch, limit=limit)
        size = seal(connection, epoch=epoch, limit=limit)
        taken, waiting = waiting[:limit], waiting[limit:]
        memory.append(leaf_hash(row.entry) for row in in_log_order(taken, size=memory.size))
        assert size == memory.size
    require_whole(connection, epoch=epoch, memory=memory)
    again = MemorySubtrees(leaf_hash(entry) for entry in entries(connection, epoch=epoch))
    assert again.tree().root() == memory.tree().root()


def test_three_levels_of_tiles_and_proofs_from_every_size(connection: Connection, epoch: int) -> None:
    sizes = [1, 255, 256, 257, 65_535, 65_536, 66_000]
    memory = MemorySubtrees()
    for size in sizes:
        add_many(connection, size - memory.size)
        while seal(connection, epoch=epoch, limit=20_000) < size:
            pass
        memory.append(leaf_hash(entry) for entry in entries(connection, epoch=epoch)[memory.size :])
        require_whole(connection, epoch=epoch, memory=memory)
    tree = log.tree(connection, epoch=epoch)
    for size in sizes:
        assert tree.consistency_proof(size) == memory.tree().consistency_proof(size)
        assert log.tree(connection, epoch=epoch, size=size).root() == LogTree(memory, size).root()
    for index in (0, 255, 65_535, 65_999):
        assert tree.inclusion_proof(index) == memory.tree().inclusion_proof(index)


def test_one_question_of_the_tree_is_one_query(connection: Connection, epoch: int) -> None:
    add(connection, noise(600))
    tree = log.tree(connection, epoch=epoch, size=seal(connection, epoch=epoch))
    asked = Asked(connection)
    log.tree(asked, epoch=epoch, size=tree.size).inclusion_proof(77)  # type: ignore[arg-type]  # it counts, and passes on
    assert asked.cursors == 1


class Asked:
    """A connection that counts the cursors that are opened on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.cursors = 0

    def cursor(self, **options: object) -> object:
        self.cursors += 1
        return self._connection.cursor(**options)  # type: ignore[call-overload]  # as it was called


def test_tiles_and_bundles_are_served_at_the_width_asked_for(connection: Connection, epoch: int) -> None:
    add(connection, noise(700))
    size = seal(connection, epoch=epoch)
    memory = MemorySubtrees(leaf_hash(entry) for entry in entries(connection, epoch=epoch))
    for earlier in (1, 256, 300, 512, size):
        for tile in hash_tiles(earlier):
            assert tiles.read_tile(connection, tile, epoch=epoch, size=size) == tile_bytes(tile, source=memory)
        for bundle in entry_bundles(earlier):
            expected = bundle_bytes(entries(connection, epoch=epoch)[bundle.leaves.start : bundle.leaves.stop])
            assert tiles.read_bundle(connection, bundle, epoch=epoch, size=size) == expected


@pytest.mark.parametrize("tile", [Tile(0, 2), Tile(0, 3, 1), Tile(1, 0, 3), Tile(2, 0, 1), Tile(0, 0, 0), Tile(0, -1)])
def test_a_tile_beyond_the_size_is_refused(connection: Connection, epoch: int, tile: Tile) -> None:
    add(connection, noise(700))
    size = seal(connection, epoch=epoch)
    with pytest.raises(TileError):
        tiles.read_tile(connection, tile, epoch=epoch, size=size)


def test_a_bundle_beyond_the_size_is_refused(connection: Connection, epoch: int) -> None:
    add(connection, noise(3))
    size = seal(connection, epoch=epoch)
    with pytest.raises(TileError):
        tiles.read_bundle(connection, Bundle(0, 4), epoch=epoch, size=size)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_tile SET hashes = substring(hashes FOR 32) WHERE epoch = %s AND level = 0",
        "UPDATE log_tile SET hashes = hashes || '\\x00' WHERE epoch = %s AND level = 0",
        "DELETE FROM log_tile WHERE epoch = %s",
    ],
)
def test_a_damaged_tile_stops_the_sealer_and_changes_nothing(connection: Connection, epoch: int, damage: str) -> None:
    add(connection, noise(5))
    seal(connection, epoch=epoch)
    connection.execute(damage.encode(), [epoch])
    add(connection, noise(5))
    before = stored_tiles(connection, epoch=epoch)
    with pytest.raises(LogError, match=r"fsck|instead of"):
        seal(connection, epoch=epoch)
    assert stored_tiles(connection, epoch=epoch) == before
    assert len(entries(connection, epoch=epoch)) == 5
    log.begin_epoch(connection, log_id="north", epoch=(drain := next(EPOCHS)))
    assert seal(connection, epoch=drain) == 5


def test_a_foreign_tile_is_never_overwritten(connection: Connection, epoch: int) -> None:
    connection.execute("INSERT INTO log_tile VALUES (%s, 0, 0, %s)", [epoch, bytes(32)])
    add(connection, noise(1))
    with pytest.raises(LogError, match="fsck"):
        seal(connection, epoch=epoch)
    assert stored_tiles(connection, epoch=epoch) == {(0, 0): bytes(32)}
    connection.execute("DELETE FROM log_tile WHERE epoch = %s", [epoch])
    assert seal(connection, epoch=epoch) == 1


def test_a_closed_epoch_is_not_sealed_into(connection: Connection, epoch: int) -> None:
    new_epoch(connection)
    with pytest.raises(LogError, match="closed"):
        seal(connection, epoch=epoch)


def test_an_epoch_that_is_not_open_is_named(connection: Connection) -> None:
    with pytest.raises(LogError, match="wayproof log register"):
        seal(connection, epoch=1_000_000)


def test_a_database_keeps_one_log(connection: Connection, epoch: int) -> None:
    with pytest.raises(LogError, match="north"), connection.transaction():
        log.begin_epoch(connection, log_id="south", epoch=epoch + 1_000_000)
    assert log.epochs(connection)[-1].epoch == epoch


@pytest.mark.parametrize("kept", [0, 1, 255, 256, 300, 512, 700])
def test_what_is_cut_from_a_closed_epoch_is_sealed_into_the_next(connection: Connection, epoch: int, kept: int) -> None:
    add(connection, noise(700))
    seal(connection, epoch=epoch)
    before = entries(connection, epoch=epoch)
    with connection.transaction():
        log.cut(connection, epoch=epoch, size=kept)
    require_whole(connection, epoch=epoch, memory=MemorySubtrees(leaf_hash(entry) for entry in before[:kept]))
    later = new_epoch(connection)
    seal(connection, epoch=later)
    assert entries(connection, epoch=later) == before[kept:]


def test_a_second_sealer_waits_for_the_first(dsn: str, connection: Connection, epoch: int) -> None:
    add(connection, noise(3))
    with opened(dsn) as other, connection.transaction():
        log.seal(connection, epoch=epoch, limit=2)
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(StoreUnavailable, match="lock timeout"), other.transaction():
            log.seal(other, epoch=epoch, limit=2)
    assert seal(connection, epoch=epoch) == 3
