"""How readings are stored: by week, as partitions of a plain table or as chunks of a hypertable. Asked for alike.

Which of the two is decided when the tables are made, recorded with its reason, and stays.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row

from wayproof.store import queries, retention
from wayproof.store.connection import Connection
from wayproof.store.errors import SchemaError, store_errors
from wayproof.store.weeks import WEEK_MS, wanted

QUERIES = queries.load("weeks")

Kind = Literal["partitions", "hypertable"]
Choice = Literal["auto", "required", "off"]
"""A hypertable where the server has TimescaleDB, always, never."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How readings are stored, why, and since when."""

    kind: Kind
    reason: str
    chosen_at: datetime

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"readings are stored as {self.kind} since {self.chosen_at:%Y-%m-%d} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The tables that readings lie in: how many, rows as PostgreSQL estimates them, bytes with their indexes."""

    tables: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Extension:
    installed: str | None
    available: str | None
    is_loaded: bool | None
    licence: str | None


def storage(connection: Connection) -> Storage | None:
    """Return what was chosen; None before the tables are made."""
    with store_errors(), connection.cursor(row_factory=class_row(Storage)) as cursor:
        if connection.execute("SELECT to_regclass('reading_storage') AS there").fetchone() == {"there": None}:
            return None
        return cursor.execute(QUERIES["storage"]).fetchone()


def choose(connection: Connection, choice: Choice) -> tuple[Kind, str]:
    """Return how readings shall be stored here, and why, having made the extension where it is wanted.

    On an autocommit connection and outside a transaction: an extension that cannot be made must undo nothing else.
    Raises SchemaError (timescaledb_missing, timescaledb_unwanted) where that is not what the settings ask for.
    """
    chosen = storage(connection)
    if chosen is not None:
        _require_same(chosen, choice)
        return chosen.kind, chosen.reason
    if choice == "off":
        return "partitions", 'database.timescaledb = "off"'
    problem = _make_extension(connection)
    found = _extension(connection)
    if problem is None:
        return "hypertable", f"TimescaleDB {found.installed}, licence {found.licence}"
    if choice == "required":
        raise SchemaError(
            f'{problem}: install it (docs/guides/operate.md), or set database.timescaledb to "auto" or "off"',
            code="timescaledb_missing",
        )
    return "partitions", problem


def record(connection: Connection, kind: Kind, reason: str) -> None:
    """Record what was chosen. Within a transaction."""
    with store_errors():
        connection.execute(QUERIES["put_storage"], {"kind": kind, "reason": reason})


def make_weeks(connection: Connection, *, now_ms: int | None = None) -> Sequence[int]:
    """Let each week that is wanted now have its own table; return the weeks that had none. Within a transaction.

    It waits until nobody reads or writes readings, and keeps everybody from it meanwhile. A week whose readings were
    dropped is made no more.
    """
    with store_errors():
        chosen = storage(connection)
        if chosen is None:
            raise SchemaError("run `wayproof schema apply` first")
        row = connection.execute(QUERIES["oldest_received"]).fetchone()
        oldest = int(str(row["received_at_ms"])) if row else None
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        weeks = wanted(oldest_received_at_ms=oldest, now_ms=now, dropped=retention.dropped(connection))
        rows = connection.execute(QUERIES["make_weeks"], {"first_week": weeks.start, "after_week": weeks.stop})
        return [int(str(row["week"])) for row in rows]


def take_over(connection: Connection) -> None:
    """Move what a migration left beside a new hypertable into it. Within a transaction, after weeks are made."""
    with store_errors():
        chosen = storage(connection)
        is_left = connection.execute(QUERIES["is_left"]).fetchone() == {"is_left": True}
        if chosen is not None and chosen.kind == "hypertable" and is_left:
            connection.execute("INSERT INTO reading SELECT * FROM reading_default")
            connection.execute("DROP TABLE reading_default")


def weeks(connection: Connection) -> Sequence[int]:
    """Return the weeks that have a table of their own, in order."""
    with store_errors():
        chosen = storage(connection)
        is_hypertable = chosen is not None and chosen.kind == "hypertable"
        rows = connection.execute(QUERIES["chunks" if is_hypertable else "partitions"], {"week_ms": WEEK_MS})
        return [int(str(row["week"])) for row in rows]


def sizes(connection: Connection) -> Sizes:
    """Return how much readings take."""
    with store_errors(), connection.cursor(row_factory=class_row(Sizes)) as cursor:
        (row,) = cursor.execute(QUERIES["sizes"]).fetchall()
    return row


def _require_same(chosen: Storage, choice: Choice) -> None:
    if choice == "required" and chosen.kind != "hypertable":
        raise SchemaError(
            f'{chosen}, and stay so: set database.timescaledb to "auto", or move to a new database',
            code="timescaledb_missing",
        )
    if choice == "off" and chosen.kind == "hypertable":
        raise SchemaError(f'{chosen}, and stay so: set database.timescaledb to "auto"', code="timescaledb_unwanted")


def _make_extension(connection: Connection) -> str | None:
    """Make the extension in this database unless it is there; return why there is none, None where there is."""
    found = _extension(connection)
    if found.installed is None and found.available is None:
        return "the server has no TimescaleDB"
    if not found.is_loaded:
        return "the server has TimescaleDB, and does not load it (shared_preload_libraries)"
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.errors.InsufficientPrivilege:
        return "the server has TimescaleDB, and this user may not make the extension"
    return None


def _extension(connection: Connection) -> _Extension:
    with store_errors(), connection.cursor(row_factory=class_row(_Extension)) as cursor:
        (row,) = cursor.execute(QUERIES["timescaledb"]).fetchall()
    return row
