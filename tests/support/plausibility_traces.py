"""Real traces among the shared data as messages of one reading each, and what the rules flag in them."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from support import coldchain_logger
from wayproof.plausibility.copies import Runs
from wayproof.plausibility.judge import Flag, Heard, Measured, Memory, judge
from wayproof.plausibility.profile import MOST_RUNS, Profile

SERIES = Path(__file__).parents[3] / "shared" / "data" / "timeseries"
DEVICE, STREAM_ID = "logger-7", 7


@dataclass(frozen=True, slots=True)
class Point:
    """A number as a file has it, in a unit, at an instant."""

    at_ms: int
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag, and when the reading that it is on was observed."""

    at_ms: int
    code: str
    detail: str


Trace = Sequence[Point]


def brewpi(column: str) -> Trace:
    """Return a column of the refrigerated chamber, each minute, in degrees Celsius."""
    rows = _rows("brewpi_chamber_1min.csv")
    return [Point(_at_ms(row["time"]), Decimal(row[column]), "CEL") for row in rows if row[column] not in ("", "null")]


def nab(name: str) -> Trace:
    """Return a temperature of the Numenta Anomaly Benchmark, in degrees Fahrenheit."""
    return [Point(_at_ms(row["timestamp"]), round(Decimal(row["value"]), 8), "FAH") for row in _rows(f"nab_{name}.csv")]


def nab_failures(name: str) -> list[tuple[int, int]]:
    """Return the labelled windows of a trace, from and until."""
    windows = json.loads(_text("nab_temperature_windows.json"))[f"realKnownCause/{name}.csv"]
    return [(_at_ms(begin[:19]), _at_ms(end[:19])) for begin, end in windows]


def yosemite() -> Trace:
    """Return ambient temperatures each five minutes."""
    rows = _rows("yosemite_ambient_5min.csv")
    return [Point(_at_ms(row["ds"]), Decimal(row["y"]), "CEL") for row in rows if row["y"] not in ("", "NaN", "NA")]


def airport(origin: str, column: str) -> Trace:
    """Return an hourly series of an airport: `temp` in degrees Fahrenheit, or `humid` in percent."""
    unit = {"temp": "FAH", "humid": "P1"}[column]
    return [
        Point(_at_ms(row["time_hour"].removesuffix("Z")), Decimal(row[column]), unit)
        for row in _rows("nyc_weather_hourly_2013.csv")
        if row["origin"] == origin and row[column] != "NA"
    ]


def logger(text: str) -> Trace:
    """Return the log of a Berlinger logger in degrees Celsius."""
    return [
        Point(row.reading.observed_at_ms, Decimal(row.reading.value).scaleb(-row.reading.scale), "CEL")
        for row in coldchain_logger.rows(text)
    ]


HEALTHY: dict[str, Callable[[], Trace]] = {
    "chamber, core": lambda: brewpi("core_temp_c"),
    "chamber, air": lambda: brewpi("air_temp_c"),
    "Yosemite": yosemite,
    "airport EWR": lambda: airport("EWR", "temp"),
    "airport JFK": lambda: airport("JFK", "temp"),
    "airport LGA": lambda: airport("LGA", "temp"),
    "airport EWR, humidity": lambda: airport("EWR", "humid"),
    "airport JFK, humidity": lambda: airport("JFK", "humid"),
    "airport LGA, humidity": lambda: airport("LGA", "humid"),
    "Fridge-tag 2L": lambda: logger(coldchain_logger.fridge_tag()),
    "Q-tag": lambda: logger(coldchain_logger.q_tag()),
    "office (NAB)": lambda: nab("ambient_temperature_hourly"),
    "machine (NAB)": lambda: nab("machine_temperature_5min"),
}
"""Every real trace, by what it is of."""


def heard(
    trace: Iterable[Point], *, device_id: str = DEVICE, stream_id: int = STREAM_ID, late_ms: int = 1000
) -> list[Heard]:
    """Return a trace as signed messages of one reading, received a moment after they were observed."""
    return [
        Heard(
            ingest_id=number,
            stream_id=stream_id,
            device_id=device_id,
            model="",
            boot=1,
            sequence=number,
            after=None,
            received_at_ms=point.at_ms + late_ms,
            contradicts=False,
            readings=(measured(point),),
        )
        for number, point in enumerate(trace, start=1)
    ]


def measured(point: Point, *, name: str = "", ordinal: int = 0) -> Measured:
    """Return a number as a reading."""
    exponent = point.value.as_tuple().exponent
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    name = name or ("humidity" if point.unit == "P1" else "temperature")
    return Measured(ordinal, name, point.unit, int(point.value.scaleb(scale)), scale, point.at_ms)


def flagged(messages: Iterable[Heard], *, profile: Profile, known: Runs | None = None) -> list[Flagged]:
    """Return what is flagged of messages in the order of the log; `known` are the runs of earlier ones."""
    known = Runs() if known is None else known
    memories: dict[int, Memory] = {}
    found: list[Flag] = []
    for message in messages:
        judged = judge(message, memory=memories.get(message.stream_id, {}), profile=profile)
        memories[message.stream_id] = judged.memory
        found += judged.flags
        for it in judged.prints:
            (first,) = known.claim([(it.fingerprint, it.holder)], most=MOST_RUNS)
            found += it.flags(first)
    return [Flagged(it.observed_at_ms, it.code, it.detail) for it in found]


def moment(at_ms: int) -> str:
    """Return an instant as the files write it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@cache
def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines()))


def _text(name: str) -> str:
    path = SERIES / name
    if not path.is_file():
        pytest.skip(f"the shared real data are not there: {path}")
    return path.read_text("utf-8")


def _at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000
