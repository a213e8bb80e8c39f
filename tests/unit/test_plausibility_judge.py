"""The fold: which rule sees which reading, what is remembered, and that it goes on from what was written down."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from support.plausibility_traces import Point, heard, measured
from wayproof.plausibility.judge import MOST_REMEMBERED, Flag, Heard, Measured, Memory, judge
from wayproof.plausibility.message import Gap
from wayproof.plausibility.profile import VERSIONS, Expected, Profile, RuleSet, rule_set
from wayproof.plausibility.series import FlatLine, Range

DEFAULT = rule_set().profile("")
MINUTE_MS = 60_000


def message(*readings: Measured, number: int = 1, at_ms: int | None = None) -> Heard:
    newest = max(it.observed_at_ms for it in readings)
    (one,) = heard([Point(newest, Decimal(0), "CEL")])
    return replace(one, readings=readings, sequence=number, ingest_id=number, received_at_ms=at_ms or newest)


def reading(name: str, value: str, unit: str = "CEL", *, ordinal: int = 0, minute: int = 0) -> Measured:
    return measured(Point(minute * MINUTE_MS, Decimal(value), unit), name=name, ordinal=ordinal)


def said(messages: Sequence[Heard], profile: Profile = DEFAULT) -> list[tuple[int, int, str]]:
    """Return ingest id, ordinal and code of all flags."""
    memory: Memory = {}
    found = []
    for it in messages:
        judged = judge(it, memory=memory, profile=profile)
        memory = judged.memory
        found += [(it.ingest_id, flag.ordinal, flag.code) for flag in judged.flags]
    return found


def test_each_reading_is_judged_by_what_it_measures_in_whatever_unit() -> None:
    first = message(
        reading("cargo/top/temperature", "100.5", ordinal=0),
        reading("cargo/low/temperature", "373.14", "KEL", ordinal=1),
        reading("humidity", "101", "P1", ordinal=2),
        reading("battery", "3.1", "VLT", ordinal=3),
        reading("battery", "104", "P1", ordinal=4),
        reading("temperature", "55", "P1", ordinal=5),
        reading("whatever", "1e9", "C62", ordinal=6),
    )
    assert said([first]) == [
        (1, 0, "out_of_range"),
        (1, 2, "out_of_range"),
        (1, 4, "out_of_range"),
        (1, 5, "unexpected_unit"),
    ]


def test_a_flag_says_its_rules_version_and_why() -> None:
    judged = judge(message(reading("temperature", "55", "P1")), memory={}, profile=DEFAULT)
    assert judged.flags == (Flag(0, 0, "unexpected_unit", VERSIONS["unexpected_unit"], "P1 instead of CEL"),)


def test_what_is_said_of_a_message_is_on_its_newest_reading() -> None:
    pack = (reading("temperature", "4", ordinal=0, minute=9), reading("temperature", "4", ordinal=1, minute=8))
    assert said([message(*pack, at_ms=1)]) == [(1, 0, "clock_drift")]


def test_a_place_needs_both_coordinates_of_one_sensor_and_instant() -> None:
    def place(minute: int, latitude: str, longitude: str, *, of: str = "") -> tuple[Measured, Measured]:
        north = reading(f"{of}latitude", latitude, "DD", ordinal=0, minute=minute)
        return north, reading(f"{of}longitude", longitude, "DD", ordinal=1, minute=minute)

    there = message(*place(0, "51.9", "4.4"))
    assert said([there, message(*place(1, "10", "100"), number=2)]) == [(2, 0, "teleport")]
    assert said([there, message(*place(9, "10", "100"), number=2)]) == [(2, 0, "impossible_speed")]
    assert said([there, message(place(1, "10", "0")[0], number=2)]) == []
    assert said([there, message(*place(1, "10", "100", of="trailer/"), number=2)]) == []


def test_series_of_one_stream_do_not_mix() -> None:
    packs = [
        message(
            reading("a/temperature", "4", ordinal=0, minute=number),
            reading("b/temperature", "40", ordinal=1, minute=number),
            number=number,
        )
        for number in range(1, 30)
    ]
    assert said(packs) == []


def test_a_device_that_invents_names_is_judged_up_to_a_number_of_them() -> None:
    pack = [reading(f"{number}/temperature", "4", ordinal=number) for number in range(900)]
    memory = judge(message(*pack), memory={}, profile=DEFAULT).memory
    assert len(memory) <= MOST_REMEMBERED
    assert said([message(*pack[:-1], reading("999/temperature", "1000", ordinal=899))]) == [(1, 899, "out_of_range")]


def test_a_message_without_readings_changes_nothing() -> None:
    empty = replace(message(reading("temperature", "4")), readings=())
    assert judge(empty, memory={"gap": (1,)}, profile=DEFAULT).memory == {"gap": (1,)}


def test_text_is_no_number_and_counts_for_the_clock() -> None:
    door = Measured(0, "door", "", None, None, 10 * MINUTE_MS)
    assert said([message(door, at_ms=1)]) == [(1, 0, "clock_drift")]


def test_the_fold_goes_on_from_what_was_written_down(chamber: list[Heard]) -> None:
    whole: Memory = {}
    written: Memory = {}
    flags = 0
    for it in chamber:
        one, other = (judge(it, memory=memory, profile=DEFAULT) for memory in (whole, written))
        assert one == other
        whole = one.memory
        written = {key: tuple(state) for key, state in json.loads(json.dumps(other.memory)).items()}
        flags += len(one.flags)
    assert flags > 0


@pytest.fixture
def chamber() -> list[Heard]:
    """Return two hundred messages with something wrong here and there."""
    points = [
        Point(number * MINUTE_MS, Decimal(4 + number % 7 + (30 if number % 50 == 0 else 0)) / 2, "CEL")
        for number in range(200)
    ]
    return heard([*points[:100], *points[140:]])


# --- which rules hold for which model ---------------------------------------------------------------------------------


def test_a_models_own_profile_stands_before_the_default_one() -> None:
    own = Profile(models=("reefer",), expected=(Expected("temperature", "CEL", within=Range(high=Decimal(10))),))
    rules = rule_set((own,))
    warm = message(reading("temperature", "20"), reading("humidity", "101", "P1", ordinal=1))
    assert said([warm], rules.profile("reefer")) == [(1, 0, "out_of_range"), (1, 1, "out_of_range")]
    assert said([warm], rules.profile("another")) == [(1, 1, "out_of_range")]


def test_a_profile_without_models_is_for_all() -> None:
    rules = rule_set((Profile(gap=Gap(times=9)),))
    assert rules.profile("any").gap.times == 9


def test_codes_can_be_switched_off() -> None:
    warm = message(reading("temperature", "200"), at_ms=1)
    assert said([warm]) == [(1, 0, "out_of_range")]
    assert said([warm], Profile(off=("out_of_range",)).completed()) == []


def test_a_rule_set_is_written_and_read_back_as_it_was() -> None:
    own = Expected("temperature", "FAH", within=Range(Decimal("-40.5")), flat=FlatLine(after_s=60))
    rules = rule_set((Profile(models=("a", "b"), expected=(own,), off=("gap",)),))
    adapter = TypeAdapter(RuleSet)
    assert adapter.validate_json(adapter.dump_json(rules)) == rules


def test_every_code_has_a_version_and_one_meaning() -> None:
    assert len(VERSIONS) == 12
    assert {code for code, version in VERSIONS.items() if version != 1} == {"copied_series"}
