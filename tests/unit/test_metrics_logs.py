"""The log: one JSON object a line, with named facts, counted by level."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.root_log import kept_root_log
from wayproof import observability
from wayproof.observability.logs import LINES


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "log"
    with kept_root_log():
        observability.configure(process="anchor", organisation="ShipperMSP", file=path)
        yield path


def test_a_line_says_who_what_and_when(lines: Path) -> None:
    counted = LINES.values().get(("warning",), 0)
    logger = logging.getLogger("wayproof.anchor.worker")
    logger.warning("anchoring: %s", "the ledger\nis away", extra={"code": "ledger_unavailable", "size": 7})
    try:
        int("odd")
    except ValueError:
        logger.exception("broke", extra={"payload": b"\x00"})
    said, broke = [json.loads(line) for line in lines.read_text().splitlines()]
    at = said.pop("at")
    assert at.endswith("+00:00")
    assert said == {
        "level": "warning",
        "process": "anchor",
        "organisation": "ShipperMSP",
        "logger": "wayproof.anchor.worker",
        "message": "anchoring: the ledger\nis away",
        "code": "ledger_unavailable",
        "size": 7,
    }
    assert "ValueError: invalid literal" in broke["traceback"]
    assert broke["payload"] == "b'\\x00'"
    assert LINES.values()["warning",] == counted + 1
