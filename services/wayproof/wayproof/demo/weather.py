"""The air at New York's airports in 2013, hour by hour, as the records have it and across what they lack.

An hour that the station did not report is put on a straight line between its neighbours and marked (`measured`);
where more than `LONGEST_GAP_H` hours are missing in a row there is no weather. Temperatures are in the shade.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

HOUR = timedelta(hours=1)
LONGEST_GAP_H = 3
AIRPORTS = ("EWR", "JFK", "LGA")


@dataclass(frozen=True, slots=True)
class Weather:
    """One hour of an airport's weather in the shade; not `measured` means on a straight line between neighbours."""

    at: datetime
    temperature_c: float
    humidity_percent: float
    measured: bool = True


Stations = Mapping[str, Mapping[datetime, Weather]]
"""The measured hours by airport."""


def read_stations(path: Path, *, near: Sequence[date]) -> Stations:
    """Return the hours measured on these days and the ones beside them; Fahrenheit becomes Celsius."""
    days = {day + timedelta(days=shift) for day in near for shift in (-1, 0, 1)}
    wanted = tuple(f"{airport},{on.year},{on.month},{on.day}," for airport in AIRPORTS for on in days)
    with path.open(encoding="ascii", newline="") as file:
        kept = [next(file), *(line for line in file if line.startswith(wanted))]
    stations: dict[str, dict[datetime, Weather]] = {}
    for row in csv.DictReader(kept):
        if "NA" not in (row["temp"], row["humid"]):
            at = datetime.fromisoformat(row["time_hour"])
            celsius = (float(row["temp"]) - 32) * 5 / 9
            stations.setdefault(row["origin"], {})[at] = Weather(at, celsius, float(row["humid"]))
    return stations


def every_hour(measured: Mapping[datetime, Weather], *, start: datetime, end: datetime) -> tuple[Weather, ...]:
    """Return every hour around a span, short gaps on a straight line; nothing when a gap is too long."""
    first = start.replace(minute=0)
    hours = [first + HOUR * step for step in range((end - first) // HOUR + 2)]
    filled = [measured.get(at) or _across_gap(measured, at) for at in hours]
    return tuple(hour for hour in filled if hour) if all(filled) else ()


def at_instant(hours: Sequence[Weather], at: datetime) -> Weather:
    """Return the weather at an instant, on a straight line between hours without a gap (the ends hold beyond them)."""
    place = (at - hours[0].at) / HOUR
    if place <= 0:
        return hours[0]
    if place >= len(hours) - 1:
        return hours[-1]
    index = int(place)
    return _between(hours[index], hours[index + 1], at)


def _across_gap(measured: Mapping[datetime, Weather], at: datetime) -> Weather | None:
    before = _nearest(measured, (at - HOUR * step for step in range(1, LONGEST_GAP_H + 1)))
    after = _nearest(measured, (at + HOUR * step for step in range(1, LONGEST_GAP_H + 1)))
    if not before or not after or after.at - before.at > HOUR * (LONGEST_GAP_H + 1):
        return None
    return _between(before, after, at)


def _nearest(measured: Mapping[datetime, Weather], instants: Iterable[datetime]) -> Weather | None:
    found: Iterator[Weather] = (measured[at] for at in instants if at in measured)
    return next(found, None)


def _between(one: Weather, two: Weather, at: datetime) -> Weather:
    share = (at - one.at) / (two.at - one.at)
    return Weather(
        at,
        one.temperature_c + share * (two.temperature_c - one.temperature_c),
        one.humidity_percent + share * (two.humidity_percent - one.humidity_percent),
        measured=False,
    )
