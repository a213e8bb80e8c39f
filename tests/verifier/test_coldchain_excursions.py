"""Excursions: where they begin and end, what is proved of their length, and that arrival order has no influence."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.coldchain_readings import FRIDGE, HOUR, MINUTE_MS, at, every, reading, traces
from wayproof_verifier.coldchain import Excursion, Limit, Rule, excursions
from wayproof_verifier.telemetry import Reading, TextReading


def judge(
    readings: Sequence[Reading | TextReading], *, as_of: int, limits: Sequence[Limit] = (FRIDGE,)
) -> tuple[Excursion, ...]:
    return excursions(readings, device_id="logger-1", stream="conditions", limits=limits, as_of_ms=at(as_of))


def minutes(excursion: Excursion) -> tuple[int, int]:
    return excursion.least_ms // MINUTE_MS, excursion.most_ms // MINUTE_MS


def test_a_run_of_readings_outside_is_one_excursion() -> None:
    (found,) = judge(every(10, [50, 80, 81, 124, 90, 80, 50]), as_of=60)
    assert found == Excursion(
        device_id="logger-1",
        stream="conditions",
        name="temperature",
        direction="high",
        started_at_ms=at(20),
        last_outside_at_ms=at(40),
        ended_at_ms=at(50),
        ending="inside",
        peak=Reading("temperature", 124, 1, "CEL", at(30)),
        readings=3,
        least_ms=20 * MINUTE_MS,
        most_ms=40 * MINUTE_MS,
        is_start_censored=False,
        rule="limits-1",
        as_of_ms=at(60),
    )
    assert not found.is_end_censored


def test_it_is_open_until_a_reading_is_back_inside() -> None:
    (found,) = judge(every(10, [50, 90, 90]), as_of=25)
    assert (found.ending, found.ended_at_ms, found.is_end_censored) == ("open", None, True)
    assert minutes(found) == (10, 25)


def test_it_is_censored_where_the_record_begins_with_it() -> None:
    (found,) = judge(every(10, [90, 90, 50]), as_of=20)
    assert (found.is_start_censored, minutes(found)) == (True, (10, 20))


def test_straight_from_high_to_low_are_two() -> None:
    high, low = judge(every(10, [50, 90, 10, 50]), as_of=30)
    assert (high.direction, high.ending, high.ended_at_ms) == ("high", "opposite", at(20))
    assert (low.direction, low.ending, low.started_at_ms, low.ended_at_ms) == ("low", "inside", at(20), at(30))
    assert minutes(high) == minutes(low) == (0, 20)


def test_a_silence_ends_it_and_is_no_part_of_it() -> None:
    first, second = judge([reading(0, 50), reading(5, 90), reading(5 + HOUR + 1, 90), reading(70, 50)], as_of=70)
    assert (first.ending, first.ended_at_ms, first.last_outside_at_ms) == ("silent", at(5 + HOUR), at(5))
    assert minutes(first) == (0, 5 + HOUR)  # it may have lasted for as long as the last reading speaks
    assert (second.is_start_censored, second.ending, minutes(second)) == (True, "inside", (0, 4))


def test_at_the_gap_limit_it_still_goes_on() -> None:
    (found,) = judge([reading(0, 90), reading(HOUR, 90)], as_of=HOUR)
    assert (found.ending, minutes(found)) == ("open", (HOUR, HOUR))


def test_a_silence_at_the_end_turns_open_into_silent() -> None:
    (still,) = judge([reading(0, 90)], as_of=HOUR)
    (over,) = judge([reading(0, 90)], as_of=HOUR + 1)
    assert (still.ending, minutes(still)) == ("open", (0, HOUR))
    assert (over.ending, over.ended_at_ms, minutes(over)) == ("silent", at(HOUR), (0, HOUR))


def test_the_gap_limit_is_the_rules() -> None:
    readings = every(10, [90, 90])
    rule = Rule("quick", gap_limit_ms=5 * MINUTE_MS)
    found = excursions(readings, device_id="d", stream="s", limits=[FRIDGE], as_of_ms=at(10), rule=rule)
    assert [(each.ending, each.rule) for each in found] == [("silent", "quick"), ("open", "quick")]


def test_two_probes_are_two_series() -> None:
    core = [reading(minute, 50, name="core/temperature") for minute in (0, 10, 20)]
    air = [reading(minute, 90, name="air/temperature") for minute in (5, 15)]
    (found,) = judge([*core, *air], as_of=20)
    assert (found.name, found.readings, found.ending) == ("air/temperature", 2, "open")


def test_what_has_no_limit_is_text_or_of_another_unit_is_not_judged() -> None:
    others: list[Reading | TextReading] = [
        reading(0, 900, name="pressure"),
        TextReading("temperature", "vs", "hot", at(1)),
        Reading("temperature", 99, 0, "P1", at(2)),
    ]
    assert judge(others, as_of=10) == ()


def test_a_reading_from_after_the_as_of_time_waits() -> None:
    readings = every(10, [50, 90, 50])
    assert judge(readings, as_of=9) == ()
    assert [each.ending for each in judge(readings, as_of=10)] == ["open"]
    assert [each.ending for each in judge(readings, as_of=20)] == ["inside"]


def test_the_peak_is_in_the_limits_unit_and_smallest_scale() -> None:
    kelvin = Reading("temperature", 28365, 2, "KEL", at(0))
    (found,) = judge([kelvin], as_of=0)
    assert found.peak == Reading("temperature", 105, 1, "CEL", at(0))


def test_of_readings_that_contradict_each_other_at_one_instant_the_one_outside_counts() -> None:
    (found,) = judge([reading(0, 90), reading(10, 50), reading(10, 95), reading(20, 50)], as_of=20)
    assert (found.direction, found.ended_at_ms, found.peak.value) == ("high", at(20), 95)
    both = judge([reading(0, 10), reading(0, 90), reading(0, 50)], as_of=0)
    assert [(each.direction, each.peak.value) for each in both] == [("high", 9), ("low", 1)]


@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_arrival_orders_give_the_same_bytes(seed: int) -> None:
    source = random.Random(20_251)  # noqa: S311 - a test's data
    readings = [reading(source.randrange(0, 900, 5), source.choice([10, 20, 50, 80, 85, 120])) for _ in range(200)]
    arrived = [*readings, *random.Random(seed).choices(readings, k=100)]  # noqa: S311
    random.Random(seed).shuffle(arrived)  # noqa: S311
    assert repr(judge(arrived, as_of=900)) == repr(judge(readings, as_of=900))


@given(traces(), st.randoms(use_true_random=False))
def test_order_and_repetition_have_no_influence(readings: list[Reading], source: random.Random) -> None:
    arrived = readings + source.choices(readings, k=5) if readings else []
    source.shuffle(arrived)
    assert judge(arrived, as_of=700) == judge(readings, as_of=700)


@given(traces(), st.integers(0, 6), st.integers(0, 6))
def test_scales_have_no_influence(readings: list[Reading], more: int, limit_more: int) -> None:
    finer = [
        Reading(each.name, each.value * 10**more, each.scale + more, each.unit, each.observed_at_ms)
        for each in readings
    ]
    limit = Limit("temperature", "CEL", limit_more, low=2 * 10**limit_more, high=8 * 10**limit_more)
    assert judge([*finer, *readings], as_of=700, limits=[limit]) == judge(readings, as_of=700)


@given(traces())
def test_every_reading_outside_is_in_exactly_one_excursion(readings: list[Reading]) -> None:
    found = judge(readings, as_of=700)
    for each in readings:
        holding = [
            span.direction for span in found if span.started_at_ms <= each.observed_at_ms <= span.last_outside_at_ms
        ]
        side = FRIDGE.side_of(each)
        assert holding.count("low") <= 1 >= holding.count("high")
        assert side == "inside" or side in holding


@given(st.lists(st.tuples(st.integers(1, HOUR), st.booleans(), st.integers(0, HOUR)), min_size=1, max_size=30))
def test_the_true_time_outside_lies_within_the_bounds(steps: list[tuple[int, bool, int]]) -> None:
    """Each reading's side is drawn; between two readings on different sides the product crosses once, at any time."""
    readings, truth, now, was_warm = [reading(0, 50)], 0, 0, False
    for step, is_warm, crossing in steps:
        truth += step if was_warm and is_warm else 0
        if was_warm != is_warm:
            truth += min(crossing, step) if was_warm else step - min(crossing, step)
        now, was_warm = now + step, is_warm
        readings.append(reading(now, 90 if is_warm else 50))
    found = judge(readings, as_of=now)
    assert sum(each.least_ms for each in found) <= truth * MINUTE_MS <= sum(each.most_ms for each in found)
