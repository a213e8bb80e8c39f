"""Rules about where a device is: no goods travel faster than an aircraft, and none are elsewhere at once."""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import ClassVar

from wayproof.plausibility.state import State, span

EARTH_M = 6_371_008.8
"""Mean radius of the Earth in metres (IUGG)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device says it is: millionths of a degree, and when (milliseconds since 1970)."""

    at_ms: int
    latitude: int
    longitude: int


@dataclass(frozen=True, slots=True)
class Speed:
    """A way that nothing covers in that time.

    Flagged beyond `slack_m` metres (receivers err, more so indoors) plus `most_kmh` for the time between; the default
    is an aircraft with the wind behind it: give a lorry's tracker less. A jump of `teleport_m` metres or more within a
    minute is flagged as a teleport instead: a wrong fix, or two devices. Bounds any two places, whatever their order.
    Remembers the newest: time, latitude, longitude.
    """

    code: ClassVar[str] = "impossible_speed"
    teleport: ClassVar[str] = "teleport"
    version: ClassVar[int] = 1

    most_kmh: int = 1100
    slack_m: int = 2000
    teleport_m: int = 50_000

    WITHIN_MS: ClassVar[int] = 60_000

    def judge(self, state: State, now: Place) -> tuple[State, str, str]:
        """Return what to remember, and code and reason of the flag; both empty where nothing is flagged."""
        after: State = (now.at_ms, now.latitude, now.longitude)
        if not state:
            return after, "", ""
        at_ms, latitude, longitude = state
        if now.at_ms < at_ms:
            after = state
        way_m, elapsed_ms = distance_m(latitude, longitude, now.latitude, now.longitude), abs(now.at_ms - at_ms)
        reason = f"{way_m / 1000:.1f} km within {span(elapsed_ms)}"
        if way_m >= self.teleport_m and elapsed_ms <= self.WITHIN_MS:
            return after, self.teleport, reason
        if way_m > self.slack_m + self.most_kmh * elapsed_ms / 3600:
            return after, self.code, reason
        return after, "", ""


def distance_m(latitude: int, longitude: int, other_latitude: int, other_longitude: int) -> int:
    """Return the great-circle distance in whole metres between two places in millionths of a degree (haversine)."""
    north, other_north = radians(latitude / 1e6), radians(other_latitude / 1e6)
    half = sin((other_north - north) / 2) ** 2
    half += cos(north) * cos(other_north) * sin(radians((other_longitude - longitude) / 1e6) / 2) ** 2
    return round(2 * EARTH_M * asin(sqrt(min(1.0, half))))
