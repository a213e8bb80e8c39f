"""One look after the store: weeks ahead, numbers by the hour, weeks that are let go of or compressed.

Each step is a transaction of its own and waits for nobody longer than `WAIT_MS`: whoever takes a whole table keeps
ingest waiting too. What is kept from it is tried again in the next round.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from wayproof import failpoint
from wayproof.store import retention, rollups, storage
from wayproof.store.connection import Connection
from wayproof.store.errors import StoreBusy, store_errors

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

WAIT_MS = 300
TRIES, PAUSE_S = 5, 1.0


@dataclass(slots=True)
class Done:
    """What a round did: weeks made, dropped, compressed; leaves summed up, readings dropped; what was left and why."""

    made: list[int] = field(default_factory=list)
    leaves: int = 0
    dropped: list[int] = field(default_factory=list)
    rows: int = 0
    compressed: list[int] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Whether others kept it from something."""
        return any(reason.endswith("in use") for reason in self.left)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Looks after one database. The only one on it, for it holds the lock.

    Attributes:
        connection: as the role `maintain`.
        keep_weeks: how many whole weeks of readings are kept; None: all.
        compress_after: after how many whole weeks readings are compressed; None: never.
        group_size: most leaves of one transaction.
        pause_s: how long to wait for others between two tries, in seconds.
        is_stopped: whether to end after the step that runs.
    """

    connection: Connection
    keep_weeks: int | None
    group_size: int
    compress_after: int | None = None
    pause_s: float = PAUSE_S
    is_stopped: Callable[[], bool] = field(default=lambda: False)

    def run(self, *, now_ms: int | None = None) -> Done:
        """Do all there is to do. Raises as the store does; what was done before stays."""
        now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        done = Done()
        self._make_weeks(done, now_ms)
        self._roll_up(done)
        if self.keep_weeks is not None:
            self._let_go(
                done, retention.expired(storage.weeks(self.connection), keep_weeks=self.keep_weeks, now_ms=now_ms)
            )
        if self.compress_after is not None:
            self._compress(
                done, retention.expired(storage.weeks(self.connection), keep_weeks=self.compress_after, now_ms=now_ms)
            )
        return done

    def _make_weeks(self, done: Done, now_ms: int) -> None:
        made = self._patiently(lambda: storage.make_weeks(self.connection, now_ms=now_ms))
        if made is None:
            done.left.append("weeks ahead: reading is in use")
        done.made.extend(made or ())

    def _roll_up(self, done: Done) -> None:
        count = self.group_size
        while count == self.group_size and not self.is_stopped():
            with store_errors(), self.connection.transaction():
                count = rollups.roll_up(self.connection, limit=self.group_size)
                rollups.again(self.connection)
                failpoint.reach("rollups.before_commit")
            failpoint.reach("rollups.after_commit")
            done.leaves += count

    def _let_go(self, done: Done, weeks: Sequence[int]) -> None:
        for week in weeks:
            if self.is_stopped():
                break
            needed_by = retention.needed_by(self.connection, week)
            if needed_by:
                done.left.append(f"weeks from {week} on: needed by {needed_by}")
                break
            rows = self._patiently(lambda week=week: self._drop(week))  # type: ignore[misc]
            if rows is None:
                done.left.append(f"week {week}: reading is in use")
                break
            done.dropped.append(week)
            done.rows += rows
        if done.dropped:
            done.rows += self._patiently(lambda: retention.drop_late(self.connection)) or 0

    def _compress(self, done: Done, weeks: Sequence[int]) -> None:
        for week in weeks:
            if self.is_stopped():
                break
            is_done = self._patiently(lambda week=week: [retention.compress_week(self.connection, week)])  # type: ignore[misc]
            if is_done is None:
                done.left.append(f"week {week}: it is in use")
            elif is_done[0] is None:
                done.left.append("compression: it needs a hypertable, and TimescaleDB under its own licence")
                break
            elif is_done[0]:
                done.compressed.append(week)

    def _drop(self, week: int) -> int:
        rows = retention.drop_week(self.connection, week)
        failpoint.reach("retention.before_commit")
        return rows

    def _patiently(self, step: Callable[[], Result]) -> Result | None:
        """Do a step in a transaction, again where others are in its way; None if they stay there."""
        for left in reversed(range(TRIES)):
            try:
                with store_errors(), self.connection.transaction():
                    retention.wait_at_most(self.connection, WAIT_MS)
                    return step()
            except StoreBusy:
                if left:
                    time.sleep(self.pause_s)
        return None
