"""What a series of readings says of a window of time: extremes, time outside in bounds, by custodian, MKT.

Times outside are added span by span, so they are additive: over slices of time, and over custodians.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wayproof_verifier.coldchain.kinetics import (
    DELTA_H_J_MOL,
    MeanKineticTemperature,
    mean_kinetic_temperature,
)
from wayproof_verifier.coldchain.limits import LIMITS_1, Limit, Rule, convert
from wayproof_verifier.coldchain.series import NOWHERE, Series, Span, series_of
from wayproof_verifier.telemetry.senml import Reading, TextReading

CustodyInterval = tuple[str, int, int | None]
"""(custodian, from_ms, until_ms): until is exclusive, and None while it lasts."""

Piece = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Exposure:
    """How long a window's time was outside, in bounds, and for how long nothing is known."""

    low_least_ms: int = 0
    low_most_ms: int = 0
    high_least_ms: int = 0
    high_most_ms: int = 0
    silent_ms: int = 0


@dataclass(frozen=True, slots=True)
class CustodyShare:
    """The part of the window that is in one custody interval, and in no other."""

    custodian: str
    from_ms: int
    until_ms: int | None
    exposure: Exposure


@dataclass(frozen=True, slots=True)
class Summary:
    """One series in [from_ms, until_ms). Extremes are readings in the limit's unit; None where there is none."""

    name: str
    limit: Limit
    rule: str
    as_of_ms: int
    from_ms: int
    until_ms: int
    count: int
    not_judged: int
    """Of the whole series: readings whose unit cannot be compared with the limit's."""
    lowest: Reading | None
    highest: Reading | None
    latest: Reading | None
    exposure: Exposure
    custody: tuple[CustodyShare, ...]
    unclaimed: Exposure
    """Nobody's: no custody interval covers that time."""
    contested: Exposure
    """More than one's. The shares, `unclaimed` and `contested` together are `exposure`, in each number."""
    mkt: MeanKineticTemperature


def summaries(
    readings: Iterable[Reading | TextReading],
    *,
    limits: Iterable[Limit],
    as_of_ms: int,
    from_ms: int | None = None,
    until_ms: int | None = None,
    custody: Sequence[CustodyInterval] = (),
    rule: Rule = LIMITS_1,
    delta_h_j_mol: int = DELTA_H_J_MOL,
) -> tuple[Summary, ...]:
    """Summarise one stream's readings, a summary for each name that a limit is for, in order of name.

    The window is from the first reading to `as_of_ms` unless given; readings beyond it still say what its edges were.
    """
    return tuple(
        _summary(each, from_ms=from_ms, until_ms=until_ms, custody=custody, delta_h_j_mol=delta_h_j_mol)
        for each in series_of(readings, limits=limits, as_of_ms=as_of_ms, rule=rule)
    )


def _summary(
    series: Series,
    *,
    from_ms: int | None,
    until_ms: int | None,
    custody: Sequence[CustodyInterval],
    delta_h_j_mol: int,
) -> Summary:
    until_ms = series.as_of_ms if until_ms is None else min(until_ms, series.as_of_ms)
    first_ms = series.points[0].at_ms if series.points else until_ms
    from_ms = min(first_ms if from_ms is None else from_ms, until_ms)
    spans = [*_before(first_ms, from_ms=from_ms), *series.spans()]
    # The as-of time itself is the last instant judged: a reading at it counts.
    inside = [p for p in series.points if from_ms <= p.at_ms < until_ms or p.at_ms == until_ms == series.as_of_ms]
    least = min(inside, key=lambda point: point.lowest, default=None)
    greatest = max(inside, key=lambda point: point.highest, default=None)
    cuts = _cuts(custody, from_ms=from_ms, until_ms=until_ms)
    held: dict[tuple[int, ...], list[Piece]] = defaultdict(list)
    for piece in pairwise(cuts):
        held[_holders(custody, piece)].append(piece)
    return Summary(
        name=series.name,
        limit=series.limit,
        rule=series.rule.name,
        as_of_ms=series.as_of_ms,
        from_ms=from_ms,
        until_ms=until_ms,
        count=sum(point.readings for point in inside),
        not_judged=series.not_judged,
        lowest=series.reading(least.lowest, at_ms=least.at_ms) if least else None,
        highest=series.reading(greatest.highest, at_ms=greatest.at_ms) if greatest else None,
        latest=series.reading(inside[-1].highest, at_ms=inside[-1].at_ms) if inside else None,
        exposure=_exposure(spans, [(from_ms, until_ms)]),
        custody=tuple(CustodyShare(*each, _exposure(spans, held[(i,)])) for i, each in enumerate(custody)),
        unclaimed=_exposure(spans, held[()]),
        contested=_exposure(spans, [piece for holders in held if len(holders) > 1 for piece in held[holders]]),
        mkt=_mkt(series, spans, window=(from_ms, until_ms), delta_h_j_mol=delta_h_j_mol),
    )


def _before(first_ms: int, *, from_ms: int) -> Iterator[Span]:
    if from_ms < first_ms:
        yield Span(from_ms, first_ms, 0, NOWHERE, NOWHERE, is_silent=True)


def _cuts(custody: Sequence[CustodyInterval], *, from_ms: int, until_ms: int) -> list[int]:
    named = {edge for _, since, until in custody for edge in (since, until) if edge is not None}
    return sorted({from_ms, until_ms} | {edge for edge in named if from_ms < edge < until_ms})


def _holders(custody: Sequence[CustodyInterval], piece: Piece) -> tuple[int, ...]:
    """Return which custody intervals hold a piece; one between two cuts is held wholly or not at all."""
    from_ms, until_ms = piece
    return tuple(
        index
        for index, (_, since_ms, end_ms) in enumerate(custody)
        if since_ms <= from_ms and (end_ms is None or until_ms <= end_ms)
    )


def _exposure(spans: Sequence[Span], pieces: Iterable[Piece]) -> Exposure:
    low_least = low_most = high_least = high_most = silent = 0
    for piece in pieces:
        for span in spans:
            length_ms = _length_ms(span, piece)
            if span.is_silent:
                silent += length_ms
                continue
            sure, possible = span.before & span.after, span.before | span.after
            low_least += length_ms * ("low" in sure)
            low_most += length_ms * ("low" in possible)
            high_least += length_ms * ("high" in sure)
            high_most += length_ms * ("high" in possible)
    return Exposure(low_least, low_most, high_least, high_most, silent)


def _length_ms(span: Span, piece: Piece) -> int:
    return max(0, min(span.until_ms, piece[1]) - max(span.from_ms, piece[0]))


def _mkt(series: Series, spans: Iterable[Span], *, window: Piece, delta_h_j_mol: int) -> MeanKineticTemperature:
    """Each reading holds until the next one, at most for the gap limit."""
    offset = convert(0, scale=series.scale, unit=series.limit.unit, to="CEL")
    if offset is None:
        return MeanKineticTemperature(None, delta_h_j_mol, "no_temperature")
    shift, scale = offset
    factor = 10 ** (scale - series.scale)
    held = [(s.value * factor + shift, _length_ms(s, window)) for s in spans if not s.is_silent]
    return mean_kinetic_temperature(held, scale=scale, delta_h_j_mol=delta_h_j_mol)
