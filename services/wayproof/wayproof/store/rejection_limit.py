"""How much of the disk refused payloads may take. Strangers write here, so it has an end; what is lost is counted.

    limit = RejectionLimit(256 << 20)
    limit.keep(connection)          # after rejections were added; does something now and then only

Payloads of the oldest go first: a row without one still says what came, how often and why it was refused. Only when all
payloads are gone do rows go, the oldest first. Entries of the log are not touched: they are rows of `message`.
"""

import time
from collections.abc import Callable

from wayproof.observability import metrics
from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors

QUERIES = queries.load("rejection_limit")

LOCK = 0x77617971
LOOKED_EVERY_S = 30.0
MOST = 2_000
"""Rows of one transaction: what writes at the same time waits for no more than that."""
ROW_BYTES = 600
"""What a row takes without its payload, with its places in four indexes: nearly enough to plan with."""
FREE_SHARE = 0.1
"""What is made free at once, of the limit, so that it lasts a while."""

KEPT = metrics.gauge("wayproof_rejections_bytes", "What refused payloads take of the disk, as far as it was looked at.")
CUT = metrics.counter(
    "wayproof_rejections_cut_total",
    "Refused payloads let go of to keep to the limit: payload, or row.",
    labels=("what",),
)


class RejectionLimit:
    """Keeps the table of refused payloads to a limit. Not shared between threads."""

    def __init__(self, keep_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_bytes = keep_bytes
        self._clock = clock
        self._look_at_s = float("-inf")

    def keep(self, connection: Connection) -> None:
        """Let go of what is too much, a step at a time, if it is time to look. Outside a transaction."""
        if self._clock() < self._look_at_s:
            return
        is_done = self.cut(connection)
        self._look_at_s = self._clock() + (LOOKED_EVERY_S if is_done else 0.0)

    def cut(self, connection: Connection) -> bool:
        """Take one step; tell whether nothing more is to be done now."""
        with store_errors(), connection.transaction():
            held = _number(connection, "relation_bytes", "bytes")
            KEPT.put(held)
            if held <= self._keep_bytes:
                return True
            if not _asked(connection, "become_cutter", lock=LOCK)["is_ours"]:
                return True
            live = _asked(connection, "live_bytes")
            payload_bytes, rows = _whole(live["bytes"]), _whole(live["rows"])
            excess = payload_bytes + rows * ROW_BYTES - self._keep_bytes
            if excess <= 0:
                return True  # the file has grown once; what was freed in it is used again
            excess += int(self._keep_bytes * FREE_SHARE)
            if payload_bytes:
                cut = _asked(connection, "cut_payloads", most=MOST, excess=excess)
                CUT.add(_whole(cut["cut"]), "payload")
                return _whole(cut["cut"]) < MOST and _whole(cut["freed"]) >= excess
            most = min(MOST, -(-excess // ROW_BYTES))
            gone = _whole(_asked(connection, "cut_rows", most=most)["cut"])
            CUT.add(gone, "row")
            return gone < MOST


def _asked(connection: Connection, name: str, **parameters: int) -> dict[str, object]:
    row = connection.execute(QUERIES[name], parameters).fetchone()
    if row is None:
        raise TypeError(f"{name} answers one row")
    return row


def _number(connection: Connection, name: str, column: str) -> int:
    return _whole(_asked(connection, name)[column])


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database answered {value!r} where a number stands")
    return value
