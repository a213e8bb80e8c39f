"""What the store raises on purpose, and the one place where psycopg's errors become ours.

StoreError                 the database refused or broke
├── StoreUnavailable       it cannot be reached, or went away: what was not committed is not there; try again
│   ├── StoreFull          its disk has no room: the same, once somebody made room
│   └── StoreBusy          others kept a table from us for too long: nothing was done, try again later
├── LoginMissing           the settings name logins, and there is none for the role that is asked for
└── SchemaError            the tables are not those that this version needs
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from wayproof.errors import WayproofError


class StoreError(WayproofError):
    """The database refused what was asked: a fault of ours, not of the data that came in."""

    code = "store_failed"


class StoreUnavailable(StoreError):  # noqa: N818 - a state that passes, not a fault
    """The database cannot be reached, or the connection broke. Nothing of the open transaction is kept: try again."""

    code = "store_unavailable"


class StoreFull(StoreUnavailable):
    """The database's disk is full. Nothing of the open transaction is kept: make room, and it goes on by itself."""

    code = "store_full"


class StoreBusy(StoreUnavailable):
    """Others use a table that is wanted whole. Nothing of the open transaction is kept: try again later."""

    code = "store_busy"


class LoginMissing(StoreError):  # noqa: N818 - says what is missing
    """There is no login for a role."""

    code = "database_login_missing"


class SchemaError(StoreError):
    """The tables are not those that this version needs."""

    code = "schema_outdated"


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn psycopg's errors into ours."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise StoreFull(f"the database has no room on its disk: {error}; make room there") from error
    except (psycopg.errors.LockNotAvailable, psycopg.errors.ObjectInUse) as error:
        raise StoreBusy(f"what was wanted is in use: {error}; try again later") from error
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"the database cannot be used now: {error}") from error
    except psycopg.Error as error:
        raise StoreError(f"the database refused: {error}") from error
