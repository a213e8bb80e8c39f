"""Messages in a real store, as ingest leaves them there, and the log that they should make."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from pydantic import SecretStr

from wayproof.settings import DatabaseSettings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.messages import NewMessage, Numbers, add_messages
from wayproof_verifier.entry import SALT_BYTES, entry_hash

TOPIC = "wayproof/v1/ShipperMSP/reefer-7/messages"
AT_MS = 1_760_000_000_000


@contextmanager
def opened(dsn: str, *, apply: bool = False) -> Iterator[Connection]:
    """Open a database, with or without making its tables first."""
    with connect(DatabaseSettings(dsn=SecretStr(dsn)), application="test") as connection:
        if apply:
            schema.apply(connection)
        yield connection


def noise(count: int, *, received_at_ms: int = AT_MS) -> list[NewMessage]:
    """Make refused messages, each another: entries of the log like any other."""
    return [refused(secrets.token_bytes(8), "malformed_json", received_at_ms=received_at_ms) for _ in range(count)]


def add(connection: Connection, messages: Sequence[NewMessage]) -> list[int]:
    """Add messages, each waiting to be sealed; return their ingest ids."""
    with connection.transaction():
        return [it.ingest_id for it in add_messages(connection, messages, numbers=Numbers())]


def refused(
    payload: bytes, code: str, *, topic: str = TOPIC, device_id: str = "reefer-7", received_at_ms: int = AT_MS
) -> NewMessage:
    """Make a refused message of a known device."""
    salt = secrets.token_bytes(SALT_BYTES)
    return NewMessage(
        device_id=device_id,
        received_at_ms=received_at_ms,
        topic=topic,
        payload=payload,
        salt=salt,
        entry=entry_hash(salt, topic=topic, payload=payload, received_at_ms=received_at_ms),
        message_hash=sha256(payload).digest(),
        rejection=code,
    )
