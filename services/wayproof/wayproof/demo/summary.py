"""The demo's last word: what was sent, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wayproof.store.audit import Audit
from wayproof.store.flagged import FlagCount


@dataclass(frozen=True, slots=True)
class Verified:
    """Evidence made and accepted, changed copies made and refused, and one file to look at."""

    made: int
    accepted: int
    tampered: int
    refused: int
    example: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that the demo has to show."""

    shipments: int
    closed: int
    audit: Audit
    excursions: Sequence[tuple[str, str]]
    flags: Sequence[FlagCount]
    verified: Verified
    tampered_row_found: bool
    seconds: float

    @property
    def is_as_it_must(self) -> bool:
        """Whether nothing was lost or doubled, all evidence accepted, and every change found."""
        return (
            self.audit.lost == 0
            and self.audit.duplicated == 0
            and self.audit.sent == self.audit.receipted == self.audit.anchored
            and self.verified.made == self.verified.accepted
            and self.verified.tampered == self.verified.refused
            and self.tampered_row_found
        )


def table(outcome: Outcome) -> str:
    """Return the summary as lines for a terminal."""
    audit, verified = outcome.audit, outcome.verified
    warm = sum(direction == "high" for _, direction in outcome.excursions)
    rows = [
        ("shipments", f"{outcome.shipments}, of which {outcome.closed} closed"),
        ("messages sent", f"{audit.sent}"),
        ("receipted", f"{audit.receipted}"),
        ("stored", f"{audit.stored}  (and {audit.unexpected} in no send log: equivocations)"),
        ("logged", f"{audit.logged}"),
        ("anchored", f"{audit.anchored}"),
        ("rejected", f"{audit.rejected}"),
        ("lost", f"{audit.lost}"),
        ("duplicated", f"{audit.duplicated}"),
        ("excursions", f"{len(outcome.excursions)}: {warm} warm, {len(outcome.excursions) - warm} cold"),
        ("flags", _flags(outcome.flags)),
        ("evidence", f"{verified.accepted} of {verified.made} accepted"),
        ("tampered evidence", f"{verified.refused} of {verified.tampered} copies refused"),
        ("tampered row", "named by fsck" if outcome.tampered_row_found else "NOT FOUND"),
        ("time", f"{outcome.seconds:.0f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:{width}}  {value}" for name, value in rows]
    verdict = "Everything ended as it must." if outcome.is_as_it_must else "NOT EVERYTHING ENDED AS IT MUST."
    return "\n".join(["Summary", *lines, "", verdict])


def _flags(counts: Sequence[FlagCount]) -> str:
    """Return what is flagged as not plausible: `3: 1 two_places, 2 rate_of_change`."""
    told = ", ".join(f"{it.readings} {it.code}" for it in counts)
    return f"{sum(it.readings for it in counts)}{f': {told}' if told else ''}"
