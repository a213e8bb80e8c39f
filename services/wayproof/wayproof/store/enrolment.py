"""Claims of devices, and the certificates that were issued to them. Written by the API and by `wayproof device`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("enrolment")


@dataclass(frozen=True, slots=True)
class Claim:
    """A device that may come: it shows a token (its SHA-256 is kept) or its manufacturer's serial number.

    `key_id` is of the key that took the claim: from then on it is good for that key only.
    """

    device_id: str
    model: str
    token_hash: bytes | None
    serial: str | None
    created_at_ms: int
    expires_at_ms: int
    key_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate: serial number (20 bytes), whose it is, DER bytes, its end."""

    serial_number: bytes
    device_id: str
    key_id: bytes
    certificate: bytes
    issued_at_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A device's latest certificate, and whether the ledger has the device active or revoked; None: not projected."""

    device_id: str
    serial_number: bytes
    issued_at_ms: int
    not_after_ms: int
    status: str | None


def add_claim(connection: Connection, claim: Claim) -> None:
    """Keep a claim; open ones for the same device end."""
    with store_errors(), connection.transaction():
        connection.execute(QUERIES["end_claims"], {"device_id": claim.device_id, "now_ms": claim.created_at_ms})
        connection.execute(QUERIES["add_claim"], asdict(claim))


def find_claim(connection: Connection, *, token_hash: bytes | None, serial: str | None) -> Claim | None:
    """Return the latest claim with a token or a serial number, in any state, locked until the transaction ends."""
    with store_errors(), connection.cursor(row_factory=class_row(Claim)) as cursor:
        return cursor.execute(QUERIES["find_claim"], {"token_hash": token_hash, "serial": serial}).fetchone()


def take_claim(connection: Connection, claim: Claim, *, key_id: bytes, now_ms: int) -> None:
    """Bind a claim to a key."""
    with store_errors():
        connection.execute(QUERIES["take_claim"], {**asdict(claim), "key_id": key_id, "now_ms": now_ms})


def add_certificate(connection: Connection, certificate: StoredCertificate) -> None:
    """Keep a certificate that was issued."""
    with store_errors():
        connection.execute(QUERIES["add_certificate"], asdict(certificate))


def find_certificate(connection: Connection, serial_number: bytes) -> StoredCertificate | None:
    """Return a certificate that was issued, None if there is none."""
    with store_errors(), connection.cursor(row_factory=class_row(StoredCertificate)) as cursor:
        return cursor.execute(QUERIES["find_certificate"], {"serial_number": serial_number}).fetchone()


def list_certificates(connection: Connection, *, after: str, limit: int) -> list[ListedCertificate]:
    """Return the latest certificate of each device after an id, by id."""
    with store_errors(), connection.cursor(row_factory=class_row(ListedCertificate)) as cursor:
        return cursor.execute(QUERIES["list_certificates"], {"after": after, "limit": limit}).fetchall()


def revoked_certificates(connection: Connection, *, organisation: str, now_ms: int) -> Sequence[StoredCertificate]:
    """Return certificates that would still be valid, of devices that the ledger has as revoked."""
    asked = {"organisation": organisation, "now_ms": now_ms}
    with store_errors(), connection.cursor(row_factory=class_row(StoredCertificate)) as cursor:
        return cursor.execute(QUERIES["revoked_certificates"], asked).fetchall()
