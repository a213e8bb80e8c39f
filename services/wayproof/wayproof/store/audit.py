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
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of the messages that devices sent.

    Attributes:
        sent: lines of the send logs.
        receipted: those that a signed receipt names.
        stored: those with a row.
        unreceipted: those with a row that no receipt names yet. Allowed: the device sends them again.
        logged: those with a leaf.
        anchored: those under an anchored head.
        unexpected: rows of no send log (equivocations, other devices).
        rejected: payloads that were refused.
        refused: lines of the send logs that a receipt refuses. None may be, where the devices are honest.
        lost: receipted, and not anchored. Nothing may be.
        duplicate_rows: rows more than one for the same message. None may be.
        duplicate_leaves: leaves more than one for the same message. None may be.
    """

    sent: int
    receipted: int
    stored: int
    unreceipted: int
    logged: int
    anchored: int
    unexpected: int
    rejected: int
    refused: int
    lost: int
    duplicate_rows: int
    duplicate_leaves: int

    @property
    def duplicated(self) -> int:
        """Rows and leaves more than one for the same message."""
        return self.duplicate_rows + self.duplicate_leaves


def audit(connection: Connection, *, log_id: str, sent: Iterable[Sent]) -> Audit:
    """Compare send logs with the store. Everything is read in one snapshot."""
    with store_errors(), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = connection.execute(QUERIES["messages"]).fetchall()
        sizes = {row["epoch"]: row["size"] for row in connection.execute(QUERIES["anchored_sizes"], {"log_id": log_id})}
        refused = connection.execute(QUERIES["rejected"]).fetchone() or {}
    stored, logged, anchored = Counter[Key](), Counter[Key](), set[Key]()
    seen = set[object]()
    for row in rows:
        key = _key(row)
        stored[key] += row["ingest_id"] not in seen  # a row with two leaves comes twice
        seen.add(row["ingest_id"])
        if row["leaf_index"] is not None:
            logged[key] += 1
            if int(str(row["leaf_index"])) < int(str(sizes.get(row["epoch"], 0))):
                anchored.add(key)
    lines = {(line.device_id, line.stream, line.boot, line.sequence, line.message_hash): line for line in sent}
    receipted = {key for key, line in lines.items() if line.is_receipted}
    held = lines.keys() & stored.keys()
    return Audit(
        sent=len(lines),
        receipted=len(receipted),
        stored=len(held),
        unreceipted=len(held - receipted),
        logged=len(lines.keys() & logged.keys()),
        anchored=len(lines.keys() & anchored),
        unexpected=len(stored.keys() - lines.keys()),
        rejected=int(str(refused["rejected"])),
        refused=sum(line.is_refused for line in lines.values()),
        lost=len(receipted - anchored),
        duplicate_rows=_repeated(stored),
        duplicate_leaves=_repeated(logged),
    )


def _repeated(counted: Counter[Key]) -> int:
    return sum(count - 1 for count in counted.values())


def _key(row: Mapping[str, object]) -> Key:
    device_id, stream, boot, sequence, message_hash = (
        row[name] for name in ("device_id", "stream", "boot", "sequence", "message_hash")
    )
    assert isinstance(boot, int) and isinstance(sequence, int)  # noqa: S101, PT018 - columns are bigint
    assert isinstance(message_hash, bytes)  # noqa: S101 - column is bytea
    return str(device_id), str(stream), boot, sequence, message_hash
