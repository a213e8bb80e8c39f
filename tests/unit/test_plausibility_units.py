"""Units of UN/ECE Recommendation 20: exact conversions, and what they are rounded to for judging."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.plausibility.units import UNITS, convert, micro, millionths, shown
from wayproof_verifier import coldchain
from wayproof_verifier.coldchain import limits
from wayproof_verifier.telemetry.senml import UNITS as TOLD

INTEGERS = st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1)
SCALES = st.integers(min_value=0, max_value=15)


@pytest.mark.parametrize(
    ("value", "scale", "unit", "to", "expected"),
    [
        (212, 0, "FAH", "CEL", Fraction(100)),
        (-40, 0, "FAH", "CEL", Fraction(-40)),
        (0, 0, "FAH", "CEL", Fraction(-160, 9)),
        (27315, 2, "KEL", "CEL", Fraction(0)),
        (25, 0, "CEL", "FAH", Fraction(77)),
        (2982, 1, "KEL", "FAH", Fraction(7709, 100)),
        (101325, 2, "A97", "PAL", Fraction(101_325)),
        (36, 0, "KMH", "MTS", Fraction(10)),
        (3, 0, "K40", "MSK", Fraction(2_941_995, 100_000)),
        (3300, 0, "2Z", "VLT", Fraction(33, 10)),
        (7, 0, "XYZ", "XYZ", Fraction(7)),
        (7, 0, "XYZ", "CEL", None),
        (7, 0, "P1", "CEL", None),
    ],
)
def test_conversions_are_exact(value: int, scale: int, unit: str, to: str, expected: Fraction | None) -> None:
    assert convert(value, scale=scale, unit=unit, to=to) == expected


@given(value=INTEGERS, scale=SCALES, unit=st.sampled_from(sorted(UNITS)), to=st.sampled_from(sorted(UNITS)))
def test_a_conversion_and_back_changes_nothing(value: int, scale: int, unit: str, to: str) -> None:
    there = convert(value, scale=scale, unit=unit, to=to)
    if there is None:
        assert UNITS[unit].base != UNITS[to].base
        return
    assert UNITS[unit].base == UNITS[to].base
    back = convert(there.numerator, scale=0, unit=to, to=unit)
    offset = convert(0, scale=0, unit=to, to=unit)
    assert back is not None
    assert offset is not None
    assert (back - offset) / there.denominator + offset == Fraction(value, 10**scale)


@given(value=INTEGERS, scale=SCALES, unit=st.sampled_from(["CEL", "KEL"]), to=st.sampled_from(["CEL", "KEL"]))
def test_temperatures_are_converted_as_verdicts_convert_them(value: int, scale: int, unit: str, to: str) -> None:
    judged = limits.convert(value, scale=scale, unit=unit, to=to)
    assert judged is not None
    assert convert(value, scale=scale, unit=unit, to=to) == Fraction(judged[0], 10 ** judged[1])
    assert coldchain.LIMITS_1.is_limit_inside


def test_every_unit_that_a_device_may_tell_is_known() -> None:
    assert set(TOLD.values()) <= UNITS.keys()


@given(value=INTEGERS, scale=SCALES, unit=st.sampled_from(sorted(UNITS)))
def test_millionths_are_the_nearest(value: int, scale: int, unit: str) -> None:
    to = UNITS[unit].base
    exact, judged = convert(value, scale=scale, unit=unit, to=to), millionths(value, scale=scale, unit=unit, to=to)
    assert exact is not None
    assert judged is not None
    assert abs(exact * 1_000_000 - judged) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("parameter", "text"),
    [("-18.5", "-18.5"), ("0", "0"), ("-0.05", "-0.05"), ("1200", "1200"), ("0.000001", "0.000001")],
)
def test_parameters_and_numbers_are_shown_as_they_were_given(parameter: str, text: str) -> None:
    assert shown(micro(Decimal(parameter))) == text
