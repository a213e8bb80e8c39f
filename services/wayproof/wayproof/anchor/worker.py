"""The anchor process: seals what waits and records the head, every few seconds, neither waiting for the other.

The database or the ledger may be away: what cannot be done now is done later, said once in the log. While the ledger
is away the log grows, and one anchor then covers all of it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wayproof import ledger as ledgers
from wayproof.anchor.anchoring import Head, anchor, ledger_head
from wayproof.anchor.errors import LogBehindLedger
from wayproof.anchor.sealing import STEP, seal_step
from wayproof.errors import WayproofError
from wayproof.ledger import Ledger
from wayproof.observability import metrics, tracing
from wayproof.observability.health import HEALTH
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import SchemaError, store_errors
from wayproof.store.traced import followed_leaves

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Step = Callable[[Connection], Awaitable[None]]

RETRY_S = 0.5
"""Pause before the database is tried again at the start."""

SEAL_EVERY_S = 1.0
"""Pause between two steps of sealing, where that is shorter than `anchor.interval_s`. With the same pause for both, a
message could wait a whole interval to be sealed and another one to be anchored."""

SEALED_AT = metrics.gauge("wayproof_log_sealed_timestamp_seconds", "When all that waited was sealed, by our clock.")
ANCHORS = metrics.counter("wayproof_anchors_total", "Heads of the log that were recorded on the ledger.")
ANCHORED_SIZE = metrics.gauge("wayproof_anchored_size", "Leaves under the newest head that we recorded on the ledger.")
ANCHORED_AT = metrics.gauge("wayproof_anchor_timestamp_seconds", "When a head was last recorded, by our clock.")
ANCHORING = metrics.histogram("wayproof_anchor_seconds", "How long recording a head took, until the ledger had it.")


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Seal and anchor until `stop` is set. Raises SettingsError, and SchemaError at the start."""
    settings.require_log()
    HEALTH.expect("sealing", "anchoring")
    async with ledgers.connect(settings.ledger, msp_id=settings.organisation, user="anchor") as (_, ledger):
        if not await _store_is_ready(settings, stop=stop):
            return
        async with asyncio.TaskGroup() as tasks:
            step, interval_s = _anchor(ledger, settings), settings.anchor.interval_s
            tasks.create_task(
                _repeat(_seal, "sealing", every_s=min(SEAL_EVERY_S, interval_s), settings=settings, stop=stop)
            )
            tasks.create_task(_repeat(step, "anchoring", every_s=interval_s, settings=settings, stop=stop))


async def _seal(connection: Connection) -> None:
    """Seal all that waits."""
    total, sealed = 0, STEP
    while sealed == STEP:
        sealed = seal_step(connection)
        total += sealed
        await asyncio.sleep(0)  # the other task's turn, and a place to stop at
    SEALED_AT.put(time.time())
    if total:
        logger.info("sealed", extra={"messages": total})


def _anchor(ledger: Ledger, settings: Settings) -> Step:
    log_id, heartbeat_s = settings.require_log().log_id, settings.anchor.heartbeat_s

    async def step(connection: Connection) -> None:
        before = await ledger_head(ledger, log_id=log_id) if tracing.is_on() else None
        began_ns = time.time_ns()
        head = await anchor(ledger, connection, log_id=log_id, heartbeat_s=heartbeat_s, now_ms=began_ns // 1_000_000)
        if head is not None:
            facts = {"log_id": log_id, "epoch": head.epoch, "counter": head.counter, "size": head.size}
            logger.info("anchored", extra={**facts, "root": head.root.hex()})
            _count(head, began_ns=began_ns)
            if before is not None:
                _follow(connection, before, head, began_ns=began_ns)

    return step


def _count(head: Head, *, began_ns: int) -> None:
    now_ns = time.time_ns()
    ANCHORS.add()
    ANCHORED_SIZE.put(head.size)
    ANCHORED_AT.put(now_ns / 1e9)
    ANCHORING.observe((now_ns - began_ns) / 1e9)


def _follow(connection: Connection, before: Head, head: Head, *, began_ns: int) -> None:
    """Add a span to the traces of what the new head covers and the one before did not."""
    now_ns = time.time_ns()
    first = before.size if before.epoch == head.epoch else 0
    followed = followed_leaves(connection, epoch=head.epoch, first=first, end=head.size, below=tracing.below())
    facts = {"epoch": head.epoch, "counter": head.counter, "size": head.size}
    tracing.record("anchor", followed, start_ns=began_ns, end_ns=now_ns, facts=facts)


async def _repeat(step: Step, what: str, *, every_s: float, settings: Settings, stop: asyncio.Event) -> None:
    """Take the step again and again until `stop` is set, on a connection of its own, opened again when it broke."""
    connection: Connection | None = None
    report = Report(what, again_s=settings.anchor.heartbeat_s)
    while not stop.is_set():
        try:
            if connection is None or connection.closed:
                connection = _open(settings)
            with store_errors():
                await _unless(stop, step(connection))
            report.works()
            HEALTH.works(what)
        except WayproofError as error:
            report.failed(error)
            HEALTH.fails(what, error.diagnostics())
        await _unless(stop, asyncio.sleep(every_s))
    if connection is not None:
        connection.close()


class Report:
    """Says in the log when something stops or begins to work: once, and a log that is behind again and again."""

    def __init__(self, what: str, *, again_s: float) -> None:
        self._what, self._again_s = what, again_s
        self._code = ""
        self._said_at_s = 0.0

    def works(self) -> None:
        """It did."""
        if self._code:
            logger.info("%s works again", self._what)
        self._code = ""

    def failed(self, error: WayproofError) -> None:
        """It did not."""
        is_behind = isinstance(error, LogBehindLedger)
        is_due = is_behind and time.monotonic() - self._said_at_s >= self._again_s
        if error.code != self._code or is_due:
            level = logging.ERROR if is_behind else logging.WARNING
            logger.log(level, "%s: %s", self._what, error.diagnostics(), extra={"code": error.code})
            self._said_at_s = time.monotonic()
        self._code = error.code


async def _store_is_ready(settings: Settings, *, stop: asyncio.Event) -> bool:
    """Wait until the database answers; False if stopped before. Raises SchemaError."""
    report = Report("the database", again_s=settings.anchor.heartbeat_s)
    while not stop.is_set():
        try:
            _open(settings).close()
        except SchemaError:
            raise
        except WayproofError as error:
            report.failed(error)
            await _unless(stop, asyncio.sleep(RETRY_S))
        else:
            return True
    return False


def _open(settings: Settings) -> Connection:
    connection = connect(settings.database, application="anchor", role="anchor")
    try:
        schema.require_current(connection)
    except WayproofError:
        connection.close()
        raise
    return connection


async def _unless(stop: asyncio.Event, doing: Awaitable[Result]) -> Result | None:
    """Wait for something, or until `stop` is set: then it is cancelled, and the answer is None."""
    task, stopped = asyncio.ensure_future(doing), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for it in (task, stopped):
            it.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
