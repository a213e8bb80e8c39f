"""The device register, as the projection keeps it: whose a device is, where its messages go, and every key it had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("devices")


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key of a device: key id and SubjectPublicKeyInfo DER, both None for the algorithm `none` (it does not sign)."""

    algorithm: str
    key_id: bytes | None
    public_key: bytes | None
    has_ended: bool
    last_positions: Sequence[Mapping[str, Any]] | None = None
    """Of a key that ended, the positions up to which it counts, one for each stream (docs/reference/contract.md)."""


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A device of the register: its organisation (MSP id), its home log, its keys in the order of registration."""

    device_id: str
    organisation: str
    home_log: str
    keys: tuple[RegisteredKey, ...]


@dataclass(frozen=True, slots=True)
class DescribedDevice:
    """A device as people see it: its record, its keys, the streams held here, and where it is attached now.

    `keeper` is the organisation that keeps its home log. Lists are None where they are empty.
    """

    device_id: str
    organisation: str
    home_log: str
    model: str
    status: str
    head: Mapping[str, Any]
    keeper: str | None
    keys: list[dict[str, Any]] | None
    streams: list[dict[str, Any]] | None
    attached: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True)
class _KeyRow:
    device_id: str
    organisation: str
    home_log: str
    key_id: bytes | None
    algorithm: str
    public_key: bytes | None
    has_ended: bool
    last_positions: list[dict[str, Any]] | None


def find_devices(connection: Connection, device_ids: Iterable[str]) -> Mapping[str, RegisteredDevice]:
    """Return those of the devices that are registered, by id."""
    with store_errors(), connection.cursor(row_factory=class_row(_KeyRow)) as cursor:
        rows = cursor.execute(QUERIES["find_devices"], {"device_ids": list(device_ids)}).fetchall()
    return {
        device_id: _device(list(of_device)) for device_id, of_device in groupby(rows, key=lambda row: row.device_id)
    }


def list_devices(connection: Connection, *, after: str, limit: int) -> list[DescribedDevice]:
    """Return registered devices after an id, by id."""
    return _described(connection, after=after, device_id=None, limit=limit)


def describe_device(connection: Connection, device_id: str) -> DescribedDevice | None:
    """Return a registered device, None if there is none."""
    return next(iter(_described(connection, after="", device_id=device_id, limit=1)), None)


def _described(connection: Connection, *, after: str, device_id: str | None, limit: int) -> list[DescribedDevice]:
    asked = {"after": after, "device_id": device_id, "limit": limit}
    with store_errors(), connection.cursor(row_factory=class_row(DescribedDevice)) as cursor:
        return cursor.execute(QUERIES["devices"], asked).fetchall()


def _device(rows: list[_KeyRow]) -> RegisteredDevice:
    keys = tuple(
        RegisteredKey(row.algorithm, row.key_id, row.public_key, row.has_ended, row.last_positions) for row in rows
    )
    return RegisteredDevice(rows[0].device_id, rows[0].organisation, rows[0].home_log, keys)
