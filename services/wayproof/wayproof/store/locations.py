"""Master data of places: what a GLN is called and where it lies. Written by people, and no evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("locations")


@dataclass(frozen=True, slots=True)
class StoredLocation:
    """A place: GLN, name, degrees for drawing."""

    gln: str
    name: str
    latitude: float | None = None
    longitude: float | None = None


def find_locations(connection: Connection, glns: Iterable[str]) -> Mapping[str, StoredLocation]:
    """Return those of the places that have a name here, by GLN."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredLocation)) as cursor:
        rows = cursor.execute(QUERIES["find_locations"], {"glns": sorted(set(glns))}).fetchall()
    return {row.gln: row for row in rows}


def list_locations(connection: Connection, *, after: str, limit: int) -> list[StoredLocation]:
    """Return places after a GLN, by GLN."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredLocation)) as cursor:
        return cursor.execute(QUERIES["locations"], {"after": after, "limit": limit}).fetchall()


def put_location(connection: Connection, location: StoredLocation) -> None:
    """Name a place, or name it anew."""
    with store_errors():
        connection.execute(QUERIES["put_location"], asdict(location))
