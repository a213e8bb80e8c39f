"""The audit: what devices say they sent, against rows, leaves and anchors."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("audit")

Key = tuple[str, str, int, int, bytes]
"""Device, stream, boot, sequence, message hash."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A line of a device's own send log."""

    device_id: str
    stream: str
    boot: int
    sequence: int
    message_hash: bytes
    is_receipted: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of the messages that devices sent.

    Attributes:
        sent: lines of the send logs.
        receipted: those that a signed receipt names.
        stored: those with a row.
        logged: those with a leaf.
        anchored: those under an anchored head.
        unexpected: rows of no send log (equivocations, other devices).
        rejected: payloads that were refused.
        lost: receipted, and not anchored. Nothing may be.
        duplicated: rows or leaves more than one for the same message. None may be.
    """

    sent: int
    receipted: int
    stored: int
    logged: int
    anchored: int
    unexpected: int
    rejected: int
    lost: int
    duplicated: int


def audit(connection: Connection, *, log_id: str, sent: Iterable[Sent]) -> Audit:
    """Compare send logs with the store. Everything is read in one snapshot."""
    with store_errors(), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = connection.execute(QUERIES["messages"]).fetchall()
        sizes = {row["epoch"]: row["size"] for row in connection.execute(QUERIES["anchored_sizes"], {"log_id": log_id})}
        refused = connection.execute(QUERIES["rejected"]).fetchone() or {}
    stored, logged, anchored = Counter[Key](), Counter[Key](), set[Key]()
    for row in rows:
        key = _key(row)
        stored[key] += 1
        if row["leaf_index"] is not None:
            logged[key] += 1
            if int(str(row["leaf_index"])) < int(str(sizes.get(row["epoch"], 0))):
                anchored.add(key)
    lines = {
        (line.device_id, line.stream, line.boot, line.sequence, line.message_hash): line.is_receipted for line in sent
    }
    receipted = {key for key, is_receipted in lines.items() if is_receipted}
    return Audit(
        sent=len(lines),
        receipted=len(receipted),
        stored=len(lines.keys() & stored.keys()),
        logged=len(lines.keys() & logged.keys()),
        anchored=len(lines.keys() & anchored),
        unexpected=len(stored.keys() - lines.keys()),
        rejected=int(str(refused["rejected"])),
        lost=len(receipted - anchored),
        duplicated=sum(count - 1 for counted in (stored, logged) for count in counted.values() if count > 1),
    )


def _key(row: Mapping[str, object]) -> Key:
    device_id, stream, boot, sequence, message_hash = (
        row[name] for name in ("device_id", "stream", "boot", "sequence", "message_hash")
    )
    assert isinstance(boot, int) and isinstance(sequence, int)  # noqa: S101, PT018 - columns are bigint
    assert isinstance(message_hash, bytes)  # noqa: S101 - column is bytea
    return str(device_id), str(stream), boot, sequence, message_hash
