"""Whether this process lives and can do its work, as its own parts say it.

    HEALTH.works("database")
    HEALTH.fails("database", "connection refused")
    HEALTH.beat()

A part is something without which the process cannot do its work. It is **ready** when all of its parts work, and
**live** while its main loop turns: away databases and ledgers are no reason to start it again.
"""

import threading
import time
from collections.abc import Callable, Sequence

from wayproof.observability import metrics

STUCK_AFTER_S = 60.0
"""A main loop that has not turned for so long is stuck."""

ASKED_AGAIN_S = 5.0
"""How long an answer is good."""

WORKS = metrics.gauge(
    "wayproof_part_works", "1 while a part of the process works, 0 while it does not.", labels=("part",)
)
FAILURES = metrics.counter("wayproof_part_failures_total", "How often a part of the process failed.", labels=("part",))


class Health:
    """What the parts of a process said last. Used from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}
        self._questions: dict[str, Callable[[], str]] = {}
        self._asked_at_s = float("-inf")
        self._beat_at_s: float | None = None

    def expect(self, *parts: str) -> None:
        """Name parts that have not said anything yet: the process is not ready without them."""
        for part in parts:
            self._note(part, "it has not begun")

    def works(self, part: str) -> None:
        """Note that a part works."""
        self._note(part, "")

    def fails(self, part: str, reason: str) -> None:
        """Note that a part does not work, and why."""
        self._note(part, reason or "it failed")
        FAILURES.add(1, part)

    def ask(self, part: str, question: Callable[[], str]) -> None:
        """Let a part be asked when somebody wants to know; the answer, empty where it works, is good for a while.

        The question must not raise; it is asked from the asking thread.
        """
        self._questions[part] = question

    def beat(self) -> None:
        """Note that the main loop turns. Before the first time, nobody expects it."""
        self._beat_at_s = self._clock()

    @property
    def is_live(self) -> bool:
        """Whether the main loop turns."""
        beat_at_s = self._beat_at_s
        return beat_at_s is None or self._clock() - beat_at_s <= STUCK_AFTER_S

    def missing(self) -> Sequence[str]:
        """Return what is missing, each with its reason; nothing where the process is ready."""
        self._ask()
        with self._lock:
            if not self._reasons:
                return ["nothing has begun yet"]
            return [f"{part}: {reason}" for part, reason in sorted(self._reasons.items()) if reason]

    def forget(self) -> None:
        """Begin anew, as a process does."""
        with self._lock:
            self._reasons.clear()
            self._questions.clear()
            self._asked_at_s = float("-inf")
            self._beat_at_s = None

    def _ask(self) -> None:
        with self._lock:
            if self._clock() - self._asked_at_s < ASKED_AGAIN_S:
                return
            self._asked_at_s = self._clock()
        for part, question in list(self._questions.items()):
            reason = question()
            if reason:
                self.fails(part, reason)
            else:
                self.works(part)

    def _note(self, part: str, reason: str) -> None:
        with self._lock:
            self._reasons[part] = reason
        WORKS.put(0 if reason else 1, part)


HEALTH = Health()
"""That of this process."""
