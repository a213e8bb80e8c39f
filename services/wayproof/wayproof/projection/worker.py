"""`wayproof projection`: blocks from the peer, rows and checkpoint in one transaction each.

A block, or a group of them while catching up, is committed together with the checkpoint behind it, so each is taken in
exactly once, whenever the process dies. One process projects into a database; a second one waits for its place.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from aiofabric.errors import FabricError
from aiofabric.gateway import Network
from wayproof import failpoint, ledger
from wayproof.errors import LedgerError, WayproofError
from wayproof.observability import metrics, tracing
from wayproof.observability.health import HEALTH
from wayproof.projected import ProjectionError, ReadBlock, Write, after, fold_block, read_block
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import StoreUnavailable, store_errors
from wayproof.store.ledger_view import Checkpoint, Moment, become_writer, checkpoint, moment, put_checkpoint, put_rows
from wayproof.store.traced import followed_leaves, heads_between

logger = logging.getLogger(__name__)

USER = "operator"
"""Any member may read blocks."""

FIRST_RETRY_S, LONGEST_RETRY_S = 0.2, 5.0
TAKE_TURNS_S = 0.5
GROUP_BLOCKS = 200
GROUP_BYTES = 8 << 20
"""What is committed at once while there is more to catch up with."""

PART = "projection"
BLOCKS = metrics.counter("wayproof_projection_blocks_total", "Blocks whose rows were committed.")
HEIGHT = metrics.gauge("wayproof_projection_height", "Blocks that are in the store's tables.")
PROJECTED_AT = metrics.gauge("wayproof_projection_timestamp_seconds", "When a block was last taken in, by our clock.")
PROJECTING = metrics.histogram("wayproof_projection_seconds", "How long a block, or a group of them, took.")


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Project until `stop` is set.

    Raises ProjectionError where the ledger is not the one that was projected so far, SchemaError for other tables,
    SettingsError. While the database or the ledger is away, it waits.
    """
    HEALTH.expect(PART)
    projecting = asyncio.create_task(_Projection(settings).run())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((projecting, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        projecting.cancel()  # it is waiting for something: a transaction is never left half-way
    try:
        await projecting
    except asyncio.CancelledError:
        logger.info("stopped")


class _Projection:
    """What the process remembers between two attempts: whether it said that something is away, and for how long."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._away = ""
        self._retry_s = FIRST_RETRY_S

    async def run(self) -> None:
        while True:
            try:
                await self._project()
            except (StoreUnavailable, LedgerError) as error:
                self._say_away(error)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    async def _project(self) -> None:
        """Project from the checkpoint on until the database or the ledger goes away."""
        settings = self._settings
        with connect(settings.database, application="projection", role="projection") as connection:
            schema.require_current(connection)
            await _wait_for_turn(connection)
            async with ledger.connect(settings.ledger, msp_id=settings.organisation, user=USER) as (network, _):
                try:
                    await self._follow(network, connection)
                except FabricError as error:
                    raise LedgerError(f"blocks: {error.diagnostics()}") from error

    async def _follow(self, network: Network, connection: Connection) -> None:
        reached = checkpoint(connection)
        newest = (await network.newest_block()).header.number
        if reached is not None:
            await self._require_same_ledger(network, reached=reached, newest=newest)
            HEIGHT.put(reached.height)
        HEALTH.works(PART)
        group: list[ReadBlock] = []
        async with network.block_events(start_block=reached.height if reached else 0) as events:
            async for message in events:
                group.append(self._read(message.SerializeToString()))
                if group[-1].number >= newest or _is_full(group):
                    began_ns = time.time_ns()
                    reached = take_in(connection, group, reached=reached, organisation=self._settings.organisation)
                    self._say_back(reached, blocks=len(group))
                    self._count(connection, reached, blocks=len(group), began_ns=began_ns)
                    group = []

    async def _require_same_ledger(self, network: Network, *, reached: Checkpoint, newest: int) -> None:
        """Compare the first block, and the last one taken in, with what was projected. Raises ProjectionError."""
        if (await self._block(network, 0)).hash != reached.genesis_hash:
            raise ProjectionError(
                "the channel has another genesis block than the one that was projected: this is another ledger; "
                "correct the settings, or project it into another database",
                code="ledger_other_genesis",
            )
        if newest < reached.height - 1:
            raise LedgerError(
                f"the peer has {newest + 1} blocks, {reached.height} were projected: it is behind, or was restored"
            )
        if (await self._block(network, reached.height - 1)).hash != reached.last_block_hash:
            raise ProjectionError(
                f"block {reached.height - 1} is another one than was projected: the ledger, or this database, was "
                "replaced or restored; find out which is right before going on",
                code="ledger_forked",
            )

    async def _block(self, network: Network, number: int) -> ReadBlock:
        async with network.block_events(start_block=number) as events:
            return self._read((await anext(events)).SerializeToString())

    def _read(self, data: bytes) -> ReadBlock:
        return read_block(data, contract=self._settings.ledger.contract)

    def _count(self, connection: Connection, reached: Checkpoint, *, blocks: int, began_ns: int) -> None:
        """Count blocks that were taken in, and add a span to the traces of what our heads in them cover."""
        now_ns = time.time_ns()
        BLOCKS.add(blocks)
        HEIGHT.put(reached.height)
        PROJECTED_AT.put(now_ns / 1e9)
        PROJECTING.observe((now_ns - began_ns) / 1e9)
        log = self._settings.log
        if log is None or not tracing.is_on():
            return
        for head in heads_between(connection, log_id=log.log_id, first=reached.height - blocks, end=reached.height):
            followed = followed_leaves(
                connection, epoch=head.epoch, first=head.size_before, end=head.size, below=tracing.below()
            )
            tracing.record("project", followed, start_ns=began_ns, end_ns=now_ns, facts={"height": reached.height})

    def _say_away(self, error: WayproofError) -> None:
        HEALTH.fails(PART, error.diagnostics())
        if error.code != self._away:
            logger.warning("waiting", extra={"reason": error.diagnostics(), "code": error.code})
            self._away = error.code

    def _say_back(self, reached: Checkpoint, *, blocks: int) -> None:
        self._retry_s = FIRST_RETRY_S
        logger.log(
            logging.INFO if self._away or blocks > 1 else logging.DEBUG,
            "projected",
            extra={"height": reached.height, "blocks": blocks},
        )
        self._away = ""


def take_in(
    connection: Connection, blocks: Sequence[ReadBlock], *, reached: Checkpoint | None, organisation: str
) -> Checkpoint:
    """Commit the rows of the next blocks, one or more, and the checkpoint behind them; return it."""
    with store_errors(), connection.transaction():
        for block in blocks:
            reached = after(block, reached)
            _put(connection, fold_block(block, organisation=organisation, moments=partial(_moment, connection)))
        if reached is None:
            raise ValueError("no block to take in")
        put_checkpoint(connection, reached)
        failpoint.reach("projection.before_commit")
    failpoint.reach("projection.after_commit")
    return reached


def _put(connection: Connection, writes: Iterable[Write]) -> None:
    rows: dict[str, list[Mapping[str, object]]] = {}
    for write in writes:
        rows.setdefault(write.table, []).append(write.row)
    for table, of_table in rows.items():
        put_rows(connection, table, of_table)


def _moment(connection: Connection, key: str) -> Moment:
    found = moment(connection, key)
    if found is None:
        raise ProjectionError(f"{key} was not projected, but a later event was; run `wayproof fsck`")
    return found


def _is_full(group: Sequence[ReadBlock]) -> bool:
    return len(group) >= GROUP_BLOCKS or sum(len(block.data) for block in group) >= GROUP_BYTES


async def _wait_for_turn(connection: Connection) -> None:
    has_said = False
    while not become_writer(connection):
        if not has_said:
            logger.warning("another process projects into this database; waiting for its end")
            has_said = True
        await asyncio.sleep(TAKE_TURNS_S)
