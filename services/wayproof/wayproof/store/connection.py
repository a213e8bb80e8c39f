"""Connections: how a process opens the organisation's database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from wayproof.settings import DatabaseSettings
from wayproof.store.errors import StoreUnavailable, store_errors

Row = dict[str, object]
Connection = psycopg.Connection[dict[str, object]]
"""An autocommit connection whose rows are dicts: transactions are opened where they are meant."""

Pool = ConnectionPool[Connection]
"""Connections that are lent: `with store_errors(), pool.connection() as connection`."""

CONNECT_WITHIN_S = 10
RETRY_S = 0.2


def connect(settings: DatabaseSettings, *, application: str) -> Connection:
    """Open a connection. `application` is how the database's own views name the process. Raises StoreUnavailable."""
    with store_errors():
        return psycopg.connect(
            settings.dsn.get_secret_value(),
            autocommit=True,
            row_factory=dict_row,
            application_name=f"wayproof {application}",
            connect_timeout=CONNECT_WITHIN_S,
        )


def connect_patiently(settings: DatabaseSettings, *, application: str, within_s: float) -> Connection:
    """Open a connection, trying again while the database is starting or recovering. Raises StoreUnavailable."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return connect(settings, application=application)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)


@contextmanager
def open_pool(settings: DatabaseSettings, *, application: str) -> Iterator[Pool]:
    """Yield a pool of connections for many short questions; it checks each one before it lends it."""
    pool: Pool = ConnectionPool(
        settings.dsn.get_secret_value(),
        min_size=1,
        max_size=settings.pool_size,
        kwargs={"autocommit": True, "row_factory": dict_row, "application_name": f"wayproof {application}"},
        check=ConnectionPool.check_connection,
        open=False,
    )
    with pool:
        yield pool


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Let every question within see the same moment, and change nothing. Outside a transaction."""
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level = connection.read_only = None
