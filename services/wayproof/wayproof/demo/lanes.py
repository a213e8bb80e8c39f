"""Lanes: the places a trip's goods pass, with their GLNs, and the way between them.

Airports are where the records say. Warehouses are an assumption: one stands `WAREHOUSE_KM` inland of each airport.
GLNs come from GS1's demonstration prefix 950600, so none is anybody's; the digits after it are the airport's letters
read as a number, so a place has the same GLN in every run.
"""

import math
from dataclasses import dataclass

from wayproof.demo.trip import Airport, Trip
from wayproof_contract.identifiers import check_digit

DEMONSTRATION_PREFIX = "950600"
EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""

WAREHOUSE_KM = 15.0
INLAND = (39.83, -98.58)
"""The middle of the contiguous states: a warehouse stands on the way there, not in the sea."""

Point = tuple[float, float]
"""Degrees north and east."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where goods are handled: GLN, a name for pages, degrees north and east."""

    gln: str
    name: str
    latitude: float
    longitude: float

    @property
    def point(self) -> Point:
        """Degrees north and east."""
        return self.latitude, self.longitude


@dataclass(frozen=True, slots=True)
class Lane:
    """From a warehouse through two airports to a warehouse."""

    origin: Place
    departure: Place
    arrival: Place
    destination: Place


def lane(trip: Trip) -> Lane:
    """Return the lane of a trip."""
    return Lane(
        origin=_warehouse(trip.origin),
        departure=_airport(trip.origin),
        arrival=_airport(trip.destination),
        destination=_warehouse(trip.destination),
    )


def gln(number: int) -> str:
    """Return the demonstration GLN of a location reference, 0 to 999,999."""
    digits = f"{DEMONSTRATION_PREFIX}{number:06d}"
    return f"{digits}{check_digit(digits)}"


def distance_km(one: Point, two: Point) -> float:
    """Return the great-circle distance on a sphere (haversine)."""
    return EARTH_RADIUS_KM * _angle(one, two)


def along(one: Point, two: Point, share: float) -> Point:
    """Return the point at a share (0 to 1) of the great circle from one point to another."""
    angle = _angle(one, two)
    if angle == 0:
        return one
    weights = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    x, y, z = (
        weights[0] * first + weights[1] * second for first, second in zip(_vector(one), _vector(two), strict=True)
    )
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def _airport(airport: Airport) -> Place:
    return Place(
        gln(2 * _number(airport.iata)), f"{airport.name} ({airport.iata})", airport.latitude, airport.longitude
    )


def _warehouse(airport: Airport) -> Place:
    there = airport.latitude, airport.longitude
    latitude, longitude = along(there, INLAND, WAREHOUSE_KM / distance_km(there, INLAND))
    return Place(gln(2 * _number(airport.iata) + 1), f"Cold store near {airport.iata}", latitude, longitude)


def _number(iata: str) -> int:
    """Return three letters or digits as a number to base 36: below 46,656, so twice it fits a location reference."""
    return int(iata, 36)


def _angle(one: Point, two: Point) -> float:
    (north1, east1), (north2, east2) = ((math.radians(part) for part in point) for point in (one, two))
    half = math.sin((north2 - north1) / 2) ** 2
    half += math.cos(north1) * math.cos(north2) * math.sin((east2 - east1) / 2) ** 2
    return 2 * math.asin(math.sqrt(half))


def _vector(point: Point) -> tuple[float, float, float]:
    north, east = map(math.radians, point)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)
