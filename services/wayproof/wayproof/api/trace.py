"""The trace of a shipment: what its devices measured while attached, where they were, what is missing or odd."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from fastapi import APIRouter

from wayproof.api.attachments import gap_of, held_streams, intervals_of
from wayproof.api.models import Series, Trace, TraceFlag, TraceGap
from wayproof.api.problems import refusals
from wayproof.api.resources import Gsin, Held, Reading, now_ms
from wayproof.api.series import measurement_of, open_spans, reduce, route
from wayproof.api.shipment import known_shipment
from wayproof.store import flagged, readings, retention
from wayproof.store.connection import Connection
from wayproof.store.flagged import FlaggedReading
from wayproof.store.readings import Break, Gathered, Interval

router = APIRouter(prefix="/api/v1/shipments", tags=["shipments"])

StreamName = tuple[str, str]

MOST_FLAGS = 2_000
"""Flags that are told of a shipment: a stuck sensor has one on every reading."""


@router.get("/{gsin}/trace", response_model_exclude_none=True, responses=refusals(400, 404, 503))
def get_trace(gsin: Gsin, resources: Held, connection: Reading) -> Trace:
    """Return what was measured, for drawing: plain numbers; evidence has the exact ones."""
    return trace_of(connection, gsin, organisation=resources.settings.organisation)


def trace_of(connection: Connection, gsin: str, *, organisation: str) -> Trace:
    """Return the trace of a shipment. Raises Refusal (404)."""
    intervals = intervals_of(known_shipment(connection, gsin).head)
    streams = readings.find_streams(connection, [(it.device_id, it.stream) for it in intervals])
    held = held_streams(streams, organisation=organisation)
    gathered = readings.gather(connection, intervals)
    flags = flagged.within(connection, intervals, limit=MOST_FLAGS + 1)
    span = readings.spanned(connection, intervals)
    return Trace(
        gsin=gsin,
        as_of_ms=now_ms(),
        held_here=bool(held),
        series=_series(intervals, gathered),
        route=_route(intervals, gathered),
        gaps=_gaps(intervals, readings.breaks(connection, intervals)),
        flags=[_flag(it) for it in flags[:MOST_FLAGS]],
        flags_reduced=len(flags) > MOST_FLAGS,
        dropped=retention.spans(retention.dropped(connection), from_ms=span["from_ms"], until_ms=span["until_ms"]),
        doors=open_spans(
            (at_ms, text == "true")
            for it in gathered
            if it.kind == "vb"
            for at_ms, text in zip(it.observed_at_ms, it.texts or (), strict=True)
        ),
    )


def _series(intervals: Iterable[Interval], gathered: Iterable[Gathered]) -> list[Series]:
    """Return every measurement but the position, a stream attached twice in one series."""
    stream_of = _streams(intervals)
    points: dict[tuple[str, str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for it in gathered:
        if it.kind == "v" and measurement_of(it.name) not in ("latitude", "longitude"):
            key = (*stream_of[it.attached], it.name, it.unit)
            points[key].extend(zip(it.observed_at_ms, it.numbers, strict=True))
    drawn = []
    for (device_id, stream, name, unit), of_this in sorted(points.items()):
        kept, is_reduced = reduce(of_this)
        drawn.append(Series(device_id=device_id, stream=stream, name=name, unit=unit, points=kept, reduced=is_reduced))
    return drawn


def _route(intervals: Iterable[Interval], gathered: Sequence[Gathered]) -> list[tuple[int, float, float]]:
    """Return the way of the first device that tells one."""
    stream_of = _streams(intervals)
    coordinates: dict[StreamName, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for it in gathered:
        if it.kind == "v" and (measurement := measurement_of(it.name)) in ("latitude", "longitude"):
            of_stream = coordinates[stream_of[it.attached]]
            of_stream[measurement].extend(zip(it.observed_at_ms, it.numbers, strict=True))
    ways = (route(it["latitude"], it["longitude"]) for _, it in sorted(coordinates.items()))
    return next((way for way in ways if way), [])


def _gaps(intervals: Iterable[Interval], breaks: Iterable[Break]) -> list[TraceGap]:
    """Return the gaps that lie between two observations."""
    stream_of = _streams(intervals)
    gaps = []
    for it in breaks:
        gap = gap_of(it)
        if gap is None or it.from_ms is None or it.until_ms is None:
            continue
        device_id, stream = stream_of[it.attached]
        missing = gap[2] - gap[1] + 1
        gaps.append(
            TraceGap(device_id=device_id, stream=stream, from_ms=it.from_ms, until_ms=it.until_ms, missing=missing)
        )
    return gaps


def _flag(it: FlaggedReading) -> TraceFlag:
    return TraceFlag(
        code=it.code,
        rule_version=it.rule_version,
        detail=it.detail,
        device_id=it.device_id,
        stream=it.stream,
        name=it.name,
        observed_at_ms=it.observed_at_ms,
    )


def _streams(intervals: Iterable[Interval]) -> dict[int, StreamName]:
    return {it.attached: (it.device_id, it.stream) for it in intervals}
