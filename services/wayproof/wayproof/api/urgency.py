"""How urgent a shipment is by what the ledger alone says, for who has no monitor, and the order of the list. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wayproof.api.models import ExcursionCounts, Reason, UrgencyName
from wayproof_verifier import coldchain

Record = Mapping[str, Any]

URGENCIES: tuple[UrgencyName, ...] = ("critical", "warning", "attention", "fine")
"""By number, as the monitor writes them."""

CRITICAL, WARNING, ATTENTION, FINE = range(4)

MS_PER_MINUTE, MS_PER_HOUR, MS_PER_DAY = 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Judged:
    """How urgent a shipment is (0 critical to 3 fine), and why, the most urgent reason first."""

    urgency: int
    reasons: list[Reason]


def excursion_counts(recorded: Iterable[Record]) -> ExcursionCounts:
    """Count the standing verdicts."""
    standing = coldchain.standing(recorded)
    return ExcursionCounts(
        open=sum("ended_at_ms" not in it for it in standing),
        unresolved=sum("resolution" not in it for it in standing),
        total=len(standing),
    )


def judge(
    *, due_at_ms: int, offer_to: str | None, excursions: Iterable[Record] | None, organisation: str, now_ms: int
) -> Judged:
    """Judge an open shipment by its due time, a pending offer, and the verdicts recorded of it."""
    reasons: list[tuple[int, Reason]] = []
    counts = excursion_counts(excursions or ())
    if counts.unresolved:
        lasting = " that has not ended" if counts.open else ""
        text = f"{_count(counts.unresolved, 'excursion')}{lasting}, not resolved"
        reasons.append((CRITICAL if counts.open else WARNING, Reason(code="excursion_unresolved", text=text)))
    if now_ms > due_at_ms:
        reasons.append((WARNING, Reason(code="overdue", text=f"due {_duration(now_ms - due_at_ms)} ago")))
    if offer_to == organisation:
        reasons.append((ATTENTION, Reason(code="offer_to_us", text="custody is offered to us")))
    elif offer_to is not None:
        pending = Reason(code="offer_pending", text=f"custody is offered to {offer_to}, not accepted yet")
        reasons.append((ATTENTION, pending))
    return Judged(min((urgency for urgency, _ in reasons), default=FINE), [reason for _, reason in reasons])


def _duration(span_ms: int) -> str:
    for unit_ms, noun in ((MS_PER_DAY, "day"), (MS_PER_HOUR, "hour"), (MS_PER_MINUTE, "minute")):
        if span_ms >= unit_ms:
            return _count(span_ms // unit_ms, noun)
    return "less than a minute"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
