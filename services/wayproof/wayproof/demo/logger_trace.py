"""A real logger's trace from a CSV file, for a replay: time, temperature, and humidity when it is there.

The first row names the columns; which is which is guessed among names that loggers and data sets use (`TIME`,
`TEMPERATURE`, `HUMIDITY`, the preferred first). Comma or semicolon separates; behind semicolons a decimal comma is
read. Times are ISO 8601 (a space may stand for the T, seconds may lack), or seconds or milliseconds since 1970;
a time without an offset is taken as UTC. Temperatures are degrees Celsius. A row without a temperature is no reading.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from wayproof.errors import WayproofError

TIME = ("time", "timestamp", "datetime", "date_time", "date", "ts", "ds")
TEMPERATURE = ("core_temp_c", "temperature_c", "temp_c", "temperature", "temp", "air_temp_c", "celsius", "y")
HUMIDITY = ("humidity_percent", "humidity", "humid", "rh", "relative_humidity")

MILLISECONDS_FROM = 10**11
"""An epoch time from here on is in milliseconds: as seconds it would be the year 5138."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOWEST_C, HIGHEST_C = Decimal(-200), Decimal(200)


class TraceError(WayproofError):
    """A file is no logger trace that we can read; the code says in what."""

    code = "trace_unreadable"


@dataclass(frozen=True, slots=True)
class TracePoint:
    """One reading of the trace, its digits as in the file."""

    at: datetime
    temperature_c: Decimal
    humidity_percent: Decimal | None = None


def read_trace(path: Path, *, since: datetime | None = None, limit: timedelta | None = None) -> list[TracePoint]:
    """Return the readings in order of time, from `since` on (default: the first), shorter than `limit` after it.

    Raises `TraceError`: `trace_unreadable` (file or encoding), `trace_no_time_column`, `trace_no_temperature_column`,
    `trace_invalid_time`, `trace_invalid_number` (both with the line), `trace_empty`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            points = _points(file.read().splitlines())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path.name} cannot be read as UTF-8 CSV: {error}") from error
    points = [point for point in sorted(points, key=lambda point: point.at) if since is None or point.at >= since]
    if not points:
        raise TraceError("the trace has no reading in the time asked for", code="trace_empty")
    end = None if limit is None else (since or points[0].at) + limit
    kept = [point for point in points if end is None or point.at < end]
    if not kept:
        raise TraceError("the trace has no reading in the time asked for", code="trace_empty")
    return kept


def _points(lines: Sequence[str]) -> list[TracePoint]:
    semicolons = bool(lines) and lines[0].count(";") > lines[0].count(",")
    rows = csv.reader(lines, delimiter=";" if semicolons else ",")
    names = [name.strip().lower().replace(" ", "_") for name in next(rows, [])]
    time = _column(names, TIME)
    if time is None:
        raise _no_column(names, TIME, code="trace_no_time_column")
    temperature = _column(names, TEMPERATURE)
    if temperature is None:
        raise _no_column(names, TEMPERATURE, code="trace_no_temperature_column")
    humidity = _column(names, HUMIDITY)
    points = []
    for row in rows:
        measured = _number(row, temperature, line=rows.line_num, semicolons=semicolons)
        if measured is None:
            continue
        if not LOWEST_C <= measured <= HIGHEST_C:
            raise TraceError(f"line {rows.line_num}: {measured} is no temperature in °C", code="trace_invalid_number")
        beside = None if humidity is None else _number(row, humidity, line=rows.line_num, semicolons=semicolons)
        points.append(TracePoint(_time(row, time, line=rows.line_num), measured, beside))
    return points


def _column(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _no_column(names: Sequence[str], known: Sequence[str], *, code: str) -> TraceError:
    return TraceError(f"none of the columns {', '.join(names)[:200]!r} is one of: {', '.join(known)}", code=code)


def _number(row: Sequence[str], column: int, *, line: int, semicolons: bool) -> Decimal | None:
    """Return the cell's number, or None when it is empty or the row is too short."""
    text = row[column].strip() if column < len(row) else ""
    if text.lower() in {"", "na", "nan", "null"}:
        return None
    try:
        number = Decimal(text.replace(",", ".") if semicolons else text)
    except InvalidOperation as error:
        raise TraceError(f"line {line}: {text[:40]!r} is no number", code="trace_invalid_number") from error
    if not number.is_finite():
        raise TraceError(f"line {line}: {text[:40]!r} is no finite number", code="trace_invalid_number")
    return number


def _time(row: Sequence[str], column: int, *, line: int) -> datetime:
    text = row[column].strip() if column < len(row) else ""
    try:
        if text.replace(".", "", 1).isdecimal() and len(text) > len("20130718"):
            seconds = Decimal(text)
            return EPOCH + timedelta(milliseconds=float(seconds if seconds >= MILLISECONDS_FROM else seconds * 1000))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise TraceError(f"line {line}: {text[:40]!r} is no time we know", code="trace_invalid_time") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
