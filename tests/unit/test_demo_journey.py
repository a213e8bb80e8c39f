"""What a device would have measured: phases, places, the model's temperatures, and the excursions they lead to."""

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from wayproof.demo import cargo as model
from wayproof.demo.cargo import CARGOES, PASSIVE_BOX, REEFER, VACCINE, Cargo, deal, outside, warmed
from wayproof.demo.journey import Phase, Sample, journey, legs, shifted
from wayproof.demo.lanes import Place, along, distance_km, gln, lane
from wayproof.demo.records import trips
from wayproof.demo.trip import Trip
from wayproof_contract import identifiers

JFK, SFO = (40.639751, -73.778925), (37.618972, -122.374889)


@pytest.fixture(scope="module")
def chosen() -> list[Trip]:
    return trips()


@pytest.fixture(scope="module")
def journeys(chosen: list[Trip]) -> list[list[Sample]]:
    return [journey(trip, cargo=cargo) for trip, cargo in zip(chosen, deal(len(chosen)), strict=True)]


def temperatures(samples: list[Sample]) -> list[float]:
    return [float(sample.temperature_c) for sample in samples]


# --- lanes ------------------------------------------------------------------------------------------------------------


def test_every_place_has_its_own_valid_demonstration_gln(chosen: list[Trip]) -> None:
    places = {place for trip in chosen for place in _places(trip)}
    assert len({place.gln for place in places}) == len(places)
    for place in places:
        assert identifiers.gln(place.gln) == place.gln
        assert place.gln.startswith("950600")


def test_the_gln_of_a_number_is_known() -> None:
    assert gln(13435) == "9506000134352"


def test_a_warehouse_is_near_its_airport(chosen: list[Trip]) -> None:
    for trip in chosen:
        route = lane(trip)
        assert distance_km(route.origin.point, route.departure.point) == pytest.approx(15)
        assert distance_km(route.arrival.point, route.destination.point) == pytest.approx(15)
        assert trip.destination.iata in route.arrival.name
        assert trip.destination.iata in route.destination.name


def test_the_great_circle_is_the_known_one() -> None:
    assert distance_km(JFK, SFO) == pytest.approx(4152, abs=3)
    middle = along(JFK, SFO, 0.5)
    assert distance_km(JFK, middle) == pytest.approx(distance_km(middle, SFO))
    assert middle[0] > max(JFK[0], SFO[0])  # a great circle bends north of both
    assert along(JFK, JFK, 0.5) == JFK


# --- the model --------------------------------------------------------------------------------------------------------


def test_after_one_tau_the_difference_is_down_to_one_part_in_e() -> None:
    assert warmed(5.0, surroundings_c=35.0, tau_h=2.0, step_s=7200) == pytest.approx(35 - 30 / math.e)


def test_small_steps_and_a_large_one_agree() -> None:
    temperature_c = 5.0
    for _ in range(12):
        temperature_c = warmed(temperature_c, surroundings_c=30.0, tau_h=48.0, step_s=300)
    assert temperature_c == pytest.approx(warmed(5.0, surroundings_c=30.0, tau_h=48.0, step_s=3600))


def test_limits_are_inclusive_and_may_lack() -> None:
    assert outside([1.99, 2.0, 8.0, 8.01], product=VACCINE) == (1, 1)
    assert outside([-40.0, -15.0, -14.99], product=model.FROZEN) == (0, 1)


def test_products_have_valid_gtins_and_every_packaging_its_source() -> None:
    for cargo in CARGOES:
        assert identifiers.gtin(cargo.product.gtin) == cargo.product.gtin
        assert cargo.packaging.source


# --- journeys ---------------------------------------------------------------------------------------------------------


def test_phases_follow_each_other_in_time_and_place(chosen: list[Trip]) -> None:
    for trip in chosen:
        found = legs(trip)
        assert [leg.phase for leg in found] == list(Phase)
        for one, two in itertools.pairwise(found):
            assert one.end == two.start
            assert one.to_point == two.from_point
        flight = next(leg for leg in found if leg.phase is Phase.FLIGHT)
        assert (flight.start, flight.end) == (trip.departure, trip.arrival)


def test_the_real_delay_is_spent_waiting(chosen: list[Trip]) -> None:
    for trip in chosen:
        waiting = next(leg for leg in legs(trip) if leg.phase is Phase.WAITING)
        assert waiting.end - waiting.start == timedelta(minutes=60 + trip.departure_delay_min)


def test_a_journey_is_the_same_each_time(chosen: list[Trip], journeys: list[list[Sample]]) -> None:
    assert journey(chosen[3], cargo=deal(4)[3]) == journeys[3]


def test_samples_are_evenly_spaced_and_cover_the_journey(chosen: list[Trip]) -> None:
    samples = journey(chosen[0], cargo=CARGOES[0], interval_s=600)
    route = legs(chosen[0])
    assert {two.at - one.at for one, two in itertools.pairwise(samples)} == {timedelta(minutes=10)}
    assert samples[0].at == route[0].start
    assert timedelta(0) <= route[-1].end - samples[-1].at < timedelta(minutes=10)
    assert {sample.phase for sample in samples} == set(Phase)


def test_values_are_what_a_sensor_can_say(journeys: list[list[Sample]]) -> None:
    for sample in itertools.chain.from_iterable(journeys):
        assert sample.temperature_c.as_tuple().exponent == -2
        assert 0 <= sample.humidity_percent <= 100
        assert 0 < sample.battery_percent <= 100
        assert sample.shock_m_s2 >= 0
        assert (sample.light_lx > 0) is sample.door_open
        assert sample.door_open is (sample.phase in {Phase.LOADING, Phase.RECEIVING})


def test_the_battery_only_declines(journeys: list[list[Sample]]) -> None:
    for samples in journeys:
        assert all(two.battery_percent <= one.battery_percent for one, two in itertools.pairwise(samples))
        assert samples[-1].battery_percent < samples[0].battery_percent


def test_the_device_flies_from_one_airport_to_the_other(chosen: list[Trip]) -> None:
    trip = chosen[0]
    samples = journey(trip, cargo=CARGOES[0], interval_s=60)
    flying = [(float(one.latitude), float(one.longitude)) for one in samples if one.phase is Phase.FLIGHT]
    assert distance_km(flying[0], lane(trip).departure.point) < 30
    assert distance_km(flying[-1], lane(trip).arrival.point) < 30
    assert max(distance_km(one, two) for one, two in itertools.pairwise(flying)) < 30


def test_a_unit_holds_where_a_box_does_not(chosen: list[Trip]) -> None:
    box = temperatures(journey(chosen[0], cargo=Cargo(VACCINE, PASSIVE_BOX)))
    unit = temperatures(journey(chosen[0], cargo=Cargo(VACCINE, REEFER)))
    assert outside(box, product=VACCINE)[1] > 0
    assert outside(unit, product=VACCINE) == (0, 0)


def test_the_excursion_comes_from_the_recorded_delay_and_heat(chosen: list[Trip]) -> None:
    late = chosen[0]
    delay = late.departure - late.scheduled_departure
    punctual = replace(late, departure=late.scheduled_departure, arrival=late.arrival - delay)
    assert outside(temperatures(journey(punctual, cargo=CARGOES[0])), product=VACCINE) == (0, 0)


def test_most_journeys_are_fine_some_get_warm_and_some_cold(chosen: list[Trip], journeys: list[list[Sample]]) -> None:
    warm, cold = set(), set()
    for trip, cargo, samples in zip(chosen, deal(len(chosen)), journeys, strict=True):
        below, above = outside(temperatures(samples), product=cargo.product)
        if above:
            warm.add(trip.destination.iata)
        if below:
            cold.add(trip.destination.iata)
    assert warm == {"SFO", "STL", "MIA", "LAX", "HOU"}
    assert cold == {"GRR", "MSP"}


def test_a_shifted_journey_ends_when_asked_and_is_otherwise_the_same(journeys: list[list[Sample]]) -> None:
    end_at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    moved = shifted(journeys[0], end_at=end_at)
    assert moved[-1].at == end_at
    assert len({now.at - then.at for now, then in zip(moved, journeys[0], strict=True)}) == 1
    assert [sample.temperature_c for sample in moved] == [sample.temperature_c for sample in journeys[0]]
    assert shifted([], end_at=end_at) == []


def test_the_probe_begins_at_the_set_point(journeys: list[list[Sample]]) -> None:
    for cargo, samples in zip(deal(len(journeys)), journeys, strict=True):
        assert abs(samples[0].temperature_c - Decimal(cargo.product.setpoint_c)) < Decimal("0.2")


def _places(trip: Trip) -> list[Place]:
    route = lane(trip)
    return [route.origin, route.departure, route.arrival, route.destination]
