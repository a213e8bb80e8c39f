"""A trip: one flight that took place, the airports at its ends, and the weather where it started."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wayproof.demo.weather import Weather, at_instant

CONTIGUOUS_LATITUDE, CONTIGUOUS_LONGITUDE = (24.0, 50.0), (-125.0, -66.0)


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
