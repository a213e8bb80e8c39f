"""Changing one row of a database, whatever its constraints say, and putting it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from wayproof.store.connection import Connection

KEYS = {
    "message": ("ingest_id",),
    "reading": ("stream_id", "observed_at_ms", "ingest_id", "ordinal"),
    "stream": ("stream_id",),
    "quantity": ("quantity_id",),
    "log_waiting": ("first_ingest_id",),
    "log_epoch": ("epoch",),
    "log_leaf": ("epoch", "leaf_index"),
    "log_tile": ("epoch", "level", "tile_index"),
    "ledger_checkpoint": ("singleton",),
    "ledger_config_block": ("block_number",),
    "ledger_transaction": ("tx_id",),
    "ledger_record": ("key",),
    "shipment": ("gsin",),
    "shipment_event": ("gsin", "version"),
    "attachment": ("gsin", "attached"),
    "excursion": ("gsin", "excursion_id"),
    "device": ("device_id",),
    "device_key": ("device_id", "ordinal"),
    "device_key_end": ("device_id", "version"),
    "log_record": ("log_id",),
    "anchor": ("log_id", "epoch", "counter"),
}
"""What is tampered with: every table that fsck answers for, with its primary key."""

OTHER = {
    "integer": "{0} + 1",
    "bigint": "{0} + 1",
    "smallint": "{0} + 1",
    "text": "{0} || 'x'",
    "bytea": "set_byte({0}, 0, 255 - get_byte({0}, 0))",
    "jsonb": "{0} || '{{\"tampered\": true}}'",
}
SOME = {
    "integer": "7",
    "bigint": "7",
    "smallint": "7",
    "text": "'x'",
    "bytea": "'\\x0102'::bytea",
    "jsonb": "'{}'::jsonb",
}
"""Another value of each type, from the one that is there and from nothing."""


@dataclass(frozen=True, slots=True)
class Tamper:
    """A row (its place in the order of its table's key) and what is done to it: a column changed, or it is removed."""

    table: str
    row: int
    column: str = ""

    def __str__(self) -> str:
        return f"{self.table}[{self.row}].{self.column or 'DELETE'}"


def lift_constraints(connection: Connection) -> None:
    """Let whoever owns the database do anything: no CHECK, no NOT NULL; foreign keys and triggers sleep."""
    found = connection.execute(
        "SELECT conrelid::regclass::text AS name, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
        " AND coninhcount = 0 AND connamespace = 'public'::regnamespace"
    ).fetchall()
    for row in found:
        run(connection, f"ALTER TABLE {row['name']} DROP CONSTRAINT {row['conname']}")
    run(connection, "SET session_replication_role = replica")


def columns(connection: Connection, table: str) -> dict[str, str]:
    """Return the columns of a table with their types."""
    found = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position",
        [table],
    )
    return {str(row["column_name"]): str(row["data_type"]) for row in found if row["column_name"] != "singleton"}


def count(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    return len(run(connection, f"SELECT FROM {table}"))


@contextmanager
def restored(connection: Connection, *tables: str) -> Iterator[None]:
    """Put tables back as they were."""
    for table in tables:
        run(connection, f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
    try:
        yield
    finally:
        for table in tables:
            run(connection, f"DELETE FROM {table}")  # noqa: S608 - a test's own names
            run(connection, f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept_{table}")
            run(connection, f"DROP TABLE kept_{table}")


def apply(connection: Connection, tamper: Tamper) -> None:
    """Do it."""
    types = columns(connection, tamper.table)
    order = ", ".join(KEYS[tamper.table])
    chosen = f"ctid = (SELECT ctid FROM {tamper.table} ORDER BY {order} OFFSET {tamper.row} LIMIT 1)"  # noqa: S608 - ours
    if not tamper.column:
        run(connection, f"DELETE FROM {tamper.table} WHERE {chosen}")  # noqa: S608 - a test's own names
        return
    kind, column = types[tamper.column], tamper.column
    other = f"CASE WHEN {column} IS NULL THEN {SOME[kind]} ELSE {OTHER[kind].format(column)} END"
    if kind in {"integer", "bigint", "smallint"} and (column in KEYS[tamper.table] or column == "ingest_id"):
        run(connection, f"ALTER TABLE {tamper.table} ALTER {column} DROP IDENTITY IF EXISTS")
        other = f"{column} + 1000"  # an identity that no other row has
    run(connection, f"UPDATE {tamper.table} SET {column} = {other} WHERE {chosen}")  # noqa: S608 - a test's own names


def run(connection: Connection, statement: str) -> list[dict[str, Any]]:
    """Run a statement of a test; return its rows if it has any."""
    done = connection.execute(statement.encode())
    return done.fetchall() if done.description is not None else []
