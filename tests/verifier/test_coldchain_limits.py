"""A reading is compared with a limit exactly, whatever the scales and between kelvin and degrees Celsius."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.coldchain_readings import FRIDGE
from wayproof_verifier.coldchain import Limit, Rule
from wayproof_verifier.telemetry import Reading

INCLUSIVE = Rule("at-the-limit-is-outside", is_limit_inside=False)


def measured(value: int, scale: int, unit: str = "CEL") -> Reading:
    return Reading("temperature", value, scale, unit, 0)


@pytest.mark.parametrize(
    ("value", "scale", "side", "inclusive"),
    [
        (2, 0, "inside", "low"),
        (1999, 3, "low", "low"),
        (2001, 3, "inside", "inside"),
        (8, 0, "inside", "high"),
        (8000000000000001, 15, "high", "high"),
        (7999999999999999, 15, "inside", "inside"),
        (-5, 1, "low", "low"),
    ],
)
def test_a_reading_on_the_limit_is_inside_unless_the_rule_says_otherwise(
    value: int, scale: int, side: str, inclusive: str
) -> None:
    assert FRIDGE.side_of(measured(value, scale)) == side
    assert FRIDGE.side_of(measured(value, scale), rule=INCLUSIVE) == inclusive


NUMBERS = st.tuples(st.integers(-(10**17), 10**17), st.integers(0, 15))
LIMITS = st.builds(
    lambda low, width, scale: Limit("temperature", "CEL", scale, low=low, high=low + width),
    st.integers(-(10**6), 10**6),
    st.integers(1, 1000),
    st.integers(0, 15),
)


@given(NUMBERS, LIMITS)
def test_sides_are_those_of_the_exact_fractions(number: tuple[int, int], limit: Limit) -> None:
    assert limit.low is not None
    assert limit.high is not None
    exact = Fraction(number[0], 10 ** number[1])
    low, high = (Fraction(edge, 10**limit.scale) for edge in (limit.low, limit.high))
    assert limit.side_of(measured(*number)) == ("low" if exact < low else "high" if exact > high else "inside")
    assert limit.side_of(measured(*number), rule=INCLUSIVE) == (
        "low" if exact <= low else "high" if exact >= high else "inside"
    )


@given(st.integers(-300_000, 300_000), st.integers(0, 5))
def test_kelvin_and_celsius_give_one_verdict(value: int, scale: int) -> None:
    celsius = Fraction(value, 10**scale)
    kelvin = (celsius + Fraction(27315, 100)) * 10**5
    assert kelvin.denominator == 1
    assert FRIDGE.side_of(measured(int(kelvin), 5, "KEL")) == FRIDGE.side_of(measured(value, scale))
    in_kelvin = Limit("temperature", "KEL", 2, low=27515, high=28115)
    assert in_kelvin.side_of(measured(value, scale)) == FRIDGE.side_of(measured(value, scale))


@pytest.mark.parametrize("unit", ["P1", "FAH", "C62"])
def test_a_reading_in_a_unit_that_does_not_convert_is_not_judged(unit: str) -> None:
    assert FRIDGE.side_of(measured(5, 0, unit)) is None


def test_an_open_side_lets_everything_pass() -> None:
    assert Limit("humidity", "P1", 0, high=80).side(-(10**9), scale=0) == "inside"
    assert Limit("humidity", "P1", 0, low=20).side(10**9, scale=0) == "inside"


def test_a_limit_is_for_the_last_part_of_a_name() -> None:
    limit = Limit.from_record({"name": "temperature", "unit": "CEL", "scale": 1, "high": 80})
    assert limit == Limit("temperature", "CEL", 1, high=80)
    assert [limit.is_for(name) for name in ("temperature", "a/b/temperature", "temperature/a", "xtemperature")] == [
        True,
        True,
        False,
        False,
    ]
