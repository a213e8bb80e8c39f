"""Rules about the numbers of one series: a measurement of one sensor, in one stream.

Late readings (older than the newest seen) are compared where order does not matter and change no memory, so that the
order in which readings arrive flags nothing by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar, Protocol

from wayproof.plausibility.state import MINUTE_MS, Sample, State, Verdict, span
from wayproof.plausibility.units import micro, shown


class SeriesRule(Protocol):
    """A rule that judges each number of a series by what came before."""

    code: ClassVar[str]
    version: ClassVar[int]

    def judge(self, state: State, now: Sample) -> Verdict:
        """Return what to remember, and why the sample is flagged."""


@dataclass(frozen=True, slots=True)
class Range:
    """What the sensor can measure at all: beyond it, the sensor is broken, not the goods warm.

    `low` and `high` are in the unit of the expectation, both included. WMO-No. 306 and MEAS QC guides call it the
    "gross error limit" or "plausible value check". Remembers nothing.
    """

    code: ClassVar[str] = "out_of_range"
    version: ClassVar[int] = 1

    low: Decimal | None = None
    high: Decimal | None = None

    def judge(self, state: State, now: Sample) -> Verdict:
        """Return the reason where the number is outside."""
        if self.low is not None and now.value < micro(self.low):
            return state, f"{shown(now.value)} is below {self.low}"
        if self.high is not None and now.value > micro(self.high):
            return state, f"{shown(now.value)} is above {self.high}"
        return state, ""


@dataclass(frozen=True, slots=True)
class RateOfChange:
    """How fast the measured thing can change: a step check.

    A change beyond `step + per_minute · minutes` is flagged; `step` leaves room for noise and rounding. It bounds any
    two readings, whatever their order, so a late one is judged too. Remembers the newest: time, value.
    """

    code: ClassVar[str] = "rate_of_change"
    version: ClassVar[int] = 1

    per_minute: Decimal
    step: Decimal = Decimal(0)

    def judge(self, state: State, now: Sample) -> Verdict:
        """Return the reason where the number moved too fast."""
        if not state:
            return (now.at_ms, now.value), ""
        at_ms, value = state
        elapsed_ms, moved = abs(now.at_ms - at_ms), abs(now.value - value)
        reason = ""
        if (moved - micro(self.step)) * MINUTE_MS > micro(self.per_minute) * elapsed_ms:
            reason = f"moved by {shown(now.value - value)} within {span(elapsed_ms)}"
        return ((now.at_ms, now.value) if now.at_ms >= at_ms else state), reason


@dataclass(frozen=True, slots=True)
class FlatLine:
    """The same number for so long that the sensor, not the world, stands still.

    Flagged from the reading on that ends `after_s` seconds and `readings` readings of one value (a persistence check).
    Remembers the value, since when, how many, and the newest time.
    """

    code: ClassVar[str] = "flat_line"
    version: ClassVar[int] = 1

    after_s: int
    readings: int = 20

    def judge(self, state: State, now: Sample) -> Verdict:
        """Return the reason where nothing moved for too long."""
        if not state:
            return (now.value, now.at_ms, 1, now.at_ms), ""
        value, since_ms, count, newest_ms = state
        if now.at_ms <= newest_ms:
            return state, ""
        if now.value != value:
            return (now.value, now.at_ms, 1, now.at_ms), ""
        count += 1
        elapsed_ms = now.at_ms - since_ms
        reason = ""
        if elapsed_ms >= self.after_s * 1000 and count >= self.readings:
            reason = f"{shown(value)} for {span(elapsed_ms)}, {count} readings"
        return (value, since_ms, count, now.at_ms), reason


@dataclass(frozen=True, slots=True)
class BelowNoise:
    """A series that moves, yet smoother than the sensor can be: made, not measured.

    Among the last `readings` numbers the value moved by ten times `noise` or more, while the mean distance of each
    number from the line between its neighbours is below `noise`. Rounding alone makes about a third of a sensor's
    resolution of it, so a fifth of the resolution is a safe value; no default is right for all sensors. Windows
    are judged that were taken at an even pace (the longest step at most twice the shortest: a line through uneven
    times bends) and in which at least three of four numbers differ from the one before (a coarse sensor rests).
    Remembers the newest times and values.
    """

    code: ClassVar[str] = "below_noise"
    version: ClassVar[int] = 1

    noise: Decimal
    readings: int = 30

    MOVES: ClassVar[int] = 10

    def judge(self, state: State, now: Sample) -> Verdict:
        """Return the reason where the window that ends here is too smooth."""
        if state and now.at_ms <= state[-2]:
            return state, ""
        state = (*state, now.at_ms, now.value)[-2 * self.readings :]
        if len(state) < 2 * self.readings:
            return state, ""
        times, values = state[::2], state[1::2]
        steps = [late - early for early, late in pairwise(times)]
        noise = micro(self.noise)
        moved = max(values) - min(values)
        resting = sum(early == late for early, late in pairwise(values))
        if moved < self.MOVES * noise or max(steps) > 2 * min(steps) or resting * 4 > len(values):
            return state, ""
        doubled = _bends(values)  # twice the distances from the line between neighbours
        if doubled >= 2 * noise * (len(values) - 2):
            return state, ""
        mean = doubled // (2 * (len(values) - 2))
        return state, f"moved by {shown(moved)} with {shown(mean)} of noise, expected at least {self.noise}"


def _bends(values: Sequence[int]) -> int:
    return sum(
        abs(early - 2 * middle + late) for early, middle, late in zip(values, values[1:], values[2:], strict=False)
    )
