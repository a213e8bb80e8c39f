"""The rules on real traces: what healthy ones are flagged for, what labelled failures are, and real ones distorted.

The figures of docs/reference/plausibility.md are those of this file:
`pytest tests/unit/test_plausibility_traces.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from support.plausibility_traces import (
    HEALTHY,
    Flagged,
    Point,
    Trace,
    brewpi,
    flagged,
    heard,
    moment,
    nab,
    nab_failures,
    yosemite,
)
from wayproof.plausibility.copies import Runs
from wayproof.plausibility.judge import Heard, Measured
from wayproof.plausibility.profile import Expected, Profile, rule_set
from wayproof.plausibility.series import BelowNoise, Range, RateOfChange

DEFAULT = rule_set().profile("")
REALLY_SILENT = {
    "Yosemite": 1,
    "office (NAB)": 8,
    "airport EWR": 2,
    "airport JFK": 2,
    "airport LGA": 2,
    "airport EWR, humidity": 2,
    "airport JFK, humidity": 2,
    "airport LGA, humidity": 2,
}
"""Steps of an hour and more, of days in the office, that the files themselves have: no false flags."""
CLOCK_SET_BACK = {"machine (NAB)": 1}
"""On 2014-01-07 the file has the hour from 1:00 to 2:00 twice."""


def codes(found: Sequence[Flagged]) -> Counter[str]:
    return Counter(it.code for it in found)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_real_trace_is_flagged_for_nothing_but_what_really_happened_to_it(name: str) -> None:
    expected = {"gap": REALLY_SILENT.get(name, 0), "clock_jump": CLOCK_SET_BACK.get(name, 0)}
    assert codes(flagged(heard(HEALTHY[name]()), profile=DEFAULT)) == Counter(expected)


def test_no_real_trace_has_a_run_of_another() -> None:
    known = Runs()
    for number, trace in enumerate(HEALTHY.values()):
        messages = heard(trace(), device_id=f"logger-{number}", stream_id=number)
        assert codes(flagged(messages, profile=DEFAULT, known=known))["copied_series"] == 0
    assert len(known.known) > 8000


def test_real_gaps_are_where_the_file_has_none() -> None:
    found = flagged(heard(nab("ambient_temperature_hourly")), profile=DEFAULT)
    assert [(moment(it.at_ms), it.detail) for it in found][:2] == [
        ("2013-07-29 12:00", "silent for 32 h, usual is 60 min"),
        ("2013-08-29 11:00", "silent for 48 h, usual is 60 min"),
    ]


def test_a_profile_of_the_machine_finds_its_labelled_failures() -> None:
    machine = Expected(
        "temperature",
        "FAH",
        within=Range(Decimal(45), Decimal(120)),
        rate=RateOfChange(Decimal("0.9"), step=Decimal("3.6")),
    )
    profile = Profile(expected=(machine,)).completed()
    found = flagged(heard(nab("machine_temperature_5min")), profile=profile)
    windows = nab_failures("machine_temperature_system_failure")
    within = [codes([it for it in found if begin <= it.at_ms <= end]) for begin, end in windows]
    assert [it["out_of_range"] for it in within] == [0, 38, 0, 425]
    assert [it["rate_of_change"] for it in within] == [0, 6, 0, 3]
    outside = [it for it in found if not any(begin <= it.at_ms <= end for begin, end in windows)]
    assert {moment(it.at_ms)[:10] for it in outside if it.code != "clock_jump"} == {
        "2014-02-03"
    }  # it had failed already
    assert codes(outside) == {"out_of_range": 5, "rate_of_change": 2, "clock_jump": 1}


# --- real traces, distorted -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chamber() -> Trace:
    return brewpi("core_temp_c")[200:1500]


def found_in(trace: Trace, *, profile: Profile = DEFAULT, late_ms: int = 1000) -> Counter[str]:
    return codes(flagged(heard(trace, late_ms=late_ms), profile=profile))


def test_nothing_is_flagged_before_the_trace_is_distorted(chamber: Trace) -> None:
    assert found_in(chamber) == {}


def test_a_stuck_sensor_is_a_flat_line(chamber: Trace) -> None:
    stuck = [replace(it, value=chamber[9].value) for it in [*chamber, *later(chamber, hours=24)]]
    assert found_in(stuck)["flat_line"] > 1000
    assert found_in(stuck[: len(chamber)]) == {}  # 22 hours: not yet


def test_a_loose_contact_changes_too_fast(chamber: Trace) -> None:
    spiked = [replace(it, value=it.value + 25) if number in (300, 700) else it for number, it in enumerate(chamber)]
    assert found_in(spiked) == {"rate_of_change": 4}  # up and down again, twice


def test_a_broken_sensor_is_out_of_range(chamber: Trace) -> None:
    broken = [replace(it, value=Decimal("-127.0")) if number >= 1290 else it for number, it in enumerate(chamber)]
    assert found_in(broken) == {"out_of_range": 10, "rate_of_change": 1}


def test_a_device_that_slept_has_a_gap(chamber: Trace) -> None:
    assert found_in([*chamber[:400], *chamber[460:]]) == {"gap": 1}


def test_a_clock_that_is_ahead_or_behind_drifts(chamber: Trace) -> None:
    assert found_in(chamber, late_ms=-600_000) == {"clock_drift": len(chamber)}
    behind = found_in(chamber, late_ms=7_200_000)
    assert set(behind) == {"clock_drift"}
    assert behind["clock_drift"] > len(chamber) - 50
    assert found_in(chamber, late_ms=1_800_000) == {}  # half an hour late may be the way


def test_a_clock_that_is_set_jumps(chamber: Trace) -> None:
    messages = heard(chamber)
    back = [replace(it, readings=moved(it.readings[0].observed_at_ms - 7_200_000, it)) for it in messages[600:]]
    assert codes(flagged([*messages[:600], *back], profile=DEFAULT))["clock_jump"] == 1
    ahead = [replace(it, readings=moved(it.readings[0].observed_at_ms + 7_200_000, it)) for it in messages[600:]]
    found = codes(flagged([*messages[:600], *ahead], profile=DEFAULT))
    assert found["clock_jump"] == 1
    assert found["clock_drift"] == 700


def test_a_copied_device_is_in_two_places(chamber: Trace) -> None:
    messages = heard(chamber)
    began_again = [
        replace(it, boot=2, sequence=number, after=(1, 600) if number == 1 else None)
        for number, it in enumerate(messages[600:700], start=1)
    ]
    assert codes(flagged([*messages[:600], *began_again], profile=DEFAULT)) == {}  # one device, started again
    both = [*messages[:600], *began_again, *messages[600:700]]  # and the first copy goes on
    found = codes(flagged(both, profile=DEFAULT))
    assert found["two_places"] == 99
    assert found["clock_jump"] == 0
    contradicted = [replace(messages[10], contradicts=True)]
    assert codes(flagged([*messages[:20], *contradicted], profile=DEFAULT))["two_places"] == 1


def test_a_temperature_told_as_a_humidity_is_in_an_unexpected_unit(chamber: Trace) -> None:
    mistaken = [replace(it, readings=(replace(it.readings[0], unit="P1"),)) for it in heard(chamber[:50])]
    assert codes(flagged(mistaken, profile=DEFAULT)) == {"unexpected_unit": 50}


def test_a_copied_day_is_found_also_when_it_is_moved_up() -> None:
    honest = yosemite()
    copy = [Point(it.at_ms, it.value + Decimal("0.7"), it.unit) for it in later(honest[2000:2288], hours=24 * 80)]
    known = Runs()
    assert codes(flagged(heard(honest), profile=DEFAULT, known=known))["copied_series"] == 0
    copied = flagged(heard(copy, device_id="logger-8", stream_id=8), profile=DEFAULT, known=known)
    assert codes(copied)["copied_series"] > 5
    assert "the run of logger-7 that ends at 1494" in next(it.detail for it in copied if it.code == "copied_series")


def test_a_made_up_series_is_smoother_than_its_sensor(chamber: Trace) -> None:
    made = [
        Point(chamber[0].at_ms + 60_000 * number, round(Decimal(2) + Decimal(number) / 97, 4), "CEL")
        for number in range(1300)
    ]
    sensor = Expected("temperature", "CEL", noise=BelowNoise(Decimal("0.002")))  # it tells hundredths
    profile = Profile(expected=(sensor,)).completed()
    assert found_in(made, profile=profile)["below_noise"] == 1300 - 29


@pytest.mark.parametrize("column", ["core_temp_c", "air_temp_c"])
def test_no_real_window_of_the_chamber_is_below_a_fifth_of_its_resolution(column: str) -> None:
    profile = Profile(expected=(Expected("temperature", "CEL", noise=BelowNoise(Decimal("0.002"))),)).completed()
    assert found_in(brewpi(column), profile=profile) == {}


def later(trace: Trace, *, hours: int) -> list[Point]:
    return [replace(it, at_ms=it.at_ms + hours * 3_600_000) for it in trace]


def moved(at_ms: int, message: Heard) -> tuple[Measured, ...]:
    return tuple(replace(it, observed_at_ms=at_ms) for it in message.readings)
