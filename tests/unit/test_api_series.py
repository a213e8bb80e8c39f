"""Series are reduced without losing a peak; routes are paired by instant; doors are spans."""

from hypothesis import given
from hypothesis import strategies as st

from wayproof.api.series import open_spans, reduce, route

POINTS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(-500, 500).map(float)), max_size=400)


@given(POINTS, st.integers(4, 60))
def test_a_reduced_series_is_short_in_order_and_keeps_its_extremes(points: list[tuple[int, float]], most: int) -> None:
    kept, is_reduced = reduce(points, most=most)
    assert len(kept) <= max(most, 2)
    assert is_reduced == (len(points) > most)
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    if points:
        assert {min(value for _, value in kept), max(value for _, value in kept)} == {
            min(value for _, value in points),
            max(value for _, value in points),
        }


def test_one_peak_among_a_hundred_thousand_points_is_still_there() -> None:
    points = [(minute * 60_000, 5.0) for minute in range(100_000)]
    points[54_321] = (points[54_321][0], 14.5)
    kept, is_reduced = reduce(points)
    assert is_reduced
    assert len(kept) <= 2_000
    assert points[54_321] in kept


def test_a_short_series_is_put_in_order_and_nothing_else() -> None:
    assert reduce([(3, 1.0), (1, 2.0), (2, 0.0)]) == ([(1, 2.0), (2, 0.0), (3, 1.0)], False)


def test_a_route_has_the_instants_that_have_both_coordinates() -> None:
    assert route([(2, 40.5), (1, 40.0), (3, 41.0)], [(1, -73.0), (2, -73.5)]) == [(1, 40.0, -73.0), (2, 40.5, -73.5)]


def test_a_long_route_is_thinned_and_still_arrives() -> None:
    way = [(minute, float(minute)) for minute in range(9_999)]
    thinned = route(way, way)
    assert len(thinned) <= 2_000
    assert (thinned[0], thinned[-1]) == ((0, 0.0, 0.0), (9_998, 9_998.0, 9_998.0))


def test_a_door_is_open_until_it_is_seen_closed() -> None:
    assert open_spans([(5, False), (1, False), (2, True), (3, True), (4, False)]) == [(2, 4)]


def test_a_door_that_nobody_saw_close_is_open_up_to_its_last_reading() -> None:
    assert open_spans([(1, True), (2, False), (7, True), (9, True)]) == [(1, 2), (7, 9)]
    assert open_spans([(1, True)]) == [(1, 1)]
    assert open_spans([]) == []
