"""Measurements as they are drawn: numbers in order, reduced so that no peak is lost; the route; open doors. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

Point = tuple[int, float]
"""Instant in milliseconds since 1970, and a number."""

MOST_POINTS = 2_000
"""Of a series and of a route."""


def measurement_of(name: str) -> str:
    """Return what a reading measures: the last part of its name."""
    return name.rpartition("/")[2]


def reduce(points: Sequence[Point], *, most: int = MOST_POINTS) -> tuple[list[Point], bool]:
    """Return at most `most` points, ascending, and whether some were left out.

    The time is cut into equal steps, and of each the lowest and the highest point stay: every peak is still there.
    """
    ordered = sorted(points)
    if len(ordered) <= most:
        return ordered, False
    first_ms, last_ms = ordered[0][0], ordered[-1][0]
    steps = most // 2
    step_ms = max(1, -(-(last_ms - first_ms + 1) // steps))
    kept: list[Point] = []
    begin = 0
    while begin < len(ordered):
        until_ms = ordered[begin][0] - (ordered[begin][0] - first_ms) % step_ms + step_ms
        end = begin
        while end < len(ordered) and ordered[end][0] < until_ms:
            end += 1
        step = ordered[begin:end]
        kept.extend(sorted({min(step, key=_number), max(step, key=_number)}))
        begin = end
    return kept, True


def route(
    latitudes: Iterable[Point], longitudes: Iterable[Point], *, most: int = MOST_POINTS
) -> list[tuple[int, float, float]]:
    """Return instant, latitude and longitude of each instant that has both, ascending; of many, every n-th one."""
    east = dict(longitudes)
    whole = [(at_ms, north, east[at_ms]) for at_ms, north in sorted(latitudes) if at_ms in east]
    if len(whole) <= most:
        return whole
    step = -(-len(whole) // (most - 1))
    thinned = whole[::step]
    return thinned if thinned[-1] == whole[-1] else [*thinned, whole[-1]]


def open_spans(states: Iterable[tuple[int, bool]]) -> list[tuple[int, int]]:
    """Return from when until when a door was open; one that nobody saw close is open up to its last reading."""
    return list(_open_spans(sorted(states)))


def _open_spans(states: Sequence[tuple[int, bool]]) -> Iterator[tuple[int, int]]:
    opened_ms: int | None = None
    for (at_ms, is_open), (next_ms, is_still_open) in pairwise([*states, *states[-1:]]):
        if is_open and opened_ms is None:
            opened_ms = at_ms
        if opened_ms is not None and (not is_still_open):
            yield opened_ms, next_ms
            opened_ms = None
    if opened_ms is not None:
        yield opened_ms, states[-1][0]


def _number(point: Point) -> float:
    return point[1]
