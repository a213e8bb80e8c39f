"""Short texts for people: quantities with units, durations, counts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

_UNITS: Final[Mapping[str, str]] = {
    "CEL": " °C",
    "KEL": " K",
    "P1": " %",
    "VLT": " V",
    "LUX": " lx",
    "MSK": " m/s²",
    "MTS": " m/s",
    "MTR": " m",
    "DD": "°",
    "PAL": " Pa",
    "C62": "",
}
"""Recommendation 20 codes as they are written."""

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


def quantity(value: int, *, scale: int, unit: str) -> str:
    """Write value · 10^-scale with its unit: `9.4 °C`."""
    return f"{Decimal(value).scaleb(-scale):f}{_UNITS.get(unit, f' {unit}')}"


def duration(ms: int) -> str:
    """Write a length of time in its two largest units: `2 d 4 h`, `3 h 20 min`, `40 min`."""
    if ms >= _DAY_MS:
        return f"{ms // _DAY_MS} d {ms % _DAY_MS // _HOUR_MS} h"
    if ms >= _HOUR_MS:
        return f"{ms // _HOUR_MS} h {ms % _HOUR_MS // _MINUTE_MS} min"
    return f"{ms // _MINUTE_MS} min"


def count(number: int, noun: str) -> str:
    """Write a number of things: `1 message`, `12 messages`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
