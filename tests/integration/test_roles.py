"""What each role may do: exactly what `wayproof.store.roles` says, tried statement by statement."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState, WrongObjectType
from pydantic import SecretStr

from support.database import RunningCluster
from wayproof.settings import DatabaseSettings
from wayproof.store import log, privileges, schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import SchemaError
from wayproof.store.messages import Numbers, add_messages
from wayproof.store.new_message import NewMessage
from wayproof.store.roles import EVIDENCE, ROLES, Privilege, Role

REFERENCE = Path(__file__).parents[2] / "docs/reference/roles.md"
REFUSED: Mapping[str, Any] = MappingProxyType({"topic": "t", "payload": b"", "salt": b"", "rejection": "malformed"})
SECTION = r"^### `(\w+)`\n.*?\n\n(.*?)(?=\n\n|\Z)"
BY_COLUMN = {
    "SELECT": "SELECT {column} FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} ({column}) OVERRIDING SYSTEM VALUE SELECT NULL WHERE false",
    "UPDATE": "UPDATE {table} SET {column} = DEFAULT WHERE false",
}
WHOLE = {
    "DELETE": "DELETE FROM {table} WHERE false",
    "TRUNCATE": "TRUNCATE {table}",
    "MAINTAIN": "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
}

FUNCTIONS = (
    "SELECT proname::text AS name, oid::regprocedure::text AS signature FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace"
)
FOR_ALL = {"visible_organisation": "says what the policies of rows say: the asking login's own organisation"}


@pytest.fixture
def database(postgres: RunningCluster) -> Iterator[Connection]:
    """Yield the owner's connection to a database of its own."""
    settings = DatabaseSettings(dsn=SecretStr(postgres.new_database()))
    with connect(settings, application="test") as connection:
        schema.apply(connection)
        yield connection


@contextmanager
def acting_as(connection: Connection, role: Role) -> Iterator[None]:
    """Have a role's rights, and no others, for a while."""
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.group)))
    try:
        yield
    finally:
        connection.execute("RESET ROLE")


def columns(connection: Connection) -> dict[str, list[str]]:
    """Return all tables and views (of a partitioned one the parent) with their columns."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(
        "SELECT relname::text AS name, attname::text AS column "
        "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition "
        "AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum"
    ):
        found.setdefault(str(row["name"]), []).append(str(row["column"]))
    return found


def is_let(connection: Connection, statement: str, *, table: str, column: str = "") -> bool:
    """Tell whether a statement is let through; whatever it did is undone."""
    text = sql.SQL(statement).format(table=sql.Identifier(table), column=sql.Identifier(column))
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(text)
    except (
        InsufficientPrivilege,
        ObjectNotInPrerequisiteState,
        WrongObjectType,
    ):  # the latter two: views are read only
        return False
    return True


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_may_do_what_it_is_granted_and_nothing_else(database: Connection, role: Role) -> None:
    granted = set(role.privileges())
    tables = columns(database)
    functions = {str(row["name"]): str(row["signature"]) for row in database.execute(FUNCTIONS)}
    assert {it.table for it in granted} <= set(tables) | set(functions) | {"message_ingest_id_seq"}
    wrong = []
    with acting_as(database, role):
        for table, names in tables.items():
            for verb, statement in BY_COLUMN.items():
                for column in names:
                    wanted = bool({Privilege(table, verb), Privilege(table, verb, column)} & granted)
                    if is_let(database, statement, table=table, column=column) != wanted:
                        wrong.append((table, verb, column, wanted))
            for verb, statement in WHOLE.items():
                wanted = Privilege(table, verb) in granted
                # whoever may delete or update may lock a table against others too
                wanted |= verb == "MAINTAIN" and any(
                    it.table == table and not it.column and it.verb in ("UPDATE", "DELETE") for it in granted
                )
                if is_let(database, statement, table=table) != wanted:
                    wrong.append((table, verb, "", wanted))
        for function, signature in functions.items():
            wanted = Privilege(function, "EXECUTE") in granted
            row = database.execute("SELECT has_function_privilege(%s, 'EXECUTE') AS may", [signature]).fetchone()
            if row != {"may": wanted or function in FOR_ALL}:
                wrong.append((function, "EXECUTE", "", wanted))
    assert wrong == []


ERASED = ("topic", "payload", "salt", "first_observed_at_ms", "last_observed_at_ms")


def test_nobody_but_two_roles_changes_what_is_evidence() -> None:
    changing = {
        (role.name, it.table, it.verb, it.column)
        for role in ROLES
        for it in role.privileges()
        if it.table in EVIDENCE and it.verb not in ("SELECT", "INSERT")
    }
    assert changing == {
        ("anchor", "log_tile", "UPDATE", "hashes"),
        *(("erasure", "message", "UPDATE", column) for column in ERASED),
        ("erasure", "reading", "DELETE", ""),
        ("log", "log_leaf", "DELETE", ""),
        ("log", "log_tile", "DELETE", ""),
        ("log", "log_tile", "UPDATE", "hashes"),
    }


def test_no_role_makes_tables_or_functions_and_only_audit_temporary_ones(database: Connection) -> None:
    name = sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in ROLES:
        with acting_as(database, role):
            assert not is_let(database, "CREATE TABLE {table} ()", table="mine")
            assert is_let(database, "CREATE TEMPORARY TABLE {table} ()", table="mine") == (role.name == "audit")


def test_grants_are_brought_back_to_the_table(database: Connection) -> None:
    assert privileges.grant(database) == []
    database.execute("GRANT DELETE, UPDATE (payload) ON message TO wayproof_ingest")
    database.execute("REVOKE SELECT ON device FROM wayproof_gate")
    assert privileges.grant(database) == [
        'REVOKE DELETE ON TABLE "public"."message" FROM "wayproof_ingest"',
        'REVOKE UPDATE ("payload") ON TABLE "public"."message" FROM "wayproof_ingest"',
        'GRANT SELECT ON TABLE "public"."device" TO "wayproof_gate"',
    ]
    assert privileges.grant(database) == []


def test_an_owner_who_may_not_make_roles_is_told_what_a_superuser_runs(postgres: RunningCluster) -> None:
    dsn = postgres.new_database()
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="test") as connection:
        schema.apply(connection)
        connection.execute("ALTER ROLE wayproof_gate RENAME TO gate_of_before")
        try:
            connection.execute("CREATE ROLE plain_owner NOLOGIN")
            connection.execute("SET ROLE plain_owner")
            with pytest.raises(SchemaError, match=r"as superuser run: CREATE ROLE wayproof_gate NOLOGIN;$"):
                schema.apply(connection)
        finally:
            connection.execute("RESET ROLE")
            connection.execute("ALTER ROLE gate_of_before RENAME TO wayproof_gate")
            connection.execute("DROP ROLE plain_owner")


def test_ingest_adds_the_anchor_seals_and_a_person_cuts_a_closed_epoch_each_by_its_role(database: Connection) -> None:
    roles = {role.name: role for role in ROLES}
    with acting_as(database, roles["log"]):
        log.begin_epoch(database, log_id="log", epoch=1)
    new = [
        NewMessage(device_id="device", received_at_ms=1, entry=bytes([n]) * 32, message_hash=bytes([n]) * 32, **REFUSED)
        for n in range(3)
    ]
    with acting_as(database, roles["ingest"]), database.transaction():
        assert len(add_messages(database, new, numbers=Numbers())) == 3
    with acting_as(database, roles["anchor"]), database.transaction():
        assert log.seal(database, epoch=1, limit=2) == (2, 2)
    with acting_as(database, roles["anchor"]), database.transaction():
        assert log.seal(database, epoch=1, limit=2) == (1, 3)
    with acting_as(database, roles["log"]), database.transaction():
        log.cut(database, epoch=1, size=1)
        log.begin_epoch(database, log_id="log", epoch=2)
    with acting_as(database, roles["anchor"]), database.transaction():
        assert log.seal(database, epoch=2, limit=9) == (2, 2)


def test_a_database_is_one_organisation_s(database: Connection) -> None:
    privileges.belong_to(database, "ShipperMSP")
    privileges.belong_to(database, "ShipperMSP")
    with pytest.raises(
        SchemaError, match="this database is ShipperMSP's, and the settings are CarrierMSP's"
    ) as refused:
        privileges.belong_to(database, "CarrierMSP")
    assert refused.value.code == "database_of_another"


def test_the_reference_says_what_the_table_says() -> None:
    written = {
        (role, table, right)
        for role, rights in re.findall(SECTION, REFERENCE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for table, right in re.findall(r"^\| `(\w+)` \| (.+?) \|$", rights, re.MULTILINE)
    }
    assert written == {
        (role.name, table, spelled.replace("(", " (")) for role in ROLES for table, spelled in role.grants.items()
    }
