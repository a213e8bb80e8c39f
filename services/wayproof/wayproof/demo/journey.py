"""A journey: what a device in the cargo would have measured on a trip, every few minutes from store to store.

Real: when the flight was to leave, left and arrived, both airports, and the air at the origin hour by hour.
MODEL or assumption, and to be labelled so wherever it is shown: the cargo's temperature (`cargo`), the length of the
phases on the ground (`_GROUND`), the hold (`HOLD_C`, `HOLD_HUMIDITY_PERCENT`), the stores, the air at the destination
(taken to be the origin's at that time: the records have no weather there), and what the other sensors say.
"""

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from wayproof.demo.cargo import PRODUCT_CORE_TAU_H, Cargo, warmed
from wayproof.demo.lanes import Lane, Point, along, lane
from wayproof.demo.trip import Trip

HOLD_C = 15.0
"""Assumption: a tempered hold."""

HOLD_HUMIDITY_PERCENT, STORE_HUMIDITY_PERCENT = 15.0, 80.0
BATTERY_START_PERCENT, BATTERY_LOSS_PERCENT_H = 98.0, 0.35
SENSOR_SIGMA_C = 0.03
REST_SIGMA_M_S2, HANDLING_SIGMA_M_S2 = 0.4, 9.0
DAYLIGHT_LX = 800.0


class Phase(enum.StrEnum):
    """Where the cargo is."""

    ORIGIN_STORE = "origin_store"
    LOADING = "loading"
    ROAD_TO_AIRPORT = "road_to_airport"
    WAITING = "waiting"
    FLIGHT = "flight"
    UNLOADING = "unloading"
    ROAD_FROM_AIRPORT = "road_from_airport"
    RECEIVING = "receiving"
    DESTINATION_STORE = "destination_store"


STORES = frozenset({Phase.ORIGIN_STORE, Phase.DESTINATION_STORE})
DOOR_OPEN = frozenset({Phase.LOADING, Phase.RECEIVING})
HANDLED = frozenset({Phase.LOADING, Phase.UNLOADING, Phase.RECEIVING})

_BEFORE = (
    (Phase.ORIGIN_STORE, 90),
    (Phase.LOADING, 15),
    (Phase.ROAD_TO_AIRPORT, 45),
    (Phase.WAITING, 60),
)
"""Assumed minutes up to the scheduled departure; the real delay prolongs the waiting, in the open."""

_AFTER = (
    (Phase.UNLOADING, 30),
    (Phase.ROAD_FROM_AIRPORT, 45),
    (Phase.RECEIVING, 15),
    (Phase.DESTINATION_STORE, 90),
)
"""Assumed minutes from the arrival on."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One phase of a journey: from `start` to `end`, from one point to another."""

    phase: Phase
    start: datetime
    end: datetime
    from_point: Point
    to_point: Point

    def point_at(self, at: datetime) -> Point:
        """Return where the cargo is, on the great circle at constant speed."""
        return along(self.from_point, self.to_point, (at - self.start) / (self.end - self.start))


@dataclass(frozen=True, slots=True)
class Sample:
    """What the device measures at one instant: Cel, %RH, degrees, %EL, m/s2, lx; `door_open` is its light switch."""

    at: datetime
    phase: Phase
    temperature_c: Decimal
    humidity_percent: Decimal
    latitude: Decimal
    longitude: Decimal
    battery_percent: Decimal
    shock_m_s2: Decimal
    light_lx: Decimal
    door_open: bool


def legs(trip: Trip, route: Lane | None = None) -> list[Leg]:
    """Return the phases of a trip, each beginning where and when the one before ended."""
    route = route or lane(trip)
    store, out, back, goal = (
        place.point for place in (route.origin, route.departure, route.arrival, route.destination)
    )
    points = {
        Phase.ORIGIN_STORE: (store, store),
        Phase.LOADING: (store, store),
        Phase.ROAD_TO_AIRPORT: (store, out),
        Phase.WAITING: (out, out),
        Phase.FLIGHT: (out, back),
        Phase.UNLOADING: (back, back),
        Phase.ROAD_FROM_AIRPORT: (back, goal),
        Phase.RECEIVING: (goal, goal),
        Phase.DESTINATION_STORE: (goal, goal),
    }
    start = trip.scheduled_departure - timedelta(minutes=sum(minutes for _, minutes in _BEFORE))
    ends, at = {}, start
    for phase, minutes in _BEFORE:
        ends[phase] = at = at + timedelta(minutes=minutes)
    ends[Phase.WAITING] = trip.departure
    ends[Phase.FLIGHT] = at = trip.arrival
    for phase, minutes in _AFTER:
        ends[phase] = at = at + timedelta(minutes=minutes)
    starts = [start, *ends.values()]
    return [Leg(phase, begin, end, *points[phase]) for begin, (phase, end) in zip(starts, ends.items(), strict=False)]


def journey(trip: Trip, *, cargo: Cargo, interval_s: int = 300) -> list[Sample]:
    """Return the device's samples from the origin's store to the destination's, with their time of 2013.

    The same trip, cargo and interval give the same samples.
    """
    # Not cryptography: the sensors' noise, repeatable.
    noise = random.Random(f"{trip.flight} {trip.departure.isoformat()} {cargo.product.gtin}")  # noqa: S311
    route = legs(trip)
    start, end = route[0].start, route[-1].end
    core_c = cargo.product.setpoint_c
    samples = []
    for step in range(int((end - start).total_seconds()) // interval_s + 1):
        at = start + timedelta(seconds=step * interval_s)
        leg = next(one for one in route if at <= one.end)
        if step:
            core_c = warmed(
                core_c,
                surroundings_c=_surroundings_c(trip, cargo, leg.phase, at),
                tau_h=_tau_h(cargo, leg.phase),
                step_s=interval_s,
            )
        samples.append(_sample(trip, leg, at, core_c=core_c, hours=(at - start) / timedelta(hours=1), noise=noise))
    return samples


def shifted(samples: Sequence[Sample], *, end_at: datetime) -> list[Sample]:
    """Return the samples moved in time so that the last is at `end_at`; say so wherever they are shown."""
    if not samples:
        return []
    by = end_at - samples[-1].at
    return [replace(sample, at=sample.at + by) for sample in samples]


def _surroundings_c(trip: Trip, cargo: Cargo, phase: Phase, at: datetime) -> float:
    """Return what the packaging stands in: a store, the hold, or the open air of the record."""
    if phase in STORES or (cargo.packaging.regulated and phase not in DOOR_OPEN):
        return cargo.product.setpoint_c
    return HOLD_C if phase is Phase.FLIGHT else trip.weather_at(at).temperature_c


def _tau_h(cargo: Cargo, phase: Phase) -> float:
    """Return the packaging's tau; in the destination's store the goods are unpacked."""
    return PRODUCT_CORE_TAU_H if phase is Phase.DESTINATION_STORE else cargo.packaging.tau_h


def _sample(trip: Trip, leg: Leg, at: datetime, *, core_c: float, hours: float, noise: random.Random) -> Sample:
    latitude, longitude = leg.point_at(at)
    door_open = leg.phase in DOOR_OPEN
    humidity_percent = (
        STORE_HUMIDITY_PERCENT
        if leg.phase in STORES
        else HOLD_HUMIDITY_PERCENT
        if leg.phase is Phase.FLIGHT
        else trip.weather_at(at).humidity_percent
    )
    shock = abs(noise.gauss(0, HANDLING_SIGMA_M_S2 if leg.phase in HANDLED else REST_SIGMA_M_S2))
    return Sample(
        at=at,
        phase=leg.phase,
        temperature_c=_decimal(core_c + noise.gauss(0, SENSOR_SIGMA_C), digits=2),
        humidity_percent=_decimal(humidity_percent, digits=1),
        latitude=_decimal(latitude, digits=5),
        longitude=_decimal(longitude, digits=5),
        battery_percent=_decimal(BATTERY_START_PERCENT - BATTERY_LOSS_PERCENT_H * hours, digits=1),
        shock_m_s2=_decimal(shock, digits=1),
        light_lx=_decimal(DAYLIGHT_LX * noise.uniform(0.8, 1.2) if door_open else 0.0, digits=0),
        door_open=door_open,
    )


def _decimal(value: float, *, digits: int) -> Decimal:
    return Decimal(f"{value:.{digits}f}")
