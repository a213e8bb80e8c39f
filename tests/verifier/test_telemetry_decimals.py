"""Numbers are exact: held equal to decimal.Decimal, and quick on hostile exponents."""

import json
import time
from collections.abc import Callable
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.telemetry_numbers import to_text
from wayproof_verifier.telemetry.decimals import LIMIT, MAX_SCALE, Scaled, add, from_float, from_text, scaled
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

EXACT = Context(prec=2000, Emin=-10_000, Emax=10_000)

JSON_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(
    str.isascii
)
FITTING = st.tuples(st.integers(-LIMIT + 1, LIMIT - 1), st.integers(0, MAX_SCALE)).map(
    lambda pair: scaled(pair[0], scale=pair[1])
)


def as_decimal(number: Scaled) -> Decimal:
    with localcontext(EXACT):
        return Decimal(number[0]).scaleb(-number[1])


def smallest(exact: Decimal) -> Scaled | None:
    """What the specification says of a number, written with the standard library's decimals."""
    with localcontext(EXACT):
        for scale in range(MAX_SCALE + 1):
            shifted = exact.scaleb(scale)
            if shifted == shifted.to_integral_value():
                return (int(shifted), scale) if abs(shifted) < LIMIT else None
    return None


def fitting(read: Callable[[], Scaled]) -> Scaled | None:
    """Return the number read, or None where it is refused as out of range; another refusal is an error."""
    try:
        return read()
    except RefusedError as error:
        if error.rejection.code is not RejectionCode.NUMBER_OUT_OF_RANGE:
            raise
        return None


@given(JSON_NUMBERS)
@example("-0")
@example("-0.0e5")
@example("9223372036854775807")
@example("9223372036854775808")
@example("0.000000000000001")
@example("0.0000000000000010")
@example("0.0000000000000001")
@example("922337203685477580700000e-5")
@example("12345678901234567")
@example("1e18")
@example("1e19")
def test_text_is_read_as_the_decimal_that_it_writes(text: str) -> None:
    assert fitting(lambda: from_text(text)) == smallest(EXACT.create_decimal(text))


@given(FITTING)
def test_what_is_written_is_read_again(number: Scaled) -> None:
    text = to_text(number[0], scale=number[1])
    assert from_text(text) == number
    assert EXACT.create_decimal(text) == as_decimal(number)
    json.loads(text)  # it is JSON


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(0.1)
@example(5e-324)
@example(-0.0)
@example(1e16)
@example(123456.789e3)
def test_a_float_is_the_shortest_decimal_that_gives_it(number: float) -> None:
    expected = smallest(EXACT.create_decimal(repr(number)))
    assert fitting(lambda: from_float(number)) == expected
    if expected is not None:
        assert float(to_text(expected[0], scale=expected[1])) == number


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinities_are_refused(number: float) -> None:
    with pytest.raises(RefusedError) as caught:
        from_float(number)
    assert caught.value.rejection.code is RejectionCode.INVALID_NUMBER


@given(FITTING, FITTING)
def test_a_sum_is_exact(left: Scaled, right: Scaled) -> None:
    with localcontext(EXACT):
        expected = smallest(as_decimal(left) + as_decimal(right))
    assert fitting(lambda: add(left, right)) == expected


@pytest.mark.parametrize(
    "text",
    ["1e400", "1e-999999999", "1e999999999", "-1e" + "9" * 100_000, "9" * 200_000, "0." + "0" * 200_000 + "1"],
)
def test_numbers_out_of_range_are_refused_at_once(text: str) -> None:
    start = time.perf_counter()
    assert fitting(lambda: from_text(text)) is None
    assert time.perf_counter() - start < 0.5


def test_many_digits_that_say_little_are_read() -> None:
    assert from_text("1" + "0" * 100_000 + "e-100000") == (1, 0)
    assert from_text("0." + "0" * 1000 + "1e1001") == (1, 0)
    assert from_text("1.5" + "0" * 100_000) == (15, 1)
    assert from_text("0e" + "9" * 100_000) == (0, 0)


def test_a_huge_scale_costs_nothing() -> None:
    for scale in (2**64, -(2**64)):
        with pytest.raises(RefusedError):
            scaled(7, scale=scale)
        assert scaled(0, scale=scale) == (0, 0)


@pytest.mark.parametrize("text", ["", "-", "1e", "0x10", "1_000_000_000_000_000_000", "a long text that is no number"])
def test_text_that_no_json_reader_calls_a_number_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - either the standard library's words or ours
        from_text(text)
