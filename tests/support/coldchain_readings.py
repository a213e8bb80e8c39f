"""Readings of one probe for cold-chain tests: by hand, and as hypothesis strategies."""

from collections.abc import Sequence

from hypothesis import strategies as st

from wayproof_verifier.coldchain import Limit
from wayproof_verifier.telemetry import Reading

MINUTE_MS = 60_000
START_MS = 1_750_000_000_000
FRIDGE = Limit("temperature", "CEL", 0, low=2, high=8)
HOUR = 60
"""Minutes: the default gap limit."""


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def reading(minute: int, tenths: int, *, name: str = "temperature") -> Reading:
    """A temperature in tenths of a degree, at its smallest scale."""
    value, scale = (tenths // 10, 0) if tenths % 10 == 0 else (tenths, 1)
    return Reading(name, value, scale, "CEL", at(minute))


def every(step: int, tenths: Sequence[int]) -> list[Reading]:
    """Readings at a regular step in minutes."""
    return [reading(index * step, value) for index, value in enumerate(tenths)]


def traces(*, most: int = 30) -> st.SearchStrategy[list[Reading]]:
    """Irregular readings over some hours: on all sides, on the limits, silences, two at one instant, repetitions."""
    return st.lists(
        st.builds(
            reading,
            st.one_of(st.integers(0, 90), st.integers(0, 600)),
            st.sampled_from([1, 19, 20, 21, 50, 79, 80, 81, 120]),
        ),
        max_size=most,
    )
