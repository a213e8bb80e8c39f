"""Excursions: runs of consecutive readings outside a limit, on one side, with what can be proved of their length.

Between two readings on the same side of a limit the product is taken to have stayed on that side. Under that assumption
the true duration lies between `least_ms` and `most_ms`; an excursion shorter than the logging interval can be missed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from wayproof_verifier.coldchain.limits import DIRECTIONS, LIMITS_1, Direction, Limit, Rule
from wayproof_verifier.coldchain.series import Series, series_of
from wayproof_verifier.telemetry.senml import Reading, TextReading

Ending = Literal["open", "inside", "opposite", "silent"]
"""How a run ends: not yet; by a reading inside, or outside on the other side; in a silence beyond the gap limit."""


@dataclass(frozen=True, slots=True)
class Excursion:
    """One verdict, by one rule, as of one time. All times are the device's, in ms since 1970."""

    device_id: str
    stream: str
    name: str
    """The readings' full name: two probes of one stream are two series."""
    direction: Direction
    started_at_ms: int
    """The first reading outside."""
    last_outside_at_ms: int
    ended_at_ms: int | None
    """The first instant without a reading outside on this side; or, in a silence, how long the last one speaks."""
    ending: Ending
    peak: Reading
    """The reading farthest outside (the first of equals), in the limit's unit, at its smallest scale."""
    readings: int
    least_ms: int
    most_ms: int
    """Goes to the readings around; at the edge of the record and into a silence, at most to the gap limit."""
    is_start_censored: bool
    """Nothing is known of the time just before: the record begins with it, or a silence."""
    rule: str
    as_of_ms: int

    @property
    def is_end_censored(self) -> bool:
        """Whether nobody saw it end."""
        return self.ending in {"open", "silent"}


def excursions(
    readings: Iterable[Reading | TextReading],
    *,
    device_id: str,
    stream: str,
    limits: Iterable[Limit],
    as_of_ms: int,
    rule: Rule = LIMITS_1,
) -> tuple[Excursion, ...]:
    """Judge one stream's readings: its excursions in order of start, name and direction.

    A pure function of the set of readings: arrival order and repetition have no influence. Readings with a time later
    than `as_of_ms` are not judged yet.
    """
    found = [
        _excursion(each, direction, first, end, device_id=device_id, stream=stream)
        for each in series_of(readings, limits=limits, as_of_ms=as_of_ms, rule=rule)
        for direction in DIRECTIONS
        for first, end in _runs(each, direction)
    ]
    return tuple(sorted(found, key=lambda excursion: (excursion.started_at_ms, excursion.name, excursion.direction)))


def _runs(series: Series, direction: Direction) -> Iterator[tuple[int, int]]:
    """Yield the points of each run, as indices: first, and one past its last."""
    first: int | None = None
    for index, point in enumerate(series.points):
        if first is not None and (direction not in point.outside or _is_silent_before(series, index)):
            yield first, index
            first = None
        if first is None and direction in point.outside:
            first = index
    if first is not None:
        yield first, len(series.points)


def _is_silent_before(series: Series, index: int) -> bool:
    """Whether the time just before a point, or before the as-of time where the index is past all, is silent."""
    if index == 0:
        return True
    until_ms = series.points[index].at_ms if index < len(series.points) else series.as_of_ms
    return until_ms - series.points[index - 1].at_ms > series.rule.gap_limit_ms


def _excursion(series: Series, direction: Direction, first: int, end: int, *, device_id: str, stream: str) -> Excursion:
    run = series.points[first:end]
    started_at_ms, last_at_ms = run[0].at_ms, run[-1].at_ms
    is_start_censored = _is_silent_before(series, first)
    ending: Ending
    if _is_silent_before(series, end):
        ending, edge_ms = "silent", last_at_ms + series.rule.gap_limit_ms
    elif end == len(series.points):
        ending, edge_ms = "open", series.as_of_ms
    else:
        ending, edge_ms = ("opposite" if series.points[end].outside else "inside"), series.points[end].at_ms
    if direction == "high":
        farthest = max(run, key=lambda point: point.highest)
        peak = series.reading(farthest.highest, at_ms=farthest.at_ms)
    else:
        farthest = min(run, key=lambda point: point.lowest)
        peak = series.reading(farthest.lowest, at_ms=farthest.at_ms)
    return Excursion(
        device_id=device_id,
        stream=stream,
        name=series.name,
        direction=direction,
        started_at_ms=started_at_ms,
        last_outside_at_ms=last_at_ms,
        ended_at_ms=None if ending == "open" else edge_ms,
        ending=ending,
        peak=peak,
        readings=sum(point.readings for point in run),
        least_ms=last_at_ms - started_at_ms,
        most_ms=edge_ms - (started_at_ms if is_start_censored else series.points[first - 1].at_ms),
        is_start_censored=is_start_censored,
        rule=series.rule.name,
        as_of_ms=series.as_of_ms,
    )
