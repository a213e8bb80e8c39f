"""Each rule at its edges: what it flags, what it just does not, and that the order of arrival flags nothing."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof.plausibility.copies import Claimed, CopiedSeries, Holder, Runs, Seen
from wayproof.plausibility.message import Beat, ClockDrift, ClockJump, Gap, MessageRule, TwoPlaces
from wayproof.plausibility.position import Place, Speed, distance_m
from wayproof.plausibility.series import FlatLine, Range, RateOfChange, SeriesRule
from wayproof.plausibility.state import Sample, State

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
MILLION = 1_000_000


def reasons(rule: SeriesRule, *points: tuple[float, str]) -> list[str]:
    """Return what a rule says of numbers at minutes."""
    state: State = ()
    said = []
    for minutes, value in points:
        state, reason = rule.judge(state, Sample(int(minutes * MINUTE_MS), int(Decimal(value) * MILLION)))
        said.append(reason)
    return said


def beats(rule: MessageRule, messages: Iterable[Beat]) -> list[str]:
    state: State = ()
    said = []
    for beat in messages:
        state, reason = rule.judge(state, beat)
        said.append(reason)
    return said


@dataclass(frozen=True)
class Steady:
    """Messages of a device at a steady pace, from a sequence on."""

    step_ms: int = MINUTE_MS
    late_ms: int = 500

    def at(self, sequence: int, *, boot: int = 1, ahead_ms: int = 0, follows: bool = True) -> Beat:
        observed_at_ms = sequence * self.step_ms
        return Beat(
            boot, sequence, observed_at_ms + ahead_ms, observed_at_ms + self.late_ms, follows, contradicts=False
        )

    def to(self, last: int) -> list[Beat]:
        return [self.at(sequence) for sequence in range(1, last + 1)]


# --- series -----------------------------------------------------------------------------------------------------------


def test_a_range_includes_its_ends() -> None:
    rule = Range(Decimal(-40), Decimal("60.5"))
    assert reasons(rule, (0, "-40"), (1, "60.5")) == ["", ""]
    assert reasons(rule, (0, "-40.01"), (1, "60.51")) == ["-40.01 is below -40", "60.51 is above 60.5"]
    assert reasons(Range(low=Decimal(0)), (0, "9e9"), (1, "-1")) == ["", "-1 is below 0"]


def test_a_rate_leaves_room_for_a_step() -> None:
    rule = RateOfChange(Decimal(2), step=Decimal(1))
    assert reasons(rule, (0, "4"), (1, "7"), (1, "8"), (3, "3")) == ["", "", "", ""]
    assert reasons(rule, (0, "4"), (1, "7.01")) == ["", "moved by 3.01 within 60 s"]


def test_a_late_number_is_held_against_the_newest_and_changes_nothing() -> None:
    rule = RateOfChange(Decimal(1))
    assert reasons(rule, (0, "0"), (60, "60"), (30, "30"), (61, "61")) == ["", "", "", ""]
    assert reasons(rule, (0, "0"), (60, "60"), (30, "-1"), (61, "61"))[2] == "moved by -61 within 30 min"


@given(values=st.lists(st.integers(-30, 30), min_size=2, max_size=12), data=st.data())
def test_no_order_of_arrival_makes_a_change_too_fast(values: list[int], data: st.DataObject) -> None:
    rule = RateOfChange(Decimal(60))
    points = [(float(minute), str(value)) for minute, value in enumerate(values)]
    assert not any(reasons(rule, *data.draw(st.permutations(points))))


def test_a_line_is_flat_after_its_time_and_its_readings() -> None:
    rule = FlatLine(after_s=3600, readings=4)
    assert reasons(rule, (0, "4"), (30, "4"), (59, "4"), (60, "4"))[-1] == "4 for 60 min, 4 readings"
    assert not any(reasons(rule, (0, "4"), (30, "4"), (60, "4")))  # too few
    assert not any(reasons(rule, (0, "4"), (30, "4"), (45, "4.01"), (60, "4"), (100, "4"), (104, "4")))
    assert not any(reasons(rule, (0, "4"), (50, "4"), (10, "4"), (20, "4"), (51, "4")))  # late ones count for nothing


# --- messages ---------------------------------------------------------------------------------------------------------


def test_a_device_is_silent_when_its_own_pace_says_so() -> None:
    steady = Steady()
    assert not any(beats(Gap(), steady.to(40)))
    assert beats(Gap(), [*steady.to(20), steady.at(36)])[-1] == "silent for 16 min, usual is 60 s"
    assert beats(Gap(), [*steady.to(20), steady.at(35)])[-1] == ""  # 15 minutes are not longer than 15 minutes
    slow = Steady(step_ms=HOUR_MS)
    assert beats(Gap(), [*slow.to(20), slow.at(25)])[-1] == ""
    assert beats(Gap(), [*slow.to(20), slow.at(26)])[-1] == "silent for 6 h, usual is 60 min"


def test_a_step_across_a_missing_message_is_not_the_devices_silence() -> None:
    steady = Steady()
    assert not any(beats(Gap(), [*steady.to(20), steady.at(200, follows=False), steady.at(100, follows=False)]))


def test_a_clock_ahead_is_seen_at_once_and_one_behind_at_a_steady_pace_only() -> None:
    rule, steady = ClockDrift(), Steady(late_ms=2 * HOUR_MS)
    assert beats(rule, [Steady(late_ms=-300_001).at(1)]) == ["5 min ahead of our clock"]
    assert beats(rule, [Steady(late_ms=-300_000).at(1)]) == [""]
    said = beats(rule, steady.to(60))
    assert not any(said[:30])
    assert said[30:] == ["120 min behind our clock"] * 30
    delivered_late = [replace(it, received_at_ms=30 * HOUR_MS + it.sequence) for it in steady.to(600)]
    assert not any(beats(rule, delivered_late))  # a spool that is emptied


def test_a_clock_that_is_set() -> None:
    rule, steady = ClockJump(), Steady()
    assert not any(beats(rule, steady.to(30)))
    assert beats(rule, [*steady.to(10), steady.at(11, ahead_ms=-3 * MINUTE_MS)])[-1] == "set back by 2 min"
    assert beats(rule, [*steady.to(10), steady.at(11, ahead_ms=-2 * MINUTE_MS)])[-1] == ""  # a minute back is allowed
    leapt = [steady.at(11, ahead_ms=HOUR_MS), steady.at(12, ahead_ms=HOUR_MS)]
    assert beats(rule, [*steady.to(10), *leapt])[-2:] == ["leapt 61 min, ahead of our clock", ""]
    late = replace(steady.at(4), follows=False)
    assert beats(rule, [*steady.to(3), *steady.to(12)[4:], late, steady.at(13)])[-2:] == ["", ""]


def test_unsigned_messages_may_come_in_any_order() -> None:
    unsigned = [replace(it, boot=0, sequence=0, follows=False) for it in Steady().to(30)]
    mixed = [*unsigned[:10], *reversed(unsigned[10:20]), *unsigned[20:]]
    for rule in (ClockJump(), TwoPlaces(), ClockDrift()):
        assert not any(beats(rule, mixed))


def test_two_devices_with_one_serial_number() -> None:
    rule, steady = TwoPlaces(), Steady()
    again = [steady.at(11, boot=2), steady.at(12, boot=2)]
    assert not any(beats(rule, [*steady.to(10), *again]))
    late = steady.at(9)
    assert beats(rule, [*steady.to(8), *again, late])[-1] == ""  # of the earlier start, and from before the later one
    assert beats(rule, [*steady.to(10), *again, steady.at(13)])[-1] == "boot 1 goes on 2 min after boot 2 began"
    contradiction = replace(steady.at(5), contradicts=True)
    assert beats(rule, [*steady.to(10), contradiction])[-1] == "another message is at boot 1, sequence 5"


# --- places -----------------------------------------------------------------------------------------------------------

ROTTERDAM, HAMBURG = (51_922_500, 4_479_170), (53_551_100, 9_993_700)


def journey(rule: Speed, *places: tuple[float, tuple[int, int]]) -> list[tuple[str, str]]:
    state: State = ()
    said = []
    for minutes, (latitude, longitude) in places:
        state, code, reason = rule.judge(state, Place(int(minutes * MINUTE_MS), latitude, longitude))
        said.append((code, reason))
    return said


def test_distances_are_those_of_the_earth() -> None:
    assert distance_m(*ROTTERDAM, *HAMBURG) == pytest.approx(412_000, rel=0.01)
    assert distance_m(0, 0, 0, 180_000_000) == pytest.approx(20_015_115, rel=0.0001)
    assert distance_m(0, 179_999_000, 0, -179_999_000) == pytest.approx(222, abs=2)
    assert distance_m(*HAMBURG, *HAMBURG) == 0


def test_what_no_lorry_and_no_aircraft_covers() -> None:
    there = (0.0, ROTTERDAM), (60.0, HAMBURG)
    assert journey(Speed(), *there)[-1] == ("", "")
    assert journey(Speed(most_kmh=130), *there)[-1] == ("impossible_speed", "412.9 km within 60 min")
    assert journey(Speed(), (0, ROTTERDAM), (1, HAMBURG))[-1] == ("teleport", "412.9 km within 60 s")
    assert journey(Speed(), (0, ROTTERDAM), (0, HAMBURG))[-1][0] == "teleport"
    near = (ROTTERDAM[0] + 15_000, ROTTERDAM[1])  # 1.7 km
    assert journey(Speed(), (0, ROTTERDAM), (0, near))[-1] == ("", "")


def test_a_late_place_is_held_against_the_newest_and_changes_nothing() -> None:
    said = journey(Speed(most_kmh=130), (0, ROTTERDAM), (400, HAMBURG), (10, ROTTERDAM), (405, HAMBURG))
    assert said == [("", "")] * 4


# --- copies -----------------------------------------------------------------------------------------------------------


def prints(rule: CopiedSeries, values: Iterable[int], *, begin_ms: int = 0) -> list[int]:
    state: State = ()
    found = []
    for number, value in enumerate(values):
        state, fingerprint = rule.prints(state, Sample(begin_ms + number * MINUTE_MS, value))
        if fingerprint is not None:
            found.append(fingerprint)
    return found


@given(st.lists(st.integers(-(2**62), 2**62), min_size=200, max_size=200, unique=True), st.integers(-(10**9), 10**9))
def test_a_copy_has_the_same_prints_wherever_it_is_moved(values: list[int], offset: int) -> None:
    moved = [value + offset for value in values]
    assert prints(CopiedSeries(), values) == prints(CopiedSeries(), moved, begin_ms=HOUR_MS)


def test_runs_that_meet_by_chance_have_no_prints() -> None:
    rule = CopiedSeries()
    assert prints(rule, [4] * 500) == []
    assert prints(rule, list(range(500))) == []
    assert prints(rule, [0, 1] * 250) == []
    assert prints(rule, [number**2 % 97 for number in range(500)]) != []


def test_two_streams_of_one_device_may_tell_the_same_numbers() -> None:
    rule, first = CopiedSeries(), Holder("logger-1", 1, 5000)
    assert rule.reason(Holder("logger-1", 2, 5000), first) == ""
    assert rule.reason(Holder("logger-1", 2, 9000), first) == "the run of logger-1 that ends at 5000 again"
    assert rule.reason(Holder("logger-2", 3, 5000), first) == "the run of logger-1 that ends at 5000 again"


def holder(number: int) -> Holder:
    return Holder(f"logger-{number}", number, number)


def test_of_runs_the_newest_are_known_and_who_claims_an_older_one_holds_it_anew() -> None:
    runs = Runs()
    claims = [(fingerprint, holder(number)) for number, fingerprint in enumerate([10, 11, 12, 10, 13, 10, 10])]
    first = runs.claim(claims, most=3)
    assert [it.stream_id for it in first] == [0, 1, 2, 0, 4, 5, 5]  # 10 was the fourth last when it came a third time
    runs.forget(most=3)
    assert runs.known == {12: Seen(holder(2), 2), 13: Seen(holder(4), 3), 10: Seen(holder(5), 4)}
    assert runs.entered == 5


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5).map(holder)), max_size=60),
    st.integers(1, 8),
    st.lists(st.integers(1, 9), min_size=1, max_size=60),
)
def test_neither_groups_of_claims_nor_what_is_thrown_away_when_changes_what_is_known(
    claims: list[Claimed], most: int, sizes: list[int]
) -> None:
    whole, parts, rest = Runs(), Runs(), list(claims)
    expected = list(whole.claim(claims, most=most))
    whole.forget(most=most)
    found: list[Holder] = []
    for size in itertools.cycle(sizes):
        if not rest:
            break
        found += parts.claim(rest[:size], most=most)
        parts.forget(most=most)
        rest = rest[size:]
    assert found == expected
    assert (parts.known, parts.entered) == (whole.known, whole.entered)
    assert len(parts.known) <= most
