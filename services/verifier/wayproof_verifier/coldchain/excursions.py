"""Excursions: runs of consecutive readings outside a limit, on one side, with what can be proved of their length.

Between two readings on the same side of a limit the product is taken to have stayed on that side. Under that assumption
the true duration lies between `least_ms` and `most_ms`; an excursion shorter than the logging interval can be missed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from wayproof_verifier.coldchain.limits import LIMITS_1, Direction, Limit, Rule
from wayproof_verifier.coldchain.series import Point, Series, series_of
from wayproof_verifier.telemetry.senml import Reading, TextReading

Ending = Literal["open", "inside", "opposite", "silent"]
"""How a run ends: not yet, by a reading inside, by one outside on the other side, by a silence beyond the gap limit."""


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
    """The first reading not outside on this side; after a silence the last one outside; None while open."""
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
        _excursion(each, *run, device_id=device_id, stream=stream)
        for each in series_of(readings, limits=limits, as_of_ms=as_of_ms, rule=rule)
        for run in _runs(each)
    ]
    return tuple(sorted(found, key=lambda excursion: (excursion.started_at_ms, excursion.name, excursion.direction)))


def _runs(series: Series) -> Iterator[tuple[Direction, tuple[Point, ...], Point | None, Point | None]]:
    """Yield each run: its direction, its points, and the ones before and after, None where a silence or nothing is."""
    points, gap_limit_ms = series.points, series.rule.gap_limit_ms
    first = 0
    while first < len(points):
        end = first + 1
        while end < len(points) and points[end].side == points[first].side and not _silent(points, end, gap_limit_ms):
            end += 1
        side = points[first].side
        if side != "inside":
            before = points[first - 1] if first > 0 and not _silent(points, first, gap_limit_ms) else None
            after = points[end] if end < len(points) and not _silent(points, end, gap_limit_ms) else None
            yield side, points[first:end], before, after
        first = end


def _silent(points: tuple[Point, ...], index: int, gap_limit_ms: int) -> bool:
    return points[index].at_ms - points[index - 1].at_ms > gap_limit_ms


def _excursion(
    series: Series,
    direction: Direction,
    run: tuple[Point, ...],
    before: Point | None,
    after: Point | None,
    *,
    device_id: str,
    stream: str,
) -> Excursion:
    first, last = run[0], run[-1]
    held_until_ms = min(last.at_ms + series.rule.gap_limit_ms, series.as_of_ms)
    ending: Ending
    ended_at_ms: int | None
    if after is not None:
        ending, ended_at_ms, edge_ms = ("inside" if after.side == "inside" else "opposite"), after.at_ms, after.at_ms
    elif last is series.points[-1] and held_until_ms == series.as_of_ms:
        ending, ended_at_ms, edge_ms = "open", None, series.as_of_ms
    else:
        ending, ended_at_ms, edge_ms = "silent", last.at_ms, held_until_ms
    farthest = max if direction == "high" else min
    return Excursion(
        device_id=device_id,
        stream=stream,
        name=series.name,
        direction=direction,
        started_at_ms=first.at_ms,
        last_outside_at_ms=last.at_ms,
        ended_at_ms=ended_at_ms,
        ending=ending,
        peak=series.reading(farthest(run, key=lambda point: point.value)),
        readings=len(run),
        least_ms=last.at_ms - first.at_ms,
        most_ms=edge_ms - (first.at_ms if before is None else before.at_ms),
        is_start_censored=before is None,
        rule=series.rule.name,
        as_of_ms=series.as_of_ms,
    )
