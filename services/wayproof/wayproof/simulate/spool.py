"""The spool: a device's messages on its disk, from the moment they have a number until a receipt names them.

The rules:
- A message gets its place, its signature and its row in one transaction, flushed to the disk before anybody sees it.
  A crash leaves all of it or nothing, so no number is lost and none is used for other bytes.
- Each opening is a boot of the device, counted and flushed before the boot's first message.
- Only one process has the spool open; the operating system ends its claim with it.
- A receipt drops the payloads that it names. Place and hash stay: the device's own log of what it sent.
- Messages stop when the disk is full. Receipts do not: there is a reserve for them (`simulate.reserve`).
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from wayproof.simulate.errors import SPOOL_FULL, DeviceError
from wayproof.simulate.reserve import Reserve
from wayproof_verifier.telemetry import Held, Receipt
from wayproof_verifier.telemetry.message import NO_MESSAGE

_SCHEMA = """
CREATE TABLE start_counter (boot INTEGER NOT NULL) STRICT;
INSERT INTO start_counter VALUES (0);
CREATE TABLE message (
    number INTEGER PRIMARY KEY,  -- in the order of recording
    stream TEXT NOT NULL,
    boot INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    message_hash BLOB NOT NULL,
    payload_hash BLOB NOT NULL,
    payload BLOB,                -- null once receipted
    receipted_at_ms INTEGER,
    refusal TEXT,                -- the code that a receipt named
    UNIQUE (stream, boot, sequence)
) STRICT;
CREATE INDEX message_waiting ON message (number) WHERE receipted_at_ms IS NULL AND refusal IS NULL;
CREATE INDEX message_unreceipted ON message (stream, boot, sequence) WHERE receipted_at_ms IS NULL;
CREATE INDEX message_refusable ON message (payload_hash) WHERE receipted_at_ms IS NULL AND refusal IS NULL;
CREATE INDEX message_refused ON message (number) WHERE receipted_at_ms IS NULL AND refusal IS NOT NULL;
CREATE TABLE receipt (
    number INTEGER PRIMARY KEY,
    receipt BLOB NOT NULL UNIQUE
) STRICT;
"""
_COUNT_START = "UPDATE start_counter SET boot = boot + 1 RETURNING boot"
_LAST = "SELECT boot, sequence, message_hash FROM message WHERE stream = ? ORDER BY boot DESC, sequence DESC LIMIT 1"
_INSERT = (
    "INSERT INTO message (stream, boot, sequence, message_hash, payload_hash, payload) VALUES (?, ?, ?, ?, ?, ?) "
    "RETURNING number"
)
_WAITING = "receipted_at_ms IS NULL AND refusal IS NULL"
_WAITING_NUMBERS = f"SELECT number FROM message WHERE {_WAITING} ORDER BY number LIMIT ?"  # noqa: S608 - constants
_TALLY = (  # all three by index; rows are never removed, so the last number is their count
    f"SELECT (SELECT coalesce(max(number), 0) FROM message), (SELECT count(*) FROM message WHERE {_WAITING}), "  # noqa: S608 - constants
    "(SELECT count(*) FROM message WHERE receipted_at_ms IS NULL AND refusal IS NOT NULL)"
)
_WAITING_MESSAGE = (
    "SELECT number, stream, boot, sequence, message_hash, payload FROM message "  # noqa: S608 - constants
    f"WHERE number = ? AND {_WAITING}"
)
_HASH_AT = "SELECT message_hash FROM message WHERE stream = ? AND boot = ? AND sequence = ?"
_HOLD = (  # by the short index: a platform may name all it has again and again
    "UPDATE message INDEXED BY message_unreceipted SET receipted_at_ms = ?, payload = NULL "
    "WHERE stream = ? AND boot = ? AND sequence BETWEEN ? AND ? AND receipted_at_ms IS NULL"
)
_REFUSE = f"UPDATE message SET refusal = ? WHERE payload_hash = ? AND {_WAITING}"  # noqa: S608 - constants
_KEEP_RECEIPT = "INSERT OR IGNORE INTO receipt (receipt) VALUES (?)"
_RECEIPTS = "SELECT receipt FROM receipt ORDER BY number"
_SEND_LOG = "SELECT stream, boot, sequence, message_hash, receipted_at_ms, refusal FROM message ORDER BY number"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands: what its protected header says besides the key (docs/reference/telemetry.md)."""

    stream: str
    boot: int
    sequence: int
    previous: bytes
    after: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """A signed message as it is published; `number` counts what this spool recorded, from 1, over all streams."""

    number: int
    stream: str
    boot: int
    sequence: int
    message_hash: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the device remembers of a message for ever: a line of its send log."""

    stream: str
    boot: int
    sequence: int
    message_hash: bytes
    receipted_at_ms: int | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages were ever recorded, wait for a receipt, and were refused."""

    recorded: int
    waiting: int
    refused: int

    @property
    def receipted(self) -> int:
        """How many the platform holds."""
        return self.recorded - self.waiting - self.refused


@dataclass(frozen=True, slots=True)
class Taken:
    """What a good receipt changed: how many messages it freed and refused, and the ranges that are not ours.

    A contradicted range ends in a hash that this device never signed there: nothing of it is freed.
    """

    receipted: int
    refused: int
    contradicted: tuple[Held, ...]


Result = TypeVar("Result")

Sign = Callable[[Place], tuple[bytes, bytes]]
"""Takes a place, returns the payload and its message hash; what it raises leaves the spool as it was."""


class Spool:
    """An open spool. Every thread of the process may use it; another process is refused. Raises DeviceError."""

    def __init__(self, path: Path) -> None:
        """Open a spool that `create` made. A missing one is an error: its numbers are used, and nobody knows which."""
        self._lock = threading.Lock()
        if not path.exists():
            raise DeviceError(
                f"{path} is missing: nobody knows which numbers are used; make a new device", code="device_incomplete"
            )
        with _spool_errors():
            self._connection = _connect(path, mode="rw")
        self._reserve = Reserve(path)
        self._reserve.keep()
        try:
            (self._boot,) = self._in_any_case(lambda: self._one(_COUNT_START))
        except BaseException:
            self._connection.close()
            raise

    @staticmethod
    def create(path: Path) -> None:
        """Make an empty spool at a path where nothing is."""
        if path.exists():
            raise DeviceError(f"{path} is there already", code="device_exists")
        with _spool_errors():
            connection = _connect(path, mode="rwc")
            connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")
            connection.close()

    def append(self, stream: str, *, sign: Sign) -> SpooledMessage:
        """Give a stream's next message its place, have it signed, and return it once it is on the disk."""
        with self._transaction() as connection:
            place = _next_place(stream, boot=self._boot, last=connection.execute(_LAST, (stream,)).fetchone())
            payload, message_hash = sign(place)
            row = (stream, place.boot, place.sequence, message_hash, sha256(payload).digest(), payload)
            (number,) = connection.execute(_INSERT, row).fetchone()
        return SpooledMessage(number, stream, place.boot, place.sequence, message_hash, payload)

    def last(self, stream: str) -> tuple[int, int, bytes]:
        """Return (boot, sequence, message hash) of a stream's last message; zeros before the first ever."""
        boot, sequence, message_hash = self._one(_LAST, stream) or (0, 0, NO_MESSAGE)
        return boot, sequence, message_hash

    def waiting(self, limit: int) -> list[int]:
        """Return the numbers of the oldest messages that no receipt named yet, in their order."""
        with self._transaction() as connection:
            return [number for (number,) in connection.execute(_WAITING_NUMBERS, (limit,))]

    def tally(self) -> Tally:
        """Return how many messages there are of each kind."""
        return Tally(*self._one(_TALLY))

    def message(self, number: int) -> SpooledMessage | None:
        """Return a message that waits for its receipt; None if it does no longer."""
        row = self._one(_WAITING_MESSAGE, number)
        return SpooledMessage(*row) if row else None

    def take(self, receipt: Receipt, data: bytes, *, taken_at_ms: int) -> Taken:
        """Free and refuse what a receipt names, its signature checked before; keep its bytes if it told anything new.

        A later receipt for what is receipted already promises no more than the first one, so it is not kept.
        """
        return self._in_any_case(lambda: self._take(receipt, data, taken_at_ms=taken_at_ms))

    def _take(self, receipt: Receipt, data: bytes, *, taken_at_ms: int) -> Taken:
        receipted, refused = 0, 0
        contradicted: list[Held] = []
        with self._transaction() as connection:
            for held in receipt.held:
                ours = connection.execute(_HASH_AT, (held.stream, held.boot, held.last)).fetchone()
                if ours != (held.last_hash,):
                    contradicted.append(held)
                    continue
                what = (taken_at_ms, held.stream, held.boot, held.first, held.last)
                receipted += connection.execute(_HOLD, what).rowcount
            for refusal in receipt.refused:
                refused += connection.execute(_REFUSE, (refusal.reason, refusal.payload_hash)).rowcount
            if receipted or refused:
                connection.execute(_KEEP_RECEIPT, (data,))
        return Taken(receipted, refused, tuple(contradicted))

    def receipts(self) -> list[bytes]:
        """Return the receipts that are kept, in the order in which they came."""
        with self._transaction() as connection:
            return [receipt for (receipt,) in connection.execute(_RECEIPTS)]

    def send_log(self) -> list[SentMessage]:
        """Return what was ever recorded, in that order: the device's side of an audit."""
        with self._transaction() as connection:
            return [SentMessage(*row) for row in connection.execute(_SEND_LOG)]

    def close(self) -> None:
        """Give the spool back. Nothing is left to be written."""
        with self._lock:
            self._connection.close()

    def _in_any_case(self, work: Callable[[], Result]) -> Result:
        """Do what must be possible with a full disk, too: in the reserve, once the journal is written back."""
        try:
            return work()
        except DeviceError as error:
            if error.code != SPOOL_FULL:
                raise
        self._reserve.give_up()
        with self._lock, _spool_errors():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        try:
            return work()
        finally:
            self._reserve.keep()

    def _one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401 - a row, or None, as SQLite has it
        with self._transaction() as connection:
            return connection.execute(statement, parameters).fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _spool_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    """Open the file for this process alone: exclusive locking is kept until the connection or the process ends."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _next_place(stream: str, *, boot: int, last: tuple[int, int, bytes] | None) -> Place:
    """Return the place after the last one: there are three kinds, and no fourth (docs/reference/telemetry.md)."""
    if last is None:
        return Place(stream, boot, 1, NO_MESSAGE, None)
    last_boot, last_sequence, last_hash = last
    if last_boot == boot:
        return Place(stream, boot, last_sequence + 1, last_hash, None)
    return Place(stream, boot, 1, last_hash, (last_boot, last_sequence))


@contextmanager
def _spool_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise DeviceError(
                "another process works with this device; end it, or use a device of your own", code="device_in_use"
            ) from error
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise DeviceError(
                "the spool's disk is full: nothing more is recorded until receipts, or somebody, make room",
                code=SPOOL_FULL,
            ) from error
        raise DeviceError(f"the spool cannot be used: {error}; see to its disk and permissions") from error
    except sqlite3.Error as error:
        raise DeviceError(f"the spool is not usable: {error}") from error
