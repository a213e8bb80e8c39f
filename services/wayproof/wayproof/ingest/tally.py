"""What ingest did: counted for whoever measures, said in the log every few seconds, followed in traces."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from wayproof.observability import metrics, tracing
from wayproof.observability.health import HEALTH

logger = logging.getLogger(__name__)

SAID_EVERY_S = 5.0
PART = "taking in"
BROKER = "broker"
"""Whether the broker sends us what is published."""

COUNTERS = {
    "received": metrics.counter(
        "wayproof_ingest_messages_received_total", "Messages that came from the broker, again and again where they did."
    ),
    "stored": metrics.counter("wayproof_ingest_messages_stored_total", "Messages that are in the store and were not."),
    "duplicates": metrics.counter(
        "wayproof_ingest_messages_duplicate_total", "Messages that were in the store already and were left out."
    ),
    "equivocations": metrics.counter(
        "wayproof_ingest_equivocations_total", "Second messages at one place of a stream; both are kept."
    ),
    "receipted": metrics.counter(
        "wayproof_ingest_messages_receipted_total", "Messages that receipts named as held, again where they came again."
    ),
    "receipts": metrics.counter("wayproof_ingest_receipts_total", "Receipts handed over to be sent."),
}
REJECTED = metrics.counter("wayproof_ingest_rejected_total", "Payloads that were refused, by code.", labels=("code",))
GROUP_AGE = metrics.histogram(
    "wayproof_ingest_group_age_seconds",
    "From the arrival of a group's first message to its receipts: committed and acknowledged in between.",
)


class Followed(Protocol):
    """A message as far as its trace tells."""

    @property
    def message_hash(self) -> bytes:
        """What its trace is found by."""

    @property
    def received_at_ms(self) -> int:
        """Our clock at its arrival."""


class Tally:
    """Counts since the process began: received, stored, duplicates, equivocations, rejected by code, receipts."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._has_changed = False
        self._said_at_s = time.monotonic()
        self._was_subscribed: bool | None = None
        HEALTH.expect(PART, BROKER)

    def add(self, *, rejected: Counter[str], **counts: int) -> None:
        """Add the counts of one group."""
        self._counts.update(counts)
        self._rejected.update(rejected)
        self._has_changed = True
        for name, count in counts.items():
            COUNTERS[name].add(count)
        for code, count in rejected.items():
            REJECTED.add(count, str(code))

    def follow(
        self, stored: Sequence[Followed], *, first_received_at_ms: int, began_ns: int, committed_ns: int
    ) -> None:
        """Note how long a group took, and what became of the messages of it that are followed."""
        now_ns = time.time_ns()
        GROUP_AGE.observe(max(0.0, now_ns / 1e9 - first_received_at_ms / 1e3))
        if not tracing.is_on():
            return
        for message in stored:
            of = [message.message_hash]
            tracing.record(tracing.FIRST, of, start_ns=message.received_at_ms * 1_000_000, end_ns=now_ns)
        tracing.record("commit", (it.message_hash for it in stored), start_ns=began_ns, end_ns=committed_ns)

    def turned(self, *, is_subscribed: bool) -> None:
        """Note that the main loop turned, and whether the broker serves us; log changed counts every few seconds."""
        HEALTH.beat()
        if is_subscribed and not self._was_subscribed:
            HEALTH.works(BROKER)
        elif not is_subscribed and self._was_subscribed is not False:
            HEALTH.fails(BROKER, "it is away, or refuses the subscription; the log says why")
        self._was_subscribed = is_subscribed
        HEALTH.works(PART)  # the log is registered, and the thread that talks to the broker lives
        if time.monotonic() - self._said_at_s >= SAID_EVERY_S:
            self.say()

    def say(self) -> None:
        """Log the counts if they changed since they were last said."""
        if self._has_changed:
            logger.info("taken in", extra={**self._counts, "rejected": dict(self._rejected)})
        self._has_changed = False
        self._said_at_s = time.monotonic()
