"""Logs as one JSON object a line on standard error: time, level, process, organisation, message, and named facts.

logger = logging.getLogger(__name__)
logger.info("stored", extra={"messages": 12, "rejected": 1})
"""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from wayproof.observability import metrics

LINES = metrics.counter("wayproof_log_lines_total", "Lines of the process's own log, by level.", labels=("level",))

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON; what came as `extra` stands beside the message."""

    def __init__(self, *, process: str, organisation: str) -> None:
        super().__init__()
        self._who = {"process": process, "organisation": organisation}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._who,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Counting(logging.Handler):
    """Counts what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        LINES.add(1, record.levelname.lower())


def configure(*, process: str, organisation: str = "", level: int = logging.INFO, file: Path | None = None) -> None:
    """Send this process's log to standard error, or to a file. Called once, by the command line."""
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(JsonFormatter(process=process, organisation=organisation))
    logging.basicConfig(level=level, handlers=[handler, _Counting()], force=True)
