"""Units of UN/ECE Recommendation 20 that measure the same thing, and exact conversion between them.

Readings keep the unit that they came in. They are converted only to be judged, and to be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from types import MappingProxyType

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by its Recommendation 20 code: value · factor + offset is the same in `base`, both exact by definition."""

    code: str
    base: str
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


_ICE_POINT = Fraction(27_315, 100)  # 0 degrees Celsius in kelvin, by definition (SI brochure, 9th edition, 2.3.1)

UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        unit.code: unit
        for unit in (
            Unit("CEL", "CEL"),
            Unit("KEL", "CEL", offset=-_ICE_POINT),
            Unit("FAH", "CEL", factor=Fraction(5, 9), offset=Fraction(-160, 9)),
            Unit("P1", "P1"),
            Unit("VLT", "VLT"),
            Unit("2Z", "VLT", factor=Fraction(1, 1000)),  # millivolt
            Unit("PAL", "PAL"),
            Unit("A97", "PAL", factor=Fraction(100)),  # hectopascal
            Unit("KPA", "PAL", factor=Fraction(1000)),
            Unit("MBR", "PAL", factor=Fraction(100)),
            Unit("BAR", "PAL", factor=Fraction(100_000)),
            Unit("LUX", "LUX"),
            Unit("MSK", "MSK"),
            Unit("K40", "MSK", factor=Fraction(980_665, 100_000)),  # standard acceleration of free fall
            Unit("MTS", "MTS"),
            Unit("KMH", "MTS", factor=Fraction(1000, 3600)),
            Unit("MTR", "MTR"),
            Unit("KMT", "MTR", factor=Fraction(1000)),
            Unit("FOT", "MTR", factor=Fraction(3048, 10_000)),
            Unit("DD", "DD"),
            Unit("C62", "C62"),
        )
    }
)
"""Every unit that is known here. A unit that is not converts into itself only."""


def convert(value: int, *, scale: int, unit: str, to: str) -> Fraction | None:
    """Return value · 10^-scale of one unit in another, exactly; None where the two do not measure the same."""
    number = Fraction(value, 10**scale)
    if unit == to:
        return number
    here, there = UNITS.get(unit), UNITS.get(to)
    if here is None or there is None or here.base != there.base:
        return None
    return (number * here.factor + here.offset - there.offset) / there.factor


def millionths(value: int, *, scale: int, unit: str, to: str) -> int | None:
    """Return the same in whole millionths of `to`, as rules compare it; None where the two do not measure the same.

    Finer digits are rounded, half to even: no sensor resolves a millionth, and integers fold fast and the same
    everywhere.
    """
    if unit == to:
        return value * 10 ** (6 - scale) if scale <= 6 else round(Fraction(value, 10 ** (scale - 6)))  # noqa: PLR2004
    converted = convert(value, scale=scale, unit=unit, to=to)
    return None if converted is None else round(converted * MILLION)


@cache
def micro(parameter: Decimal) -> int:
    """Return a rule's parameter in whole millionths."""
    return round(parameter * MILLION)


def shown(number: int) -> str:
    """Return millionths as a decimal number for people: `-18500000` is `-18.5`."""
    whole, rest = divmod(abs(number), MILLION)
    digits = f"{whole}.{rest:06}".rstrip("0").rstrip(".")
    return f"-{digits}" if number < 0 else digits
