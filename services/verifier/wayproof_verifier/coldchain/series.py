"""One measurement of one stream in the order of the device's clock, whatever the order of arrival."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from wayproof_verifier.coldchain.limits import DIRECTIONS, Direction, Limit, Rule, convert
from wayproof_verifier.telemetry.senml import Reading, TextReading

NOWHERE: Final[frozenset[Direction]] = frozenset()


class Point(NamedTuple):
    """What was read at one instant: usually one number, at the series' scale in the limit's unit."""

    at_ms: int
    lowest: int
    highest: int
    readings: int
    outside: frozenset[Direction]
    """On which sides a reading of this instant is outside; none where all are inside."""


class Span(NamedTuple):
    """The time after a point, up to the next one; `after` is empty where nobody saw how it went on."""

    from_ms: int
    until_ms: int
    value: int
    before: frozenset[Direction]
    after: frozenset[Direction]
    is_silent: bool = False
    """The device has been quiet for longer than the gap limit: the readings around say nothing of this time."""


@dataclass(frozen=True, slots=True)
class Series:
    """All readings of one name, each once, in order of time."""

    name: str
    limit: Limit
    rule: Rule
    as_of_ms: int
    scale: int
    points: tuple[Point, ...]
    not_judged: int
    """Readings whose unit cannot be compared with the limit's."""

    def reading(self, value: int, *, at_ms: int) -> Reading:
        """Return a value as a reading: in the limit's unit, at the smallest scale that holds it."""
        scale = self.scale
        while scale > 0 and value % 10 == 0:
            value //= 10
            scale -= 1
        return Reading(self.name, value, scale, self.limit.unit, at_ms)

    def spans(self) -> Iterator[Span]:
        """Yield the time from the first reading to the as-of time, without a hole."""
        for point, following in zip(self.points, [*self.points, None][1:], strict=True):
            until_ms = self.as_of_ms if following is None else following.at_ms
            held_until_ms = min(until_ms, point.at_ms + self.rule.gap_limit_ms)
            seen = NOWHERE if following is None or held_until_ms < until_ms else following.outside
            yield Span(point.at_ms, held_until_ms, point.highest, point.outside, seen)
            if held_until_ms < until_ms:
                yield Span(held_until_ms, until_ms, point.highest, NOWHERE, NOWHERE, is_silent=True)


def series_of(
    readings: Iterable[Reading | TextReading], *, limits: Iterable[Limit], as_of_ms: int, rule: Rule
) -> tuple[Series, ...]:
    """Sort one stream's readings into series, by name; what has no limit, is text or later than `as_of_ms` is left."""
    by_name: dict[str, list[Reading]] = {}
    for reading in readings:
        if isinstance(reading, Reading) and reading.observed_at_ms <= as_of_ms:
            by_name.setdefault(reading.name, []).append(reading)
    limits = tuple(limits)
    return tuple(
        _series(name, by_name[name], limit, as_of_ms=as_of_ms, rule=rule)
        for name in sorted(by_name)
        for limit in limits
        if limit.is_for(name)
    )


def _series(name: str, readings: Iterable[Reading], limit: Limit, *, as_of_ms: int, rule: Rule) -> Series:
    judged = set()
    not_judged = set()
    for reading in readings:
        converted = convert(reading.value, scale=reading.scale, unit=reading.unit, to=limit.unit)
        if converted is None:
            not_judged.add(reading)
        else:
            judged.add((reading.observed_at_ms, *converted))
    scale = max((scale for _, _, scale in judged), default=0)
    # Once more a set: the same number at another scale, or in another unit, is the same reading.
    distinct = {(at_ms, value * 10 ** (scale - own)) for at_ms, value, own in judged}
    points = []
    for at_ms, group in groupby(sorted(distinct), key=itemgetter(0)):
        values = [value for _, value in group]
        sides = {limit.side(value, scale=scale, rule=rule) for value in (values[0], values[-1])}
        outside = frozenset(direction for direction in DIRECTIONS if direction in sides)
        points.append(Point(at_ms, values[0], values[-1], len(values), outside))
    return Series(name, limit, rule, as_of_ms, scale, tuple(points), len(not_judged))
