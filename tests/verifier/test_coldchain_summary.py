"""Summaries: extremes, time outside in bounds that add up over slices and custodians, MKT where it means something."""

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.coldchain_readings import FRIDGE, HOUR, MINUTE_MS, at, every, reading, traces
from wayproof_verifier.coldchain import Exposure, Limit, Summary, excursions, mean_kinetic_temperature, summaries
from wayproof_verifier.telemetry import Reading

INSTANTS = st.integers(-30, 730)
CUSTODY = st.lists(st.tuples(st.sampled_from("AB"), INSTANTS, st.one_of(st.none(), INSTANTS)), max_size=5)
DEGREES = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 500)), min_size=1, max_size=20)


def summarise(
    readings: Sequence[Reading],
    *,
    as_of: int,
    window: tuple[int, int] | None = None,
    custody: Sequence[tuple[str, int, int | None]] = (),
    limit: Limit = FRIDGE,
) -> Summary:
    (found,) = summaries(
        readings,
        limits=[limit],
        as_of_ms=at(as_of),
        from_ms=at(window[0]) if window else None,
        until_ms=at(window[1]) if window else None,
        custody=[(who, at(since), None if until is None else at(until)) for who, since, until in custody],
    )
    return found


def minutes(exposure: Exposure) -> tuple[int, ...]:
    return tuple(value // MINUTE_MS for value in numbers(exposure))


def numbers(exposure: Exposure) -> tuple[int, ...]:
    return (
        exposure.low_least_ms,
        exposure.low_most_ms,
        exposure.high_least_ms,
        exposure.high_most_ms,
        exposure.silent_ms,
    )


def total(exposures: Sequence[Exposure]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*map(numbers, exposures), strict=True))


def test_a_summary_of_a_small_trace() -> None:
    found = summarise(every(10, [50, 90, 95, 50, 10, 50]), as_of=55)
    assert (found.count, found.not_judged, found.rule) == (6, 0, "limits-1")
    assert (found.lowest, found.highest, found.latest) == (reading(40, 10), reading(20, 95), reading(50, 50))
    assert (found.from_ms, found.until_ms) == (at(0), at(55))
    assert minutes(found.exposure) == (0, 20, 10, 30, 0)


def test_silences_count_on_no_side() -> None:
    found = summarise([reading(0, 90), reading(300, 90), reading(310, 50)], as_of=310)
    assert minutes(found.exposure) == (0, 0, 0, HOUR + 10, 300 - HOUR)


def test_what_is_in_another_unit_is_counted_and_nothing_else_is_said() -> None:
    found = summarise([Reading("temperature", 5, 0, "P1", at(minute)) for minute in (0, 1, 1)], as_of=10)
    assert (found.count, found.not_judged, found.latest, found.exposure) == (0, 2, None, Exposure())
    assert found.mkt.not_applicable == "no_time"


def test_an_excursion_across_a_handover_is_split_there() -> None:
    readings = every(10, [50, 90, 90, 90, 50])
    found = summarise(readings, as_of=40, custody=[("A", -100, 25), ("B", 25, None)])
    assert [(share.custodian, minutes(share.exposure)[2:4]) for share in found.custody] == [
        ("A", (15, 25)),
        ("B", (5, 15)),
    ]
    assert found.unclaimed == found.contested == Exposure()


def test_time_between_custodians_is_nobodys_and_time_of_two_is_contested() -> None:
    readings = every(10, [90] * 7)
    found = summarise(readings, as_of=60, custody=[("A", 0, 20), ("B", 30, 50), ("C", 40, None)])
    assert [minutes(share.exposure)[2] for share in found.custody] == [20, 10, 10]
    assert minutes(found.unclaimed)[2] == 10
    assert minutes(found.contested)[2] == 10


@given(traces().filter(bool), CUSTODY)
def test_attributed_and_unattributed_are_the_total(
    readings: list[Reading], custody: list[tuple[str, int, int | None]]
) -> None:
    found = summarise(readings, as_of=700, custody=custody)
    parts = [*(share.exposure for share in found.custody), found.unclaimed, found.contested]
    assert total(parts) == numbers(found.exposure)


@given(traces().filter(bool), st.lists(st.integers(0, 700), max_size=6))
def test_slices_add_up(readings: list[Reading], cuts: list[int]) -> None:
    edges = sorted({-20, *cuts, 701})
    slices = [summarise(readings, as_of=701, window=piece) for piece in pairwise(edges)]
    whole = summarise(readings, as_of=701, window=(-20, 701))
    assert total([piece.exposure for piece in slices]) == numbers(whole.exposure)
    assert sum(piece.count for piece in slices) == whole.count


@given(traces().filter(bool), st.integers(0, 700))
def test_time_outside_is_the_sum_of_the_excursions(readings: list[Reading], as_of: int) -> None:
    found = excursions(readings, device_id="d", stream="s", limits=[FRIDGE], as_of_ms=at(as_of))
    bounds = [
        sum(getattr(each, bound) for each in found if each.direction == direction)
        for direction in ("low", "high")
        for bound in ("least_ms", "most_ms")
    ]
    for summary in summaries(readings, limits=[FRIDGE], as_of_ms=at(as_of)):
        assert list(numbers(summary.exposure)[:4]) == bounds
        assert summary.exposure.silent_ms <= summary.until_ms - summary.from_ms
        bounds = [0, 0, 0, 0]
    assert bounds == [0, 0, 0, 0]  # without a summary there was nothing


@pytest.mark.parametrize(
    ("held", "milli_celsius"),
    [([(5, 23), (25, 1)], 7756), ([(5, 12), (10, 12)], 7869), ([(5, 1)], 5000), ([(0, 1), (100, 0)], 0)],
)
def test_mkt_has_the_published_values(held: list[tuple[int, int]], milli_celsius: int) -> None:
    assert mean_kinetic_temperature(held, scale=0).milli_celsius == milli_celsius


@given(DEGREES)
def test_mkt_lies_between_mean_and_maximum_in_any_order_and_however_it_is_split(held: list[tuple[int, int]]) -> None:
    found = mean_kinetic_temperature(held, scale=1).milli_celsius
    assert found is not None
    mean = sum(value * weight for value, weight in held) / sum(weight for _, weight in held)
    assert mean * 100 - 1 <= found <= max(held)[0] * 100
    split = [part for value, weight in reversed(held) for part in ((value, weight), (value, 2 * weight))]
    assert mean_kinetic_temperature(split, scale=1).milli_celsius == found
    finer = [(value * 1000, weight) for value, weight in held]
    assert mean_kinetic_temperature(finer, scale=4).milli_celsius == found


@given(DEGREES)
def test_mkt_agrees_with_binary_floats(held: list[tuple[int, int]]) -> None:
    damage = sum(weight * math.exp(-10_000 / (value / 10 + 273.15)) for value, weight in held)
    expected = 10_000 / -math.log(damage / sum(weight for _, weight in held)) - 273.15
    assert mean_kinetic_temperature(held, scale=1).milli_celsius == pytest.approx(expected * 1000, abs=0.51)


@pytest.mark.parametrize(
    ("held", "reason"),
    [([], "no_time"), ([(5, 0)], "no_time"), ([(5, 9), (-1, 1)], "freezing"), ([(5, 9), (101, 1)], "boiling")],
)
def test_mkt_is_not_applicable_for_a_reason(held: list[tuple[int, int]], reason: str) -> None:
    found = mean_kinetic_temperature(held, scale=0)
    assert (found.milli_celsius, found.not_applicable) == (None, reason)


def test_mkt_is_of_temperatures_only_in_any_unit_of_them() -> None:
    celsius = summarise(every(10, [50, 90, 40]), as_of=30)
    kelvin = summarise(every(10, [50, 90, 40]), as_of=30, limit=Limit("temperature", "KEL", 2, low=27515, high=28115))
    assert celsius.mkt == kelvin.mkt
    assert celsius.mkt.milli_celsius is not None
    assert celsius.exposure == kelvin.exposure
    humid = [Reading("humidity", 60, 0, "P1", at(0))]
    assert summarise(humid, as_of=5, limit=Limit("humidity", "P1", 0, high=80)).mkt.not_applicable == "no_temperature"


def test_mkt_of_a_window_weighs_each_reading_until_the_next_one() -> None:
    readings = [reading(0, 50), reading(23, 250), reading(24, 50)]
    assert summarise(readings, as_of=24).mkt.milli_celsius == 7756
    assert summarise(readings, as_of=24, window=(0, 23)).mkt.milli_celsius == 5000
