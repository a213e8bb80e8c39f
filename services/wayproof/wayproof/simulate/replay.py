"""Readings from a file: CSV with a column `time` and one column for each measurement, named as SenML names it."""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from wayproof.simulate.errors import DeviceError
from wayproof.simulate.pack import Value

TIME = "time"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_END = 2**43  # beyond what a message can say

Row = tuple[int, dict[str, Value]]
"""When it was observed (epoch ms), and what, by name."""


def read_file(path: Path) -> tuple[Row, ...]:
    """Read a whole file. Raises DeviceError that names the line which is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(rows(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DeviceError(f"{path} cannot be read: {error}", code="device_replay") from error
    except ValueError as error:
        raise DeviceError(f"{path}, {error}", code="device_replay") from error


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows in the file's order, leaving out empty cells. Raises ValueError that names the line.

    A time is ISO 8601 (UTC where it has no offset) or seconds since 1970; a value is a number, `true` or `false`.
    """
    reader = csv.DictReader(lines)
    if TIME not in (reader.fieldnames or ()):
        raise ValueError(f"line 1: there is no column {TIME!r}")
    for row in reader:
        try:
            observed_at_ms, values = _row(row)
        except ValueError as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error
        if values:
            yield observed_at_ms, values


def _row(cells: dict[str | Any, str | Any]) -> Row:
    if None in cells or None in cells.values():  # how csv says that cells are too many or too few
        raise ValueError("it has not as many cells as line 1")
    values = {name.strip(): _value(cell.strip()) for name, cell in cells.items() if name != TIME and cell.strip()}
    return _time_ms(cells[TIME].strip()), values


def _time_ms(text: str) -> int:
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
    if not (seconds.is_finite() and 0 <= seconds < _SECONDS_END):
        raise ValueError(f"{text!r} is no time")
    return math.floor(seconds * 1000)


def _value(text: str) -> Value:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value
