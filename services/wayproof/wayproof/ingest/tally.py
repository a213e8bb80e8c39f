"""What ingest did, counted, and said every few seconds if there is something to say."""

import logging
import time
from collections import Counter

logger = logging.getLogger(__name__)

SAID_EVERY_S = 5.0


class Tally:
    """Counts since the process began: received, stored, duplicates, equivocations, rejected by code, receipts."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._has_changed = False
        self._said_at_s = time.monotonic()

    def add(self, *, rejected: Counter[str], **counts: int) -> None:
        """Add the counts of one group."""
        self._counts.update(counts)
        self._rejected.update(rejected)
        self._has_changed = True

    def say_if_due(self) -> None:
        """Log the counts if they changed, at most every few seconds."""
        if time.monotonic() - self._said_at_s >= SAID_EVERY_S:
            self.say()

    def say(self) -> None:
        """Log the counts if they changed since they were last said."""
        if self._has_changed:
            logger.info("taken in", extra={**self._counts, "rejected": dict(self._rejected)})
        self._has_changed = False
        self._said_at_s = time.monotonic()
