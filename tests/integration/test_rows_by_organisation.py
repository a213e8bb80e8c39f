"""Rows by organisation: a partner's login sees its own shipments and readings, by whatever way it asks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr

from support.database import RunningCluster
from wayproof.settings import DatabaseSettings
from wayproof.store import privileges, schema
from wayproof.store.connection import Connection, connect
from wayproof.store.logins import Login, admit_logins

SHIPPER, CARRIER, CONSIGNEE = "ShipperMSP", "CarrierMSP", "ConsigneeMSP"
PASSWORD = "of no use elsewhere"  # noqa: S105 - of a database that ends with the test
BY_SHIPMENT = ("shipment", "shipment_event", "attachment", "excursion")
BY_DEVICE = ("partner_message", "partner_reading", "partner_flag")


@dataclass(frozen=True, slots=True)
class Office:
    """A database of the shipper's, and how others log in to it."""

    owner: Connection
    dsn: str

    def opened(self, user: str) -> Connection:
        given = psycopg.conninfo.make_conninfo(self.dsn, user=user, password=PASSWORD)
        return connect(DatabaseSettings(dsn=SecretStr(given)), application="test")


@pytest.fixture
def office(postgres: RunningCluster) -> Iterator[Office]:
    """Yield a database in which shipper and carrier each have a shipment of their own, and a device."""
    dsn = postgres.new_database()
    name = dsn.rpartition("/")[2]
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="test") as owner:
        schema.apply(owner)
        privileges.belong_to(owner, SHIPPER)
        wanted = {
            "carrier": "partner",
            "consignee": "partner",
            "unbound": "partner",
            "grafana": "dashboards",
            "api": "api",
        }
        admit_logins(owner, [Login(role, user=f"{name}_{who}", password=PASSWORD) for who, role in wanted.items()])
        for who, organisation in (("carrier", CARRIER), ("consignee", CONSIGNEE)):
            owner.execute("INSERT INTO partner_login VALUES (%s, %s)", [f"{name}_{who}", organisation])
        _fill(owner, "shipper", number=1, organisation=SHIPPER)
        _fill(owner, "carrier", number=2, organisation=CARRIER)
        yield Office(owner, dsn)
        owner.execute(f"DROP OWNED BY {', '.join(f'{name}_{who}' for who in wanted)}")
        owner.execute(f"DROP ROLE {', '.join(f'{name}_{who}' for who in wanted)}")


def _fill(owner: Connection, who: str, *, number: int, organisation: str) -> None:
    """Add an organisation's device with a reading, and a shipment of it, to which nobody else is party."""
    head = json.dumps({"parties": [{"role": "consignor", "msp_id": organisation}]})
    values = {"who": who, "number": number, "organisation": organisation, "head": head, "hash": bytes([number]) * 32}
    for statement in (
        "INSERT INTO device VALUES (%(who)s, %(organisation)s, 'log', 'model', 'active', '{}')",
        "INSERT INTO stream OVERRIDING SYSTEM VALUE VALUES (%(number)s, %(who)s, 'conditions')",
        "INSERT INTO quantity OVERRIDING SYSTEM VALUE VALUES (%(number)s, %(who)s, 'Cel', 'v')",
        (
            "INSERT INTO message (device_id, received_at_ms, payload, entry, message_hash, stream_id,"
            " first_observed_at_ms, last_observed_at_ms)"
            " VALUES (%(who)s, 1, 'payload', 'entry', %(hash)s, %(number)s, 1, 1)"
        ),
        "INSERT INTO reading VALUES (%(number)s, 1, %(number)s, 0, %(number)s, 45, 1, NULL)",
        "INSERT INTO reading_flag VALUES (%(number)s, 1, %(number)s, 0, 'range', 1, %(who)s)",
        "INSERT INTO shipment VALUES (%(who)s, 'open', %(organisation)s, 1, 1, 1, %(head)s)",
        "INSERT INTO shipment_event VALUES (%(who)s, 1, 'created', %(organisation)s, 'tx', 1, 1, '{}')",
        "INSERT INTO attachment VALUES (%(who)s, 1, %(who)s, 'conditions', %(organisation)s, 0, 0, '')",
        "INSERT INTO excursion VALUES (%(who)s, 'e', %(who)s, 's', 'temperature', 'high', 1, NULL, NULL, '{}')",
        "INSERT INTO watch VALUES (%(who)s, 0, '[]', '{}', 0, NULL, NULL, 1)",
    ):
        owner.execute(statement, values)


def _asked(connection: Connection, statement: str, *, column: str = "") -> list[str]:
    """Return a column of what is answered, the first one unless another is named."""
    rows = connection.execute(statement)
    return sorted(str(row[column or next(iter(row))]) for row in rows)


def _name(office: Office, who: str) -> str:
    return f"{office.dsn.rpartition('/')[2]}_{who}"


@pytest.mark.parametrize(
    ("who", "seen"),
    [("carrier", ["carrier"]), ("consignee", []), ("unbound", []), ("grafana", ["shipper"]), ("api", ["shipper"])],
)
def test_shipments_are_for_their_parties(office: Office, who: str, seen: list[str]) -> None:
    with office.opened(_name(office, who)) as connection:
        for table in BY_SHIPMENT:
            assert _asked(connection, f"TABLE {table}") == seen, table
        assert _asked(connection, "SELECT gsin FROM shipment_event JOIN attachment USING (gsin)") == seen
        with connection.cursor().copy("COPY shipment (gsin) TO STDOUT") as copy:
            assert [row[0] for row in copy.rows()] == seen
        if who in ("grafana", "api"):
            assert _asked(connection, "SELECT gsin FROM watch") == seen


@pytest.mark.parametrize(("who", "seen"), [("carrier", ["carrier"]), ("consignee", []), ("unbound", [])])
def test_a_partner_sees_what_its_own_devices_sent(office: Office, who: str, seen: list[str]) -> None:
    with office.opened(_name(office, who)) as connection:
        for view in BY_DEVICE:
            assert _asked(connection, f"TABLE {view}", column="device_id") == seen, view
        assert _asked(connection, "SELECT name FROM partner_reading JOIN partner_message USING (ingest_id)") == seen
        with connection.cursor().copy("COPY (SELECT device_id FROM partner_reading) TO STDOUT") as copy:
            assert [row[0] for row in copy.rows()] == seen
        for table in ("message", "reading", "stream", "quantity", "reading_flag", "watch", "partner_login"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"SELECT FROM {table}")


def test_no_parameter_and_no_role_makes_a_login_another_organisation_s(office: Office) -> None:
    with office.opened(_name(office, "carrier")) as connection:
        for statement in (
            "SET wayproof.organisation = 'ShipperMSP'",
            "SET row_security = on",
            "SET search_path = pg_temp, public",
            "SET ROLE wayproof_partner",
        ):
            connection.execute(statement)
            assert _asked(connection, "SELECT gsin FROM shipment") == ["carrier"], statement
            assert _asked(connection, "SELECT device_id FROM partner_reading") == ["carrier"], statement
        connection.execute("RESET ROLE")
        connection.execute("SET row_security = off")
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute("SELECT FROM shipment")
        for statement in (
            "SET ROLE wayproof_api",
            f"SET SESSION AUTHORIZATION {_name(office, 'api')}",
            "INSERT INTO partner_login VALUES ('x', 'ShipperMSP')",
            "UPDATE partner_login SET organisation = 'ShipperMSP'",
            "CREATE OR REPLACE FUNCTION visible_organisation() RETURNS text LANGUAGE sql RETURN 'ShipperMSP'",
            "CREATE TEMPORARY TABLE partner_login (login text, organisation text)",
            "ALTER TABLE shipment DISABLE ROW LEVEL SECURITY",
        ):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


def test_a_function_that_tells_what_it_sees_sees_no_foreign_row(office: Office) -> None:
    name = office.dsn.rpartition("/")[2]
    office.owner.execute(f"GRANT TEMPORARY ON DATABASE {name} TO PUBLIC")  # as PostgreSQL comes
    heard: list[str] = []
    with office.opened(_name(office, "carrier")) as connection:
        connection.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
        connection.execute(
            "CREATE FUNCTION pg_temp.tells(it text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
            "AS $$ BEGIN RAISE NOTICE '%', it; RETURN true; END $$"
        )
        connection.execute("SELECT FROM shipment WHERE pg_temp.tells(gsin)")
        connection.execute("SELECT FROM partner_reading WHERE pg_temp.tells(name)")
        connection.execute("SELECT FROM partner_message WHERE pg_temp.tells(device_id)")
    assert set(heard) == {"carrier"}


def test_a_login_of_one_database_cannot_connect_to_another(office: Office, postgres: RunningCluster) -> None:
    other = postgres.new_database()
    with connect(DatabaseSettings(dsn=SecretStr(other)), application="test") as connection:
        admit_logins(connection, [])
    given = psycopg.conninfo.make_conninfo(other, user=_name(office, "carrier"), password=PASSWORD)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(given)


def test_an_erasure_takes_what_the_design_says_and_nothing_else(office: Office) -> None:
    with office.owner.transaction(force_rollback=True):
        office.owner.execute("SET LOCAL ROLE wayproof_erasure")
        office.owner.execute("UPDATE message SET topic = NULL, payload = NULL, salt = NULL WHERE ingest_id = 1")
        office.owner.execute("DELETE FROM reading_flag WHERE ingest_id = 1")
        office.owner.execute("DELETE FROM reading WHERE ingest_id = 1")
        for statement in (
            "UPDATE message SET entry = ''",
            "UPDATE message SET message_hash = ''",
            "UPDATE message SET boot = 2",
            "DELETE FROM message",
            "UPDATE reading SET value = 0",
            "DELETE FROM log_leaf",
            "SELECT payload FROM message",
        ):
            with pytest.raises(InsufficientPrivilege), office.owner.transaction():
                office.owner.execute(statement)
        office.owner.execute("RESET ROLE")
        left = office.owner.execute("SELECT ingest_id, entry, payload FROM message ORDER BY ingest_id").fetchall()
        assert [(it["ingest_id"], it["payload"]) for it in left] == [(1, None), (2, b"payload")]
        assert _asked(office.owner, "SELECT ingest_id FROM reading") == ["2"]
