"""Readings in weeks: partitions and hypertables hold the same, whatever a device's clock says, and grow with time."""

import re
from collections.abc import Iterator
from importlib import resources
from typing import LiteralString, cast

import psycopg
import pytest
from pydantic import SecretStr

from support.database import RunningCluster
from support.timescaledb import TimescaleServer
from wayproof.settings import DatabaseSettings
from wayproof.store import privileges, readings, schema, storage
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import SchemaError
from wayproof.store.measured import Measured
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof.store.weeks import AHEAD, BACK, WEEK_MS, wanted, week_of

EARLIEST_MS, LATEST_MS = 2**28 * 1000, 2**53 - 1
"""What a message may say (`wayproof_verifier.telemetry`)."""
NOW_MS = 1_800_000_000_000


def settings(dsn: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(dsn))


@pytest.fixture(params=["partitions", "hypertable"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Return a connection to an empty database of a server of each kind."""
    if request.param == "partitions":
        cluster: RunningCluster = request.getfixturevalue("postgres")
        with connect(settings(cluster.new_database()), application="test") as connection:
            yield connection
        return
    server: TimescaleServer = request.getfixturevalue("timescaledb")
    dsn = server.new_database()
    try:
        with connect(settings(dsn), application="test") as connection:
            yield connection
    finally:
        server.drop(dsn)


def message(number: int, *times_ms: int) -> NewMessage:
    readings = [(at_ms, number, 1, None) for at_ms in times_ms]
    return NewMessage(
        device_id="logger-7",
        received_at_ms=NOW_MS,
        topic="t",
        payload=b"{}",
        salt=bytes(16),
        entry=bytes(32),
        message_hash=number.to_bytes(32, "big"),
        stream="",
        measured=Measured((("temperature", "CEL", "v"),) * len(readings), readings),
    )


def add(connection: Connection, *messages: NewMessage) -> None:
    numbers = Numbers()
    numbers.learn(connection, messages)
    with connection.transaction():
        assert len(add_messages(connection, messages, numbers=numbers)) == len(messages)


def times(connection: Connection) -> list[int]:
    return [int(str(row["at"])) for row in connection.execute("SELECT observed_at_ms AS at FROM reading ORDER BY 1")]


def tables(connection: Connection) -> int:
    return storage.sizes(connection).tables


def apply_only(connection: Connection, *, below: str) -> None:
    """Make the tables as an earlier version left them."""
    privileges.make_roles(connection)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())"
    )
    for name in (name for name in schema.migrations() if name < below):
        text: LiteralString = resources.files("wayproof.store").joinpath(f"migrations/{name}.sql").read_text("utf-8")
        if name.endswith("_01_pre_first"):
            connection.execute("DROP TABLE schema_migration")
        connection.execute(text)
        connection.execute("INSERT INTO schema_migration (name) VALUES (%s)", [name])


def kill_while_applying(connection: Connection) -> None:
    """Let another connection apply the schema, and end its backend before it commits."""
    dsn = psycopg.conninfo.make_conninfo(connection.info.dsn, password=connection.info.password)
    applying = connect(settings(dsn), application="test")
    try:
        with pytest.raises(psycopg.OperationalError), applying.transaction():  # noqa: PT012 - the commit is refused
            schema.apply(applying)
            connection.execute("SELECT pg_terminate_backend(%s, 10000)", [applying.info.backend_pid])
    finally:
        applying.close()


# --- weeks ------------------------------------------------------------------------------------------------------------


def test_weeks_are_those_of_the_deployment_and_a_few_ahead() -> None:
    now = week_of(NOW_MS)
    assert wanted(oldest_received_at_ms=None, now_ms=NOW_MS) == range(now - BACK, now + AHEAD + 1)
    assert wanted(oldest_received_at_ms=NOW_MS - 10 * WEEK_MS, now_ms=NOW_MS).start == now - 10 - BACK
    assert (
        wanted(oldest_received_at_ms=NOW_MS + WEEK_MS, now_ms=NOW_MS).start == now - BACK
    )  # our own clock was set back
    kept = wanted(oldest_received_at_ms=NOW_MS - 10 * WEEK_MS, now_ms=NOW_MS, dropped=[now - 11, now - 3])
    assert kept == range(now - 2, now + AHEAD + 1)


# --- which kind -------------------------------------------------------------------------------------------------------


def test_without_timescaledb_that_is_recorded_and_a_hypertable_cannot_be_required(postgres: RunningCluster) -> None:
    with connect(settings(postgres.new_database()), application="test") as connection:
        with pytest.raises(SchemaError, match="the server has no TimescaleDB") as refused:
            schema.apply(connection, timescaledb="required")
        assert refused.value.code == "timescaledb_missing"
        schema.apply(connection)
        assert "partitions" in str(storage.storage(connection))
        assert "the server has no TimescaleDB" in str(storage.storage(connection))
        with pytest.raises(SchemaError, match="stay so"):
            schema.apply(connection, timescaledb="required")


def test_where_it_is_there_it_is_used_unless_it_is_off(timescaledb: TimescaleServer) -> None:
    for choice, kind in (("auto", "hypertable"), ("required", "hypertable"), ("off", "partitions")):
        dsn = timescaledb.new_database()
        with connect(settings(dsn), application="test") as connection:
            schema.apply(connection, timescaledb=cast("storage.Choice", choice))
            schema.require_current(connection)
            stored = storage.storage(connection)
            assert stored is not None
            assert stored.kind == kind
            other = "required" if kind == "partitions" else "off"
            with pytest.raises(SchemaError, match="stay so"):
                schema.apply(connection, timescaledb=cast("storage.Choice", other))
        timescaledb.drop(dsn)


# --- rows -------------------------------------------------------------------------------------------------------------


def test_wild_clocks_make_no_tables_and_lose_no_readings(fresh: Connection) -> None:
    schema.apply(fresh)
    before = tables(fresh)
    step = (LATEST_MS - EARLIEST_MS) // 999
    wild = [EARLIEST_MS + step * place for place in range(1_000)]
    add(fresh, message(1, *wild), message(2, EARLIEST_MS, LATEST_MS))
    assert times(fresh) == sorted([*wild, EARLIEST_MS, LATEST_MS])
    assert tables(fresh) <= before + AHEAD + BACK + 1
    row = fresh.execute("SELECT first_observed_at_ms AS a, last_observed_at_ms AS b FROM message WHERE ingest_id = 1")
    assert row.fetchone() == {"a": EARLIEST_MS, "b": wild[-1]}


def test_time_goes_on_and_what_lay_ahead_of_it_is_moved_to_its_week(fresh: Connection) -> None:
    schema.apply(fresh)
    here = max(storage.weeks(fresh))
    ahead = [(here + weeks) * WEEK_MS + 5 for weeks in (1, 3, 40)]
    add(fresh, *(message(place, at_ms) for place, at_ms in enumerate(ahead)))
    later = (here + 1) * WEEK_MS
    with fresh.transaction():
        made = storage.make_weeks(fresh, now_ms=later)
    assert list(made) == [here + 1 + more for more in range(AHEAD + 1)]
    with fresh.transaction():
        assert not storage.make_weeks(fresh, now_ms=later)
    assert times(fresh) == ahead
    add(fresh, *(message(10 + place, at_ms) for place, at_ms in enumerate(ahead)))
    assert times(fresh) == sorted(ahead * 2)
    assert {here + 1, here + 3} <= set(storage.weeks(fresh))


def test_a_message_that_is_there_is_left_out(fresh: Connection) -> None:
    schema.apply(fresh)
    twice = message(1, NOW_MS), message(2, NOW_MS)
    add(fresh, *twice)
    numbers = Numbers()
    numbers.learn(fresh, twice)
    with fresh.transaction():
        added = add_messages(fresh, [*twice, message(3, NOW_MS + 1)], numbers=numbers)
    assert len(added) == 1
    assert times(fresh) == [NOW_MS, NOW_MS, NOW_MS + 1]


def test_a_trace_is_planned_for_its_own_weeks_alone(fresh: Connection) -> None:
    schema.apply(fresh)
    week = storage.weeks(fresh)[1]
    add(fresh, *(message(place, (week + weeks) * WEEK_MS + 5) for place, weeks in enumerate((0, 0, 1))))
    before, after = (readings.Interval(1, "logger-7", "", start=(-1, 0), end=end) for end in ((0, 0), readings.BEYOND))
    with fresh.transaction():
        fresh.execute("UPDATE message SET boot = 1 WHERE first_observed_at_ms >= %s", [(week + 1) * WEEK_MS])
        assert [len(asked(fresh, it)) for it in (before, after)] == [1, 2]
        assert [len(it.numbers) for it in readings.gather(fresh, [before])] == [2]
        assert [len(it.numbers) for it in readings.gather(fresh, [after])] == [3]


def asked(connection: Connection, interval: readings.Interval) -> set[str]:
    """Return the tables of readings that a question about an interval looks into."""
    columns = readings.spanned(connection, [interval])
    explain = "EXPLAIN " + readings.QUERIES["interval_series"]
    plan = "\n".join(str(row["QUERY PLAN"]) for row in connection.execute(explain, columns))
    return set(re.findall(r"Scan[^\n]* on ((?:reading|_hyper)_\w*?(?:\d|chunk))\b", plan))


# --- from an earlier version ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["00.01.00_02", "00.01.00_10"])
def test_rows_of_an_earlier_version_are_taken_along(fresh: Connection, below: str) -> None:
    apply_only(fresh, below=below)
    now_ms = NOW_MS
    fresh.execute("INSERT INTO stream (device_id, name) VALUES ('logger-7', '')")
    fresh.execute("INSERT INTO quantity (name, unit, kind) VALUES ('temperature', 'CEL', 'v')")
    held = [EARLIEST_MS, now_ms - 3 * WEEK_MS, now_ms, now_ms + 1, LATEST_MS]
    for place, at_ms in enumerate(held):
        fresh.execute(
            "INSERT INTO message (device_id, received_at_ms, topic, payload, salt, entry, message_hash, stream_id)"
            " VALUES ('logger-7', %s, 't', '{}', '', '', %s, 1)",
            [now_ms, bytes([place])],
        )
        fresh.execute("INSERT INTO reading VALUES (1, %s, %s, 0, 1, %s, 1, NULL)", [at_ms, place + 1, place])
    kill_while_applying(fresh)
    assert times(fresh) == held
    assert len(list(fresh.execute("SELECT FROM schema_migration WHERE name >= %s", [below]))) == 0
    schema.apply(fresh)
    schema.require_current(fresh)
    assert times(fresh) == held
    assert schema.apply(fresh) == []
    add(fresh, message(99, now_ms))
    assert times(fresh) == sorted([*held, now_ms])
    expired = fresh.execute("SELECT count(*) AS left FROM reading WHERE text IS NULL AND value IS NULL").fetchone()
    assert expired == {"left": 0}
    spans = fresh.execute("SELECT first_observed_at_ms AS a, last_observed_at_ms AS b FROM message ORDER BY ingest_id")
    assert [(row["a"], row["b"]) for row in spans] == [(at_ms, at_ms) for at_ms in [*held, now_ms]]


def test_a_login_that_may_not_read_what_the_server_loads_makes_the_tables(fresh: Connection) -> None:
    fresh.execute("CREATE ROLE ordinary CREATEROLE")
    try:
        fresh.execute("GRANT ALL ON SCHEMA public TO ordinary")
        fresh.execute("SET ROLE ordinary")
        chosen = storage.choose(fresh, "auto")
    finally:
        fresh.execute("RESET ROLE")
        fresh.execute("DROP OWNED BY ordinary")
        fresh.execute("DROP ROLE ordinary")
    assert chosen in {
        ("partitions", "the server has no TimescaleDB"),
        ("partitions", "the server has TimescaleDB, and this user may not make the extension"),
    }


def test_both_kinds_have_the_same_columns_keys_and_indexes(
    postgres: RunningCluster, timescaledb: TimescaleServer
) -> None:
    asked: LiteralString = (
        "SELECT (SELECT array_agg(attname || ' ' || atttypid::regtype || ' ' || attnotnull ORDER BY attnum)"
        " FROM pg_attribute WHERE attrelid = 'reading'::regclass AND attnum > 0) AS columns,"
        " (SELECT array_agg(pg_get_constraintdef(oid) ORDER BY conname) FROM pg_constraint"
        " WHERE conrelid = 'reading'::regclass AND contype IN ('p', 'c', 'u')) AS constraints,"
        " (SELECT array_agg(replace(indexdef, ' ON ONLY ', ' ON ') ORDER BY indexname) FROM pg_indexes"
        " WHERE tablename = 'reading') AS indexes"
    )
    dsn = timescaledb.new_database()
    found = []
    for one in (postgres.new_database(), dsn):
        with connect(settings(one), application="test") as connection:
            schema.apply(connection)
            found.append(connection.execute(asked).fetchone())
    timescaledb.drop(dsn)
    assert found[0] == found[1]
