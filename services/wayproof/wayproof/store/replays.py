"""Single refused payloads, and those that were published again to be judged anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("replays")


@dataclass(frozen=True, slots=True)
class StoredRejection:
    """A refused payload with its bytes.

    `topic` is None once erased; `payload` also where it was over-long, or was dropped to keep to the limit.
    `payload_hash` is the SHA-256 of the payload.
    """

    is_logged: bool
    number: int
    code: str
    detail: str
    topic: str | None
    device_id: str | None
    payload_hash: bytes
    payload_size: int | None
    payload: bytes | None
    times: int
    first_received_at_ms: int
    last_received_at_ms: int


@dataclass(frozen=True, slots=True)
class Replay:
    """One time that a payload was published again: the code it had been refused with, by whom, and when."""

    code: str
    operator: str
    replayed_at_ms: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an accepted message would stand. Unsigned: no stream name, boot and sequence 0."""

    device_id: str
    stream: str
    boot: int
    sequence: int
    message_hash: bytes


def find_rejection(connection: Connection, *, is_logged: bool, number: int) -> StoredRejection | None:
    """Return a refused payload by the number of its row, None if there is none."""
    name = "find_logged_rejection" if is_logged else "find_rejection"
    with store_errors(), connection.cursor(row_factory=class_row(StoredRejection)) as cursor:
        return cursor.execute(QUERIES[name], {"number": number}).fetchone()


def note_replay(connection: Connection, rejection: StoredRejection, *, operator: str, replayed_at_ms: int) -> None:
    """Note that a payload is about to be published again."""
    noted = {
        "topic": rejection.topic,
        "payload_hash": rejection.payload_hash,
        "code": rejection.code,
        "operator": operator,
        "replayed_at_ms": replayed_at_ms,
    }
    with store_errors():
        connection.execute(QUERIES["note_replay"], noted)


def replays(connection: Connection, rejection: StoredRejection) -> Sequence[Replay]:
    """Return when this payload was published again, the latest first."""
    asked = {"topic": rejection.topic, "payload_hash": rejection.payload_hash}
    with store_errors(), connection.cursor(row_factory=class_row(Replay)) as cursor:
        return cursor.execute(QUERIES["replays"], asked).fetchall()


def accepted(connection: Connection, place: Place) -> int | None:
    """Return the number of the message that stands at a place, None if none does."""
    asked = {name: getattr(place, name) for name in Place.__slots__}
    with store_errors():
        row = connection.execute(QUERIES["accepted"], asked).fetchone()
    return None if row is None else int(str(row["ingest_id"]))


def refusals(connection: Connection, rejection: StoredRejection, *, device_id: str | None) -> Mapping[str, int]:
    """Return how often this payload was refused on its topic, by code; `device_id` is the one that the topic names."""
    asked = {"payload_hash": rejection.payload_hash, "topic": rejection.topic, "device_id": device_id}
    with store_errors():
        rows = connection.execute(QUERIES["refused"], asked).fetchall()
    return {str(row["code"]): int(str(row["times"])) for row in rows}
