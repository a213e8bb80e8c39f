"""`wayproof plausibility`: judges what the log has more, every second, and flags readings that are not plausible.

It needs the database only. While that is away it waits, and goes on where it was.
"""

import asyncio
import logging
import time

from wayproof.errors import WayproofError
from wayproof.flags.follow import Follower
from wayproof.observability import metrics
from wayproof.observability.health import HEALTH
from wayproof.plausibility.profile import rule_set
from wayproof.settings import Settings
from wayproof.store import flags as stored
from wayproof.store import schema
from wayproof.store.connection import connect
from wayproof.store.errors import StoreUnavailable
from wayproof.store.log_messages import behind

logger = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 0.2, 5.0
TAKE_TURNS_S = 0.5

JUDGED = metrics.counter("wayproof_plausibility_messages_judged_total", "Leaves of the log that rules have seen.")
FLAGGED = metrics.counter("wayproof_plausibility_flags_total", "Flags that were put on readings.")
STEPS = metrics.histogram("wayproof_plausibility_step_seconds", "How long one group of messages took.")
BEHIND = metrics.gauge("wayproof_plausibility_messages_waiting", "Leaves of the log that no rule has seen yet.")


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Judge until `stop` is set. Raises SettingsError without a log, SchemaError for other tables."""
    settings.require_log()
    HEALTH.expect("judging")
    judging = asyncio.create_task(_Judging(settings).run())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((judging, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        judging.cancel()  # it is waiting for something: a transaction is never left half-way
    try:
        await judging
    except asyncio.CancelledError:
        logger.info("stopped")


class _Judging:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._away = ""
        self._retry_s = FIRST_RETRY_S

    async def run(self) -> None:
        while True:
            try:
                await self._judge()
            except StoreUnavailable as error:
                self._say_away(error)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    async def _judge(self) -> None:
        """Judge from the checkpoint on until the database goes away."""
        settings = self._settings.plausibility
        with connect(self._settings.database, application="plausibility", role="plausibility") as connection:
            schema.require_current(connection)
            has_said = False
            while not stored.become_flagger(connection):
                if not has_said:
                    logger.warning("another process judges this database; waiting for its end")
                    has_said = True
                await asyncio.sleep(TAKE_TURNS_S)
            follower = Follower(connection, rule_set(settings.profiles, most_runs=settings.most_runs))
            while True:
                judged = self._step(follower)
                self._say_back()
                BEHIND.put(behind(connection, follower.place))
                await asyncio.sleep(0 if judged == settings.group_size else settings.interval_s)

    def _step(self, follower: Follower) -> int:
        began_s = time.monotonic()
        judged, flags = follower.follow(limit=self._settings.plausibility.group_size)
        if judged:
            STEPS.observe(time.monotonic() - began_s)
            JUDGED.add(judged)
            FLAGGED.add(flags)
        if flags:
            logger.info("flagged", extra={"messages": judged, "flags": flags})
        return judged

    def _say_away(self, error: WayproofError) -> None:
        HEALTH.fails("judging", error.diagnostics())
        if error.code != self._away:
            logger.warning("waiting", extra={"reason": error.diagnostics(), "code": error.code})
            self._away = error.code

    def _say_back(self) -> None:
        HEALTH.works("judging")
        self._away, self._retry_s = "", FIRST_RETRY_S
