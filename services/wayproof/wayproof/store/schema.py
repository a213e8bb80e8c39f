"""The tables: made and changed by `wayproof schema apply` only; every other process refuses to run on other ones.

A migration is `{version}_{number}_{pre|post}_{what}.sql`: `pre` runs before the code of that version starts, `post`
once no older code runs any more. `schema.sql` is what all of them lead to.
"""

from collections.abc import Sequence
from importlib import resources
from typing import LiteralString

from wayproof.store import privileges, storage
from wayproof.store.connection import Connection
from wayproof.store.errors import SchemaError, store_errors
from wayproof.store.storage import Choice

LOCK = 0x77617970
"""Advisory lock: two that apply at once take turns."""


def migrations() -> Sequence[str]:
    """Return the names of all migrations, in order."""
    folder = resources.files(__package__).joinpath("migrations")
    return sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))


def apply(connection: Connection, *, timescaledb: Choice = "auto") -> Sequence[str]:
    """Bring tables and grants to this version, all in one transaction; return the names of the migrations applied.

    The roles are made before, where they are missing. Where the readings' table is split by it, `timescaledb` says
    whether it becomes a hypertable. Raises SchemaError (timescaledb_missing, timescaledb_unwanted).
    """
    privileges.make_roles(connection)
    kind, reason = storage.choose(connection, timescaledb)
    with store_errors(), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        connection.execute(storage.QUERIES["choose"], {"kind": kind})
        missing = [name for name in migrations() if name not in _applied(connection)]
        for name in missing:
            connection.execute(_text(f"migrations/{name}.sql"))
            connection.execute("INSERT INTO schema_migration (name) VALUES (%s)", [name])
        storage.record(connection, kind, reason)
        storage.make_weeks(connection)
        storage.take_over(connection)
        privileges.grant(connection)
    return missing


def require_current(connection: Connection) -> None:
    """Raise SchemaError unless every migration of this version, and none of a later one, is applied."""
    with store_errors():
        applied = _applied(connection)
    known = set(migrations())
    if known - applied:
        raise SchemaError(f"run `wayproof schema apply` first; missing: {', '.join(sorted(known - applied))}")
    if applied - known:
        raise SchemaError(f"the database is ahead of this program: {', '.join(sorted(applied - known))}")


def _applied(connection: Connection) -> set[str]:
    if connection.execute("SELECT to_regclass('schema_migration') AS there").fetchone() == {"there": None}:
        return set()
    return {str(row["name"]) for row in connection.execute("SELECT name FROM schema_migration")}


def _text(path: str) -> LiteralString:
    statements: LiteralString = resources.files(__package__).joinpath(path).read_text("utf-8")  # ours, never composed
    return statements
