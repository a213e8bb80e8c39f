"""`wayproof monitor`: look at open shipments every few seconds, and record what is found.

People see a shipment's state (`watch`) also while the ledger is away; verdicts wait for it. Nothing is remembered
between two lives: what the ledger does not say yet is found again.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from wayproof import ledger
from wayproof.errors import LedgerError, WayproofError
from wayproof.ledger import Ledger
from wayproof.monitor.recorder import record
from wayproof.monitor.rounds import Rounds
from wayproof.observability import metrics
from wayproof.observability.health import HEALTH
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import connect
from wayproof.store.errors import StoreUnavailable, store_errors
from wayproof_verifier.coldchain import Excursion

logger = logging.getLogger(__name__)

USER = "monitor"
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 15.0

LOOKED_AT = metrics.counter("wayproof_monitor_shipments_judged_total", "Shipments that were read and judged again.")
WAITING = metrics.gauge(
    "wayproof_monitor_shipments_waiting", "Shipments with verdicts that the ledger does not have yet."
)
GAPS = metrics.gauge("wayproof_monitor_gaps", "Gaps in the streams of open shipments, each counted for its shipment.")
MISSING = metrics.gauge("wayproof_monitor_messages_missing", "Messages that are missing in these gaps.")
ROUNDS = metrics.histogram("wayproof_monitor_round_seconds", "How long one look at all that is due took.")


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Monitor until `stop` is set. Raises SchemaError for other tables, SettingsError.

    While the database or the ledger is away, it tries again, less and less often, and says so once.
    """
    HEALTH.expect("watching")  # whether it can record shows when there is something to record
    monitoring = asyncio.create_task(_Monitor(settings).run())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait((monitoring, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    monitoring.cancel()  # between two statements, or while the ledger is asked: what was not recorded is found again
    try:
        await monitoring
    except asyncio.CancelledError:
        logger.info("stopped")


class _Absence:
    """Something that is away: said once, and how long to wait before the next try."""

    def __init__(self, what: str, *, part: str) -> None:
        self._what, self._part = what, part
        self._code = ""
        self._retry_s = FIRST_RETRY_S
        self._until_s = 0.0

    def begin(self, error: WayproofError) -> float:
        """Note that it is away; return how long to wait, in seconds."""
        if error.code != self._code:
            logger.warning("waiting", extra={"away": self._what, "code": error.code, "reason": error.diagnostics()})
        self._code = error.code
        HEALTH.fails(self._part, error.diagnostics())
        wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, LONGEST_RETRY_S)
        self._until_s = time.monotonic() + wait_s
        return wait_s

    def end(self) -> None:
        """Note that it answered."""
        if self._code:
            logger.info("going on", extra={"back": self._what})
        HEALTH.works(self._part)
        self._code, self._retry_s, self._until_s = "", FIRST_RETRY_S, 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early for the next try."""
        return time.monotonic() < self._until_s


class _Monitor:
    """What waits to be recorded, and what is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = _Absence("database", part="watching")
        self._ledger = _Absence("ledger", part="recording")
        self._waiting = dict[str, Sequence[Excursion]]()

    async def run(self) -> None:
        settings = self._settings
        async with ledger.connect(settings.ledger, msp_id=settings.organisation, user=USER) as (_, recorded_on):
            while True:
                try:
                    await self._follow(recorded_on)
                except StoreUnavailable as error:
                    await asyncio.sleep(self._database.begin(error))

    async def _follow(self, recorded_on: Ledger) -> None:
        """Look and record until the database goes away."""
        settings = self._settings
        with (
            store_errors(),  # at a commit, too
            connect(settings.database, application="monitor", role="monitor") as connection,
        ):
            schema.require_current(connection)
            rounds = Rounds(connection, organisation=settings.organisation)
            while True:
                await self._look(rounds)
                self._database.end()
                await self._record(recorded_on)
                await asyncio.sleep(settings.monitor.interval_s)

    async def _look(self, rounds: Rounds) -> None:
        began_s = time.monotonic()
        for gsin in rounds.due(now_ms=_now_ms()):
            found = rounds.look(gsin, now_ms=_now_ms())
            if found:
                self._waiting[gsin] = found
            else:
                self._waiting.pop(gsin, None)
            LOOKED_AT.add()
            await asyncio.sleep(0)  # with many shipments: end promptly when asked to
        ROUNDS.observe(time.monotonic() - began_s)
        WAITING.put(len(self._waiting))
        GAPS.put(rounds.gaps)
        MISSING.put(rounds.missing)

    async def _record(self, recorded_on: Ledger) -> None:
        if self._ledger.is_waiting:
            return
        try:
            for gsin, found in list(self._waiting.items()):
                await record(recorded_on, gsin, found=found)
                del self._waiting[gsin]
                self._ledger.end()
                WAITING.put(len(self._waiting))
        except LedgerError as error:
            self._ledger.begin(error)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
