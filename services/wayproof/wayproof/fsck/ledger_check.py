"""The ledger part: the blocks, projected again into empty tables, against the tables that are there."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from operator import attrgetter

from aiofabric.errors import FabricError
from aiofabric.gateway import Network
from wayproof.errors import LedgerError
from wayproof.fsck.finding import Findings, Mismatch, shown
from wayproof.projected import KEYS, ProjectionError, Write, after, fold_block, read_block
from wayproof.store import fsck as stored
from wayproof.store.connection import Connection, Row
from wayproof.store.ledger_view import Checkpoint, Moment, checkpoint, moment, put_rows, rows

Tick = Callable[[int], None]
"""Is told of so many blocks more that are done."""


async def check_ledger(
    network: Network,
    connection: Connection,
    shadow: Connection,
    findings: Findings,
    *,
    contract: str,
    organisation: str,
    tick: Tick,
) -> None:
    """Project as many blocks as the checkpoint says, and compare. Both connections are in a transaction.

    `connection` is in the snapshot; `shadow` is another one, and gets tables of its own. Raises LedgerError.
    """
    stored.shadow_projection(shadow)
    reached = checkpoint(connection)
    if reached is None and any(True for _ in rows(connection, "ledger_config_block")):  # the genesis block is one
        findings.add(Mismatch("ledger_checkpoint", "", "", "no row", "how far the rows that are there have come"))
    computed = await _project(
        network, shadow, findings, height=reached.height if reached else 0, fold=(contract, organisation), tick=tick
    )
    _check_checkpoint(reached, computed, findings)
    for table, key in KEYS.items():
        findings.extend(
            _compare(table, key, stored=rows(connection, table), expected=rows(shadow, table), findings=findings)
        )


async def _project(
    network: Network, shadow: Connection, findings: Findings, *, height: int, fold: tuple[str, str], tick: Tick
) -> Checkpoint | None:
    """Fold the first `height` blocks into the shadow tables; return how far that came."""
    contract, organisation = fold
    reached: Checkpoint | None = None
    try:
        there = int((await network.newest_block()).header.number) + 1
        if min(there, height) == 0:
            return None
        async with network.block_events(start_block=0) as events:
            async for message in events:
                block = read_block(message.SerializeToString(), contract=contract)
                reached = after(block, reached)
                _put(shadow, fold_block(block, organisation=organisation, moments=partial(_moment, shadow)))
                findings.counts["blocks"] += 1
                tick(1)
                if reached.height >= min(height, there):
                    break
    except ProjectionError as error:
        number = reached.height if reached else 0
        findings.add(Mismatch("block", f"number {number}", "", "the peer's", error.diagnostics()))
    except FabricError as error:
        raise LedgerError(f"blocks: {error.diagnostics()}") from error
    return reached


def _check_checkpoint(reached: Checkpoint | None, computed: Checkpoint | None, findings: Findings) -> None:
    for column in ("height", "genesis_hash", "last_block_hash"):
        found, expected = getattr(reached, column, None), getattr(computed, column, None)
        if found != expected:
            findings.add(Mismatch("ledger_checkpoint", "", column, shown(found), f"{shown(expected)}, by the blocks"))


def _put(shadow: Connection, writes: Iterable[Write]) -> None:
    for table, of_table in groupby(sorted(writes, key=attrgetter("table")), key=attrgetter("table")):
        put_rows(shadow, table, [write.row for write in of_table])


def _moment(shadow: Connection, key: str) -> Moment:
    found = moment(shadow, key)
    if found is None:
        raise ProjectionError(f"{key} is in no block, but a later event of it is")
    return found


def _compare(
    table: str, key: tuple[str, ...], *, stored: Iterator[Row], expected: Iterator[Row], findings: Findings
) -> Iterator[Mismatch]:
    """Yield how two tables differ, both in the order of their keys."""
    left, right = next(stored, None), next(expected, None)
    while left is not None or right is not None:
        place = None if left is None else _key(left, key)
        other = None if right is None else _key(right, key)
        if place == other and left is not None and right is not None:
            yield from _different(table, key, left, right)
            findings.counts["projected rows"] += 1
            left, right = next(stored, None), next(expected, None)
        elif other is None or (place is not None and place < other):
            yield Mismatch(table, _named(key, place or ()), "", "a row", "no row: no block has it")
            left = next(stored, None)
        else:
            yield Mismatch(table, _named(key, other), "", "no row", "the row that the blocks make")
            right = next(expected, None)


def _different(table: str, key: tuple[str, ...], row: Mapping[str, object], expected: Row) -> Iterator[Mismatch]:
    for column, value in row.items():
        if value != expected[column]:
            yield Mismatch(table, _named(key, _key(row, key)), column, shown(value), shown(expected[column]))


def _key(row: Mapping[str, object], key: tuple[str, ...]) -> tuple[str | int, ...]:
    """Return a row's primary key: texts and whole numbers."""
    return tuple(value if isinstance(value, int) else str(value) for value in (row[name] for name in key))


def _named(key: tuple[str, ...], values: tuple[str | int, ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
