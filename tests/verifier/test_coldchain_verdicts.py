"""Verdicts on the ledger: names anyone can compute, records the contract takes, and one standing verdict for each."""

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.coldchain_readings import FRIDGE, HOUR, at, every, reading, traces
from wayproof_contract.arguments import ARGUMENTS
from wayproof_verifier.coldchain import (
    Excursion,
    Limit,
    excursion_key,
    excursions,
    next_excursion_id,
    standing,
    supersedes,
    to_record,
    unrecorded,
)
from wayproof_verifier.telemetry import Reading

GSIN = "40123450000000016"


def judge(readings: list[Reading], *, as_of: int, limit: Limit = FRIDGE) -> tuple[Excursion, ...]:
    return excursions(readings, device_id="logger-1", stream="conditions", limits=[limit], as_of_ms=at(as_of))


class Ledger:
    """A shipment's recorded excursions, as a monitor adds to them."""

    def __init__(self) -> None:
        self.recorded: list[dict[str, Any]] = []

    def follow(self, readings: list[Reading], *, as_of: int) -> int:
        new = unrecorded(judge(readings, as_of=as_of), gsin=GSIN, recorded=self.recorded)
        self.recorded += new
        return len(new)

    def numbers(self) -> list[str]:
        return [record["excursion_id"].rpartition(".")[2] for record in standing(self.recorded)]


def test_a_key_is_short_stable_and_of_every_part() -> None:
    parts: dict[str, Any] = {
        "device_id": "d",
        "stream": "s",
        "name": "temperature",
        "direction": "high",
        "started_at_ms": 5,
    }
    key = excursion_key(GSIN, **parts)
    assert key == "high-97760d06e5027d35afde59dc"
    changed = {"device_id": "e", "stream": "t", "name": "a/temperature", "direction": "low", "started_at_ms": 6}
    others = {excursion_key(GSIN, **{**parts, part: value}) for part, value in changed.items()}
    assert len({key, excursion_key("1", **parts), *others}) == 7


def test_the_contract_takes_the_record() -> None:
    (found,) = judge(every(10, [50, 85, 50]), as_of=20)
    record = to_record(found, excursion_id=next_excursion_id(found, gsin=GSIN, recorded=[]))
    assert ARGUMENTS["record_excursion"]({"gsin": GSIN, **record})
    assert re.fullmatch(r"high-[0-9a-f]{24}\.1", record["excursion_id"])
    assert record["peak"] == {"value": 85, "scale": 1, "unit": "CEL"}
    assert (record["started_at_ms"], record["ended_at_ms"], record["as_of_ms"]) == (at(10), at(20), at(20))


def test_an_open_one_has_no_end() -> None:
    (found,) = judge(every(10, [50, 90]), as_of=20)
    assert "ended_at_ms" not in to_record(found, excursion_id="x.1")


@pytest.mark.parametrize(
    ("value", "scale", "peak"),
    [
        (25_123_456_789_012_345, 15, (2_512_345_678_901_234, 14)),
        (90_071_992_547_409_931, 15, (9_007_199_254_740_993 // 10, 13)),
        (2**63 - 1, 0, (2**53 - 1, 0)),
        (-(2**63) + 1, 0, (-(2**53) + 1, 0)),
    ],
)
def test_a_peak_too_long_for_the_contract_is_cut(value: int, scale: int, peak: tuple[int, int]) -> None:
    (found,) = judge([Reading("temperature", value, scale, "CEL", at(0))], as_of=0)
    record = to_record(found, excursion_id="x.1")
    assert (record["peak"]["value"], record["peak"]["scale"]) == peak
    assert ARGUMENTS["record_excursion"]({"gsin": GSIN, **record})


def test_found_then_ended_are_two_records_and_the_second_stands() -> None:
    ledger = Ledger()
    readings = every(10, [50, 90, 95, 99, 50])
    assert [ledger.follow(readings, as_of=minute) for minute in (5, 10, 20, 30, 40, 50)] == [0, 1, 0, 0, 1, 0]
    first, second = ledger.recorded
    assert supersedes(second, first)
    assert not supersedes(first, second)
    assert standing(ledger.recorded) == (second,)
    assert ledger.numbers() == ["2"]
    assert second["peak"]["value"] == 99


def test_a_late_reading_splits_one_into_two() -> None:
    ledger = Ledger()
    readings = every(10, [50, 90, 90, 90, 50])
    ledger.follow(readings, as_of=40)
    late = [*readings, reading(25, 50)]
    assert ledger.follow(late, as_of=45) == 2
    assert [record["started_at_ms"] for record in standing(ledger.recorded)] == [at(10), at(30)]
    assert ledger.numbers() == ["2", "1"]
    assert ledger.follow(late, as_of=50) == 0


def test_late_readings_that_fill_a_silence_make_one_of_two() -> None:
    ledger = Ledger()
    readings = [reading(0, 90), reading(2 * HOUR, 90)]
    ledger.follow(readings, as_of=2 * HOUR)
    assert len(standing(ledger.recorded)) == 2
    assert ledger.follow([*readings, reading(HOUR, 90)], as_of=2 * HOUR + 1) == 1
    (one,) = standing(ledger.recorded)
    assert (one["started_at_ms"], one["excursion_id"][-2:], "ended_at_ms" in one) == (at(0), ".2", False)


def test_an_earlier_start_supersedes_under_another_key() -> None:
    ledger = Ledger()
    readings = every(10, [50, 90, 50])
    ledger.follow(readings, as_of=20)
    ledger.follow([*readings, reading(5, 90)], as_of=21)
    (one,) = standing(ledger.recorded)
    assert (one["started_at_ms"], one["excursion_id"][-2:]) == (at(5), ".1")


def test_neighbours_other_series_and_other_directions_do_not_supersede() -> None:
    (found,) = judge(every(10, [50, 90, 50]), as_of=20)
    record = to_record(found, excursion_id="a.1")
    later = {**record, "excursion_id": "b.1", "as_of_ms": at(99)}
    assert supersedes(later, record)
    for change in (
        {"device_id": "logger-2"},
        {"stream": "other"},
        {"name": "a/temperature"},
        {"direction": "low"},
        {"started_at_ms": at(20), "ended_at_ms": at(30)},
    ):
        assert not supersedes({**later, **change}, record)


def test_an_open_verdict_speaks_only_up_to_its_as_of_time() -> None:
    (found,) = judge(every(10, [50, 90]), as_of=15)
    still_open = to_record(found, excursion_id="a.1")
    later = {**still_open, "excursion_id": "b.1", "started_at_ms": at(30), "as_of_ms": at(30)}
    assert standing([still_open, later]) == (still_open, later)


def test_numbers_decide_between_verdicts_of_one_time_and_foreign_names_are_fine() -> None:
    (found,) = judge(every(10, [50, 90, 50]), as_of=20)
    names = ["excursion-1", "k.9", "k.10", "k.x"]
    records = [to_record(found, excursion_id=name) for name in names]
    assert [record["excursion_id"] for record in standing(records)] == ["k.10"]
    assert next_excursion_id(found, gsin=GSIN, recorded=records).endswith(".1")


def test_a_resolved_excursion_comes_back_only_with_news() -> None:
    ledger = Ledger()
    readings = every(10, [50, 90, 95, 50])
    ledger.follow(readings, as_of=10)
    resolved = {"ended_at_ms": at(25), "resolution": "product_released", "remark": ""}
    ledger.recorded[0] = {**ledger.recorded[0], **resolved}
    assert ledger.follow([*readings[:2], reading(20, 90)], as_of=21) == 0  # ended as they said, as far as we know
    assert ledger.follow(readings, as_of=30) == 1  # it was warmer than they knew
    assert ledger.follow(readings, as_of=40) == 0


def test_a_resolved_excursion_that_outlasts_its_resolution_comes_back() -> None:
    ledger = Ledger()
    readings = every(10, [50, 90, 90, 50])
    ledger.follow(readings, as_of=10)
    ledger.recorded[0] |= {"ended_at_ms": at(12), "resolution": "false_alarm", "remark": ""}
    assert ledger.follow(readings, as_of=30) == 1


@given(traces(), st.randoms(use_true_random=False))
def test_however_readings_arrive_the_standing_records_are_the_verdicts(
    readings: list[Reading], source: random.Random
) -> None:
    """A monitor sees more and more readings, late ones too, and its clock goes on."""
    ledger, arrived, as_of = Ledger(), [], 0
    source.shuffle(readings)
    while readings:
        arrived += [readings.pop() for _ in range(min(len(readings), source.randint(1, 4)))]
        as_of += source.randint(0, 90)
        ledger.follow(arrived, as_of=as_of)
    as_of = max(as_of, 700)
    ledger.follow(arrived, as_of=as_of)
    found = judge(arrived, as_of=as_of)
    said = [
        (record["direction"], record["started_at_ms"], record.get("ended_at_ms"))
        for record in standing(ledger.recorded)
    ]
    assert sorted(said, key=str) == sorted(
        ((each.direction, each.started_at_ms, each.ended_at_ms) for each in found), key=str
    )
    peaks = {(each.direction, each.started_at_ms): each.peak.value for each in found if each.ended_at_ms is not None}
    for record in standing(ledger.recorded):
        if "ended_at_ms" in record:
            assert record["peak"]["value"] == peaks[record["direction"], record["started_at_ms"]]
    assert unrecorded(found, gsin=GSIN, recorded=ledger.recorded) == ()
    identifiers = [record["excursion_id"] for record in ledger.recorded]
    assert len(set(identifiers)) == len(identifiers)
