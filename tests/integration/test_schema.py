"""The tables: `schema.sql` is where the migrations lead, and nobody but `schema apply` changes anything."""

import json
import subprocess
from importlib import resources
from typing import LiteralString

import psycopg
import pytest
from pydantic import SecretStr

from support.database import RunningCluster
from wayproof.database.programs import program
from wayproof.settings import DatabaseSettings
from wayproof.store import schema, storage
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import SchemaError


def settings(dsn: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(dsn))


def dumped(dsn: str) -> list[str]:
    """Return the schema without grants: those follow `roles.py`, and test_roles.py looks at them."""
    command = [str(program("pg_dump")), "--schema-only", "--no-owner", "--no-privileges", dsn]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if not line.startswith(("--", "\\restrict", "\\unrestrict"))]


def test_the_migrations_lead_to_the_schema(postgres: RunningCluster) -> None:
    migrated, written = postgres.new_database(), postgres.new_database()
    with connect(settings(migrated), application="test") as connection:
        assert schema.apply(connection) == schema.migrations()
        assert schema.apply(connection) == []
        schema.require_current(connection)
    text: LiteralString = resources.files("wayproof.store").joinpath("schema.sql").read_text("utf-8")
    with psycopg.connect(written, autocommit=True) as connection_of_psycopg:
        connection_of_psycopg.execute(text)
    with connect(settings(written), application="test") as connection, connection.transaction():
        storage.record(connection, "partitions", "a test")
        storage.make_weeks(connection)  # how many there are is no matter of the schema: today decides
    assert dumped(migrated) == dumped(written)
    assert any("CREATE TABLE public.message" in line for line in dumped(migrated))


def test_tables_that_are_missing_or_ahead_are_refused(postgres: RunningCluster) -> None:
    with connect(settings(postgres.new_database()), application="test") as connection:
        with pytest.raises(SchemaError, match="wayproof schema apply"):
            schema.require_current(connection)
        schema.apply(connection)
        connection.execute("INSERT INTO schema_migration (name) VALUES ('99.00.00_01_pre_later')")
        with pytest.raises(SchemaError, match="ahead of this program"):
            schema.require_current(connection)


def before(connection: Connection, name: str) -> None:
    """Make the tables as they were before a migration."""
    for earlier in schema.migrations():
        if earlier < name:
            connection.execute(resources.files("wayproof.store").joinpath(f"migrations/{earlier}.sql").read_bytes())
            connection.execute("INSERT INTO schema_migration (name) VALUES (%s)", [earlier])


def test_what_waits_for_its_index_still_waits_after_it_has_become_runs(postgres: RunningCluster) -> None:
    runs = "00.01.00_09_pre_waiting_runs"
    with connect(settings(postgres.new_database()), application="test") as connection:
        before(connection, runs)
        connection.execute("INSERT INTO log_waiting SELECT unnest(ARRAY[1, 2, 3, 7, 9, 10])")
        assert schema.apply(connection)[0] == runs
        found = connection.execute("SELECT first_ingest_id, last_ingest_id FROM log_waiting ORDER BY 1").fetchall()
        assert [tuple(row.values()) for row in found] == [(1, 3), (7, 7), (9, 10)]


def test_where_keys_ended_is_taken_from_the_records_that_are_there(postgres: RunningCluster) -> None:
    ends = "00.01.00_13_pre_key_ends"
    last = {"device_id": "d", "stream": "conditions", "boot": 1, "sequence": 9, "hash": "00"}
    events = {
        "device_event/d/000001": {"device_id": "d", "version": 1, "model": "m\0"},
        "device_event/d/000002": {"device_id": "d", "version": 2, "last_positions": [last]},
        "device_event/d/000003": {"device_id": "d", "version": 3, "reason": "lost\0", "last_positions": []},
    }
    with connect(settings(postgres.new_database()), application="test") as connection:
        before(connection, ends)
        for key, event in events.items():
            row = [key, json.dumps(event).encode()]
            connection.execute("INSERT INTO ledger_record VALUES (%s, 1, 0, 'tx', %s)", row)
        assert ends in schema.apply(connection)
        found = connection.execute("SELECT * FROM device_key_end ORDER BY version").fetchall()
        assert [tuple(row.values()) for row in found] == [("d", 2, [last]), ("d", 3, [])]
