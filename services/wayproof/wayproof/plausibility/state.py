"""What rules remember, and the outcome of a step: whole numbers only, stored and read back exactly."""

from dataclasses import dataclass

State = tuple[int, ...]
"""What one rule remembers of one stream, series or position, empty at the beginning. Each rule says what it holds."""

Verdict = tuple[State, str]
"""What a rule remembers now, and why the reading is flagged: empty where it is not."""

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a series: when it was observed (milliseconds since 1970), and what, in millionths of the unit."""

    at_ms: int
    value: int


def span(milliseconds: int) -> str:
    """Return a duration for people, cut to whole units: `90 min`, `3 h`."""
    seconds = abs(milliseconds) // 1000
    if seconds < 120:  # noqa: PLR2004 - what is easily read
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 10_800 else f"{seconds // 3600} h"  # noqa: PLR2004
