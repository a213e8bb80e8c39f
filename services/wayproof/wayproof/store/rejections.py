"""Refused payloads that are no entries of the log: from unknown devices, over-long, or not meant for our log."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from psycopg.rows import class_row

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("rejections")

MAX_TOPIC = 200
"""Characters of a topic that are kept."""
MAX_DETAIL = 400
"""Characters of a detail that are kept."""


@dataclass(frozen=True, slots=True)
class NewRejection:
    """A refused payload: digest, size in bytes, the bytes themselves unless over-long, and why it is refused."""

    topic: str
    payload_hash: bytes
    payload_size: int
    payload: bytes | None
    code: str
    detail: str
    received_at_ms: int


@dataclass(frozen=True, slots=True)
class ListedRejection:
    """A refused payload, of a known device (then it is a message, and an entry of the log) or not.

    `number` is the row's own; `detail` is empty and `topic` may be None (erased) for what is logged. `replayed_at_ms`
    is when it was last published again, to be judged anew, None if never.
    """

    is_logged: bool
    number: int
    code: str
    detail: str
    topic: str | None
    device_id: str | None
    payload_hash: bytes
    payload_size: int | None
    times: int
    first_received_at_ms: int
    last_received_at_ms: int
    replayed_at_ms: int | None


@dataclass(frozen=True, slots=True)
class _Counted:
    rejection: NewRejection
    first_received_at_ms: int
    last_received_at_ms: int
    times: int = 1

    def and_again(self, received_at_ms: int) -> "_Counted":
        return replace(
            self,
            first_received_at_ms=min(self.first_received_at_ms, received_at_ms),
            last_received_at_ms=max(self.last_received_at_ms, received_at_ms),
            times=self.times + 1,
        )


def count_rejections(connection: Connection, rejections: Iterable[NewRejection]) -> None:
    """Keep rejections; the same payload refused on the same topic for the same reason is counted, not kept again."""
    counted: dict[tuple[str, bytes, str], _Counted] = {}
    for new in rejections:
        at = new.received_at_ms
        key = (storable(new.topic)[:MAX_TOPIC], new.payload_hash, new.code)
        known = counted.get(key)
        counted[key] = known.and_again(at) if known else _Counted(new, at, at)
    if not counted:
        return
    rows = sorted(counted.items())  # one order for all writers: none waits for another in a circle
    values = [row for _, row in rows]
    with store_errors():
        connection.execute(
            QUERIES["count_rejections"],
            {
                "topics": [topic for (topic, _, _), _ in rows],
                "payload_hashes": [row.rejection.payload_hash for row in values],
                "payload_sizes": [row.rejection.payload_size for row in values],
                "payloads": [row.rejection.payload for row in values],
                "codes": [row.rejection.code for row in values],
                "details": [storable(row.rejection.detail)[:MAX_DETAIL] for row in values],
                "first_received_at_ms": [row.first_received_at_ms for row in values],
                "last_received_at_ms": [row.last_received_at_ms for row in values],
                "times": [row.times for row in values],
            },
        )


def list_rejections(connection: Connection, *, after: tuple[int, bool, int], limit: int) -> list[ListedRejection]:
    """Return refused payloads after a place (last_received_at_ms, is_logged, number), the newest first."""
    last_received_at_ms, is_logged, number = after
    asked = {"last_received_at_ms": last_received_at_ms, "is_logged": is_logged, "number": number, "limit": limit}
    with store_errors(), connection.cursor(row_factory=class_row(ListedRejection)) as cursor:
        return cursor.execute(QUERIES["list_rejections"], asked).fetchall()


def storable(text: str) -> str:
    """Return text as PostgreSQL can hold it: U+0000 and lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
