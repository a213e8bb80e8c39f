"""What a message measures as the store takes it: quantities, and beside each one a time and a value. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wayproof_verifier.telemetry import Reading, TextReading

Quantity = tuple[str, str, str]
"""Resolved name, unit (empty for what is no number), kind (v, vb, vs, vd)."""

Value = tuple[int, int | None, int | None, str | None]
"""observed_at_ms; value and scale of a number (value * 10^-scale), or a text."""


class Measured(NamedTuple):
    """The readings of one message, in the order of its pack: `values[i]` is of `quantities[i]`.

    Messages of one shape share one tuple of quantities, so that its numbers are looked up once.
    """

    quantities: tuple[Quantity, ...]
    values: Sequence[Value]

    @classmethod
    def of(cls, readings: Iterable[Reading | TextReading]) -> "Measured":
        """Take decoded readings."""
        given = tuple(readings)
        return cls(tuple(quantity_of(it) for it in given), [value_of(it) for it in given])

    @property
    def span(self) -> tuple[int, int]:
        """The times of its first and last reading. Of one that has any."""
        if len(self.values) == 1:  # the usual message, and this is the hot path
            at_ms = self.values[0][0]
            return at_ms, at_ms
        times = [value[0] for value in self.values]
        return min(times), max(times)


NOTHING = Measured((), ())
"""What a refused message measures."""


def quantity_of(reading: Reading | TextReading) -> Quantity:
    """Return what a reading measures."""
    if isinstance(reading, Reading):
        return reading.name, reading.unit, "v"
    return reading.name, "", reading.kind


def value_of(reading: Reading | TextReading) -> Value:
    """Return when it was measured, and what."""
    if isinstance(reading, Reading):
        return reading.observed_at_ms, reading.value, reading.scale, None
    return reading.observed_at_ms, None, None, reading.text
