"""The demo's trips are the records: the same ones always, consistent in time, and honest about what is missing."""

import csv
import io
import itertools
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wayproof.demo.records import DAYS, RecordsError, _data_folder, trips
from wayproof.demo.trip import Trip
from wayproof.demo.weather import HOUR, Weather, at_instant, every_hour

START = datetime(2013, 7, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def chosen() -> list[Trip]:
    return trips()


def hours(*temperatures: float | None) -> dict[datetime, Weather]:
    return {
        START + HOUR * index: Weather(START + HOUR * index, temperature, 50.0)
        for index, temperature in enumerate(temperatures)
        if temperature is not None
    }


def test_the_choice_is_the_same_each_time_and_few_trips_are_the_first_of_many(chosen: list[Trip]) -> None:
    assert trips(5) == chosen[:5]
    assert len(chosen) == 24
    assert [(trip.flight, trip.origin.iata, trip.destination.iata) for trip in chosen[:2]] == [
        ("DL1465", "JFK", "SFO"),
        ("EV4576", "EWR", "GRR"),
    ]


def test_a_known_flight_is_read_as_the_records_have_it(chosen: list[Trip]) -> None:
    flight = chosen[0]
    assert (flight.carrier, flight.tail_number) == ("Delta Air Lines Inc.", "N707TW")
    assert flight.scheduled_departure == datetime(2013, 7, 18, 23, 0, tzinfo=UTC)  # 19:00 in New York
    assert flight.departure == datetime(2013, 7, 19, 4, 12, tzinfo=UTC)  # 312 minutes late
    assert flight.arrival == datetime(2013, 7, 19, 10, 10, tzinfo=UTC)  # 03:10 in San Francisco
    assert flight.scheduled_arrival == datetime(2013, 7, 19, 5, 40, tzinfo=UTC)  # 22:40 in San Francisco
    assert (flight.departure_delay_min, flight.arrival_delay_min) == (312, 270)


def test_every_trip_agrees_with_its_row(chosen: list[Trip]) -> None:
    flights = {trip.flight: trip for trip in chosen}
    found = 0
    with zipfile.ZipFile(_data_folder() / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        days = tuple(f"2013,{day.on.month},{day.on.day}," for day in DAYS)
        lines = io.TextIOWrapper(file, encoding="ascii")
        rows = csv.DictReader(itertools.chain([next(lines)], (line for line in lines if line.startswith(days))))
        for row in rows:
            trip = flights.get(row["carrier"] + row["flight"])
            if trip and row["tailnum"] == trip.tail_number and row["dest"] == trip.destination.iata:
                scheduled = datetime.fromisoformat(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
                if scheduled == trip.scheduled_departure:
                    found += 1
                    assert str(trip.departure_delay_min) == row["dep_delay"]
                    assert str(trip.arrival_delay_min) == row["arr_delay"]
    assert found == len(chosen)


def test_trips_go_to_different_places_of_the_contiguous_states_in_all_seasons(chosen: list[Trip]) -> None:
    assert len({trip.destination.iata for trip in chosen}) == len(chosen)
    assert all(trip.destination.contiguous for trip in chosen)
    assert {trip.departure.month % 12 // 3 for trip in chosen} == {0, 1, 2, 3}
    hot_and_late = [
        trip
        for trip in chosen
        if trip.departure_delay_min > 240 and max(hour.temperature_c for hour in trip.weather) > 33
    ]
    cold = [trip for trip in chosen if max(hour.temperature_c for hour in trip.weather) < 2]
    assert len(hot_and_late) >= 3
    assert len(cold) >= 3


def test_times_are_aware_and_in_order(chosen: list[Trip]) -> None:
    for trip in chosen:
        assert trip.departure.utcoffset() == timedelta(0)
        taxi = trip.arrival - trip.departure - timedelta(minutes=trip.air_time_min)
        assert timedelta(0) < taxi < timedelta(hours=3)


def test_weather_covers_each_trip_hour_by_hour_and_says_what_was_not_measured(chosen: list[Trip]) -> None:
    for trip in chosen:
        assert trip.weather[0].at <= trip.scheduled_departure - timedelta(hours=6)
        assert trip.weather[-1].at >= trip.arrival + timedelta(hours=6)
        assert all(two.at - one.at == HOUR for one, two in itertools.pairwise(trip.weather))
        assert all(-15 < hour.temperature_c < 40 for hour in trip.weather)
    missing = {at for trip in chosen for at in trip.missing_weather}
    assert missing == {datetime(2013, 8, 19, 21, tzinfo=UTC)}


def test_a_short_gap_lies_on_a_line_and_is_marked() -> None:
    filled = every_hour(hours(10, None, None, None, 18), start=START, end=START + 3 * HOUR)
    assert [hour.temperature_c for hour in filled] == [10, 12, 14, 16, 18]
    assert [hour.measured for hour in filled] == [True, False, False, False, True]


@pytest.mark.parametrize("temperatures", [(10, None, None, None, None, 18), (None, 10, 11), (10, 11, None)])
def test_a_long_gap_or_an_open_end_is_no_weather(temperatures: tuple[float | None, ...]) -> None:
    assert every_hour(hours(*temperatures), start=START, end=START + HOUR * (len(temperatures) - 2)) == ()


def test_between_hours_the_weather_is_on_a_line_and_holds_beyond_the_ends() -> None:
    weather = tuple(hours(10, 20).values())
    instants = [START - HOUR, START + HOUR / 4, START + HOUR, START + 9 * HOUR]
    assert [at_instant(weather, at).temperature_c for at in instants] == [10, 12.5, 20, 20]


def test_more_trips_than_the_records_hold_are_refused() -> None:
    with pytest.raises(RecordsError, match="ask for fewer") as refused:
        trips(1000)
    assert refused.value.code == "demo_records_unusable"


def test_a_second_round_of_days_gives_more_trips() -> None:
    assert len({trip.destination.iata for trip in trips(48)}) == 48


def test_a_folder_without_the_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="install"):
        trips(folder=tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    for name in ("airports.csv", "airlines.csv", "weather.csv"):
        (tmp_path / name).write_bytes((_data_folder() / name).read_bytes())
    (tmp_path / "flights.csv.zip").write_bytes(b"PK, or rather not")
    with pytest.raises(RecordsError, match="install"):
        trips(folder=tmp_path)
