"""`wayproof store maintain`: looks after the store every hour. While the database is away it waits, and goes on.

It needs the database only, and no organisation's log: without messages there is little to do.
"""

import asyncio
import logging
import time

from wayproof.errors import WayproofError
from wayproof.maintenance.rounds import Done, Rounds
from wayproof.observability import metrics
from wayproof.observability.health import HEALTH
from wayproof.settings import Settings
from wayproof.store import retention, rollups, schema, storage
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import StoreError, StoreUnavailable
from wayproof.store.weeks import WEEK_MS

logger = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 15.0
TAKE_TURNS_S = 0.5
BUSY_AGAIN_S = 60.0
"""How soon what others were in the way of is tried again."""

WEEKS = metrics.gauge("wayproof_store_weeks", "Weeks that readings have a table of their own for.")
LAST_WEEK = metrics.gauge(
    "wayproof_store_last_week_timestamp_seconds", "When the last week ends that readings have a table for."
)
BYTES = metrics.gauge("wayproof_store_reading_bytes", "What readings take of the disk, with their index.")
WAITING = metrics.gauge("wayproof_store_rollup_messages_waiting", "Leaves of the log that no hour has in it yet.")
ROLLED_UP = metrics.counter("wayproof_store_rollup_messages_total", "Leaves of the log that were added to their hours.")
DROPPED = metrics.gauge("wayproof_store_dropped_weeks", "Weeks whose readings were let go of.")
LEFT = metrics.counter("wayproof_store_left_total", "What a round wanted to do and could not.")
ROUNDS = metrics.gauge("wayproof_store_round_timestamp_seconds", "When the store was last looked after, by our clock.")


async def run(settings: Settings, *, stop: asyncio.Event) -> None:
    """Look after the store until `stop` is set. Raises SchemaError for other tables."""
    HEALTH.expect("maintaining")
    keeping = asyncio.create_task(_Keeping(settings, stop).run())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((keeping, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        keeping.cancel()
    try:
        await keeping
    except asyncio.CancelledError:
        logger.info("stopped")


def once(settings: Settings) -> Done:
    """Look after the store once. Raises StoreError (keeper_running) while another process does."""
    with connect(settings.database, application="maintain", role="maintain") as connection:
        schema.require_current(connection)
        if not rollups.become_keeper(connection):
            raise StoreError("another process looks after this database: stop it first", code="keeper_running")
        done = rounds(connection, settings).run()
    say(done)
    return done


def rounds(connection: Connection, settings: Settings, *, stop: asyncio.Event | None = None) -> Rounds:
    """Return who does what the settings say."""
    return Rounds(
        connection,
        keep_weeks=settings.database.keep_readings_weeks,
        group_size=settings.maintenance.group_size,
        compress_after=settings.database.compress_readings_after_weeks,
        is_stopped=(lambda: False) if stop is None else stop.is_set,
    )


def say(done: Done) -> None:
    """Log what a round did, in one line."""
    logger.info(
        "looked after the store",
        extra={
            "weeks_made": done.made,
            "messages_rolled_up": done.leaves,
            "weeks_dropped": done.dropped,
            "readings_dropped": done.rows,
            "weeks_compressed": done.compressed,
            "left": done.left,
        },
    )


class _Keeping:
    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self._settings, self._stop = settings, stop
        self._away = ""
        self._retry_s = FIRST_RETRY_S

    async def run(self) -> None:
        while True:
            try:
                await self._keep()
            except StoreUnavailable as error:
                self._say_away(error)
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, LONGEST_RETRY_S)

    async def _keep(self) -> None:
        """Look after the store, again and again, until the database goes away."""
        with connect(self._settings.database, application="maintain", role="maintain") as connection:
            schema.require_current(connection)
            has_said = False
            while not rollups.become_keeper(connection):
                if not has_said:
                    logger.warning("another process looks after this database; waiting for its end")
                    has_said = True
                await asyncio.sleep(TAKE_TURNS_S)
            HEALTH.works("maintaining")
            looking = rounds(connection, self._settings, stop=self._stop)
            while True:
                done = await self._whole_round(connection, looking)
                self._away, self._retry_s = "", FIRST_RETRY_S
                wait_s = self._settings.maintenance.interval_s
                await asyncio.sleep(min(wait_s, BUSY_AGAIN_S) if done.is_busy else wait_s)

    async def _whole_round(self, connection: Connection, looking: Rounds) -> Done:
        """Let a thread do a round. Stopped, it ends after its step: nobody closes the connection under it."""
        running = asyncio.ensure_future(asyncio.to_thread(self._round, connection, looking))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _round(self, connection: Connection, looking: Rounds) -> Done:
        done = looking.run()
        say(done)
        ROLLED_UP.add(done.leaves)
        LEFT.add(len(done.left))
        _measure(connection)
        return done

    def _say_away(self, error: WayproofError) -> None:
        HEALTH.fails("maintaining", error.diagnostics())
        if error.code != self._away:
            logger.warning("waiting", extra={"reason": error.diagnostics(), "code": error.code})
            self._away = error.code


def _measure(connection: Connection) -> None:
    weeks = storage.weeks(connection)
    WEEKS.put(len(weeks))
    LAST_WEEK.put((max(weeks, default=-1) + 1) * WEEK_MS / 1000)
    BYTES.put(storage.sizes(connection).bytes)
    WAITING.put(rollups.waiting(connection))
    DROPPED.put(len(retention.dropped(connection)))
    ROUNDS.put(time.time())
