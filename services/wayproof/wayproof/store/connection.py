"""Connections: how a process opens the organisation's database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from wayproof.settings import DatabaseSettings
from wayproof.store.errors import LoginMissing, StoreUnavailable, store_errors
from wayproof.store.roles import OWNER

Row = dict[str, object]
Connection = psycopg.Connection[dict[str, object]]
"""An autocommit connection whose rows are dicts: transactions are opened where they are meant."""

Pool = ConnectionPool[Connection]
"""Connections that are lent: `with store_errors(), pool.connection() as connection`."""

CONNECT_WITHIN_S = 10
RETRY_S = 0.2
SUFFIX = ".conninfo"


def connect(settings: DatabaseSettings, *, application: str, role: str = OWNER) -> Connection:
    """Open a connection with the login of a role, where the settings name logins.

    `application` is how the database's own views name the process. Raises StoreUnavailable, LoginMissing.
    """
    with store_errors():
        return psycopg.connect(
            conninfo(settings, role=role),
            autocommit=True,
            row_factory=dict_row,
            application_name=f"wayproof {application}",
            connect_timeout=CONNECT_WITHIN_S,
        )


def conninfo(settings: DatabaseSettings, *, role: str) -> str:
    """Return what libpq connects with as a role: a secret. Raises LoginMissing.

    The role's file is read each time, so that a password can be changed while processes run.
    """
    dsn = settings.dsn.get_secret_value()
    if settings.logins is None:
        return dsn
    path = settings.logins / f"{settings.role or role}{SUFFIX}"
    try:
        login = conninfo_to_dict(path.read_text("utf-8"))
    except OSError as error:
        raise LoginMissing(
            f"{path} cannot be read ({error.strerror}): this command acts as the role {settings.role or role} and "
            "needs its login (docs/reference/roles.md)"
        ) from error
    return make_conninfo(dsn, **login)


def connect_patiently(
    settings: DatabaseSettings, *, application: str, within_s: float, role: str = OWNER
) -> Connection:
    """Open a connection as `connect` does, trying again while the database is starting or recovering."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return connect(settings, application=application, role=role)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)


@contextmanager
def open_pool(settings: DatabaseSettings, *, application: str, role: str = OWNER) -> Iterator[Pool]:
    """Yield a pool of connections for many short questions; it checks each one before it lends it."""
    pool: Pool = ConnectionPool(
        conninfo(settings, role=role),
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
