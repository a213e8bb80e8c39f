"""What arrived from the broker, waiting for the worker: a queue bounded in messages and in bytes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

QUIET_S = 0.005
"""A group is complete when nothing more came for so long: a broker may hold back until it is acknowledged."""


@dataclass(frozen=True, slots=True)
class OverLong:
    """What is left of a payload that no message may have: its SHA-256 and its size."""

    payload_hash: bytes
    size_bytes: int

    def __len__(self) -> int:
        """Bytes of it that are in memory."""
        return 0


class Arrival(NamedTuple):
    """A published payload as it came: our clock, and what it takes to acknowledge it on the connection it came by."""

    topic: str
    payload: bytes | OverLong
    received_at_ms: int
    connection: int
    packet_id: int
    qos: int


def bounded(payload: bytes) -> bytes | OverLong:
    """Return the payload, or what is left of one that is too long for any message."""
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload
    return OverLong(sha256(payload).digest(), len(payload))


class Arrivals:
    """A queue from the network's thread to the worker's.

    Whoever puts waits for room first; what a single read brings still goes in, so the bounds are exceeded by one read
    at most.
    """

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[Arrival] = deque()
        self._bytes = 0
        self._wanted = 1
        self._changed = threading.Condition()
        self._on_room: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def most(self) -> int:
        """Messages that it holds, but for the last read."""
        return self._most

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return len(self._waiting) < self._most and self._bytes < self._most_bytes

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until more may be read; False if there is no room in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_room, timeout_s)

    def when_room(self, call: Callable[[], None]) -> None:
        """Let something be called, on the worker's thread, each time that there is room again."""
        self._on_room = call

    def put(self, arrival: Arrival) -> None:
        """Add what came. Never waits."""
        self.put_all([arrival])

    def put_all(self, arrivals: Sequence[Arrival]) -> None:
        """Add what came by one read, in order. Never waits."""
        size_bytes = sum([len(it.payload) for it in arrivals])
        with self._changed:
            was_empty = not self._waiting
            self._waiting.extend(arrivals)
            self._bytes += size_bytes
            if was_empty or len(self._waiting) >= self._wanted:
                self._changed.notify_all()

    def take(self, *, most: int, most_bytes: int, wait_s: float, timeout_s: float) -> list[Arrival]:
        """Return the next group, in order: at most so many messages and bytes (one message is always enough).

        `timeout_s` is how long to wait for the first, `wait_s` how long the first waits for others. Empty if none came.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) > 0, timeout_s)
            deadline = time.monotonic() + wait_s
            self._wanted = most
            while 0 < len(self._waiting) < most and self._bytes < most_bytes:
                before, left_s = len(self._waiting), deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(min(left_s, QUIET_S))
                if len(self._waiting) == before:
                    break
            self._wanted = 1
            had_room = self.has_room
            group = self._first(most, most_bytes)
            self._changed.notify_all()
        if not had_room and self._on_room is not None:
            self._on_room()
        return group

    def _first(self, most: int, most_bytes: int) -> list[Arrival]:
        waiting = self._waiting
        if len(waiting) <= most and self._bytes <= most_bytes:
            group = list(waiting)
            waiting.clear()
            self._bytes = 0
            return group
        group, taken_bytes = [], 0
        while waiting and len(group) < most:
            taken_bytes += len(waiting[0].payload)
            if group and taken_bytes > most_bytes:
                break
            group.append(waiting.popleft())
            self._bytes -= len(group[-1].payload)
        return group
