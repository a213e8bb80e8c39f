"""The Berlinger logger files among the shared real data, read just enough for tests: rows, daily sums, statistics."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from wayproof_verifier.telemetry import Reading

LOGGERS = Path(__file__).parents[3] / "shared" / "data" / "loggers"
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Row:
    """A logged temperature and whether the device marked it as out of limits."""

    reading: Reading
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A Fridge-tag's summary of a day: minutes below and above its limits."""

    from_ms: int
    low_minutes: int
    high_minutes: int


def fridge_tag() -> str:
    return _text("FridgeTag_2L/130500109088_202206081014.txt")


def q_tag() -> str:
    return _text("QTag_CLm_doc_LR/RCPJ00010_02_202211090128.txt")


def at_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@cache
def rows(text: str) -> tuple[Row, ...]:
    lines = re.findall(r"^\t(\d{4}-\d\d-\d\d \d\d:\d\d)\t(-?\d+)\.(\d)(\tx?)?\r?$", text, re.MULTILINE)
    return tuple(
        Row(_reading(int(whole + tenths), at_ms(stamp)), is_marked=mark == "\tx")
        for stamp, whole, tenths, mark in lines
    )


def days(text: str) -> list[Day]:
    found = re.findall(r"Date: (\S+)\r\n.*?0:\r\n\s+t Acc: (\d+).*?1:\r\n\s+t Acc: (\d+)", text, re.DOTALL)
    return [Day(at_ms(date), int(low), int(high)) for date, low, high in found]


def _reading(tenths: int, observed_at_ms: int) -> Reading:
    value, scale = (tenths // 10, 0) if tenths % 10 == 0 else (tenths, 1)
    return Reading("temperature", value, scale, "CEL", observed_at_ms)


@cache
def _text(name: str) -> str:
    path = LOGGERS / name
    if not path.exists():
        pytest.skip(f"the shared real data are not here: {name}")
    return path.read_bytes().decode("utf-8")
