"""What waits to be sent: acknowledgements of the present connection, and receipts until the broker has them."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.mqtt import packets
from wayproof.ingest.mqtt.packets import Version

MOST_UNSENT = 10_000
"""Receipts that wait for the broker; more are dropped, as a device that gets none sends again."""
MOST_IN_FLIGHT = 500
"""Receipts that the broker has not acknowledged."""
_PACKET_IDS = 65_535

Receipt = tuple[str, bytes]
"""Topic and payload."""


class Outbox:
    """Filled by the worker's thread, emptied by the network's. `wake` is called when there is something new to send."""

    def __init__(self, *, version: Version, wake: Callable[[], None]) -> None:
        self._version, self._wake = version, wake
        self._lock = threading.Lock()
        self._connection = 0
        self._acknowledgements: list[bytes] = []
        self._unsent: deque[Receipt] = deque()
        self._in_flight: dict[int, Receipt] = {}
        self._window = MOST_IN_FLIGHT
        self._last_id = 0

    def begin(self, *, connection: int) -> None:
        """Forget the acknowledgements of the connection before: the broker may have given their packet ids anew.

        Receipts that it did not acknowledge are sent again.
        """
        with self._lock:
            self._connection = connection
            self._acknowledgements.clear()
            self._unsent.extendleft(reversed(self._in_flight.values()))
            self._in_flight.clear()
            self._window = 0

    def open(self, *, window: int) -> None:
        """Let receipts be sent, at most so many at once: the broker has accepted us."""
        with self._lock:
            self._window = min(window, MOST_IN_FLIGHT)

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Send acknowledgements, in this order, of those that came by the present connection."""
        with self._lock:
            ours = self._connection
            ids = [it.packet_id for it in arrivals if it.connection == ours and it.qos]
            if ids:
                self._acknowledgements.append(packets.pubacks(ids))
        self._wake()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send a receipt, now or once connected; False if too many are waiting."""
        with self._lock:
            if len(self._unsent) >= MOST_UNSENT:
                return False
            self._unsent.append((topic, payload))
        self._wake()
        return True

    def acknowledged(self, packet_id: int) -> None:
        """Forget a receipt that the broker has."""
        with self._lock:
            self._in_flight.pop(packet_id, None)

    def take(self) -> bytes:
        """Return the bytes that may be sent now."""
        with self._lock:
            ready = self._acknowledgements
            self._acknowledgements = []
            while self._unsent and len(self._in_flight) < self._window:
                receipt = self._unsent.popleft()
                packet_id = self._next_id()
                self._in_flight[packet_id] = receipt
                ready.append(packets.publish(packet_id, *receipt, version=self._version))
        return b"".join(ready)

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % _PACKET_IDS + 1
            if self._last_id not in self._in_flight:
                return self._last_id
