"""Real loggers' files: their own marks, minutes and MKT against ours."""

from collections.abc import Callable

import pytest

from support.coldchain_logger import MINUTE_MS, at_ms, days, fridge_tag, q_tag, rows
from support.coldchain_readings import FRIDGE
from wayproof_verifier.coldchain import Excursion, excursions, mean_kinetic_temperature, summaries
from wayproof_verifier.telemetry import Reading

DAY_MS = 1440 * MINUTE_MS


@pytest.fixture
def fridge() -> list[Reading]:
    return [row.reading for row in rows(fridge_tag())]


@pytest.fixture
def parcel() -> tuple[Excursion, ...]:
    """The Q-tag's excursions, as of its stop and the step that its last reading stands for."""
    readings = [row.reading for row in rows(q_tag())]
    stop_ms = at_ms("2022-11-09 01:29")
    return excursions(readings, device_id="q", stream="s", limits=[FRIDGE], as_of_ms=stop_ms)


@pytest.mark.parametrize(("file", "count"), [(fridge_tag, 10653), (q_tag, 124)], ids=["fridge-tag", "q-tag"])
def test_the_device_marks_the_readings_that_we_find_outside(file: Callable[[], str], count: int) -> None:
    logged = rows(file())
    assert len(logged) == count
    assert [row for row in logged if (FRIDGE.side_of(row.reading) != "inside") != row.is_marked] == []


def test_the_devices_minutes_of_each_day_lie_within_our_bounds(fridge: list[Reading]) -> None:
    logged = days(fridge_tag())
    assert len(logged) == 38
    as_of_ms = at_ms("2022-06-08 10:14")
    for day in logged:
        until_ms = day.from_ms + DAY_MS
        near = [each for each in fridge if day.from_ms - DAY_MS < each.observed_at_ms < until_ms + DAY_MS]
        (found,) = summaries(near, limits=[FRIDGE], as_of_ms=as_of_ms, from_ms=day.from_ms, until_ms=until_ms)
        outside = found.exposure
        assert outside.low_least_ms <= day.low_minutes * MINUTE_MS <= outside.low_most_ms
        assert outside.high_least_ms <= day.high_minutes * MINUTE_MS <= outside.high_most_ms


def test_the_devices_silence_is_not_counted(fridge: list[Reading]) -> None:
    first, second, *_ = excursions(fridge, device_id="f", stream="s", limits=[FRIDGE], as_of_ms=at_ms("2022-05-03"))
    assert (first.ending, first.readings) == ("silent", 1)
    assert (second.is_start_censored, second.started_at_ms) == (True, at_ms("2022-05-02 10:36"))


def test_the_q_tags_hot_alarm(parcel: tuple[Excursion, ...]) -> None:
    (hot,) = [each for each in parcel if each.direction == "high"]
    assert (hot.readings, hot.ending, hot.peak.value) == (21, "open", 243)
    assert (hot.least_ms, hot.most_ms) == (200 * MINUTE_MS, 220 * MINUTE_MS)  # the device says 219


def test_the_q_tags_cold_alarms(parcel: tuple[Excursion, ...]) -> None:
    cold = [each for each in parcel if each.direction == "low"]
    assert sorted(each.readings for each in cold) == [2] * 7 + [3] * 7 + [4] * 2 + [15]
    assert sum(each.least_ms for each in cold) == 410 * MINUTE_MS
    assert sum(each.most_ms for each in cold) == 750 * MINUTE_MS
    for alarm, minutes, bounds in [("12:16", 145, (140, 160)), ("14:52", 32, (20, 40)), ("15:39", 31, (30, 50))]:
        began_ms = at_ms(f"2022-11-08 {alarm}")
        (each,) = [each for each in cold if 0 <= each.started_at_ms - began_ms < 10 * MINUTE_MS]
        assert (each.least_ms // MINUTE_MS, each.most_ms // MINUTE_MS) == bounds
        assert bounds[0] <= minutes <= bounds[1]
    certain = [each for each in cold if each.least_ms > 30 * MINUTE_MS]
    impossible = [each for each in cold if each.most_ms <= 30 * MINUTE_MS]
    assert (len(certain), len(impossible), len(cold)) == (1, 7, 17)  # and nine undecidable at this interval


@pytest.mark.parametrize(("delta_h_j_mol", "milli_celsius"), [(83_000, 10_584), (83_144, 10_595)])
def test_the_q_tags_mkt(delta_h_j_mol: int, milli_celsius: int) -> None:
    readings = [row.reading for row in rows(q_tag())]
    as_of_ms = at_ms("2022-11-09 01:29")
    (found,) = summaries(readings, limits=[FRIDGE], as_of_ms=as_of_ms, delta_h_j_mol=delta_h_j_mol)
    assert found.mkt.milli_celsius == milli_celsius  # the device cuts off after 10.5


def test_the_mkt_of_a_hot_day(fridge: list[Reading]) -> None:
    from_ms = at_ms("2022-06-07")
    day = [each for each in fridge if from_ms <= each.observed_at_ms < from_ms + DAY_MS]
    held = [(each.value * 10 ** (1 - each.scale), 1) for each in day]
    assert len(held) == 288
    assert mean_kinetic_temperature(held, scale=1).milli_celsius == 15_800
