"""A client's session: its filters, the messages that wait for it, those it has not acknowledged. No I/O.

With a clean session it ends with the connection; otherwise it stays, and the unacknowledged messages are sent again, in
their order and with their packet identifiers, when the client comes back [MQTT-4.4.0-1] (and only then).
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Protocol

from wayproof.broker.limits import Limits
from wayproof.broker.wire import Publish

_MESSAGE_OVERHEAD_BYTES = 320  # objects around a message: 146 while it waits, 275 in flight (tracemalloc)
_PACKET_IDS = 65_535


class Listener(Protocol):
    """A session's connection, as the session sees it."""

    def wake(self) -> None:
        """Messages may be there to be sent."""

    def replace(self) -> None:
        """Another connection has taken the session over."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way to subscribers."""

    topic: str
    payload: bytes
    qos: int

    @property
    def size_bytes(self) -> int:
        """Memory that it takes while it waits."""
        return len(self.topic) + len(self.payload) + _MESSAGE_OVERHEAD_BYTES


@dataclass(slots=True)
class Budget:
    """What all sessions hold together."""

    max_bytes: int
    held_bytes: int = 0
    holders: int = 0
    """Sessions that hold anything."""

    def allows(self, size_bytes: int, *, held_bytes: int) -> bool:
        """Tell whether a session that holds so much may take so much more."""
        if self.held_bytes + size_bytes <= self.max_bytes:
            return True
        holders = self.holders if held_bytes else self.holders + 1
        return held_bytes + size_bytes <= self.max_bytes // holders


@dataclass(slots=True, eq=False)
class Session:
    """See the module. `listener` is None while the client is away."""

    client_id: str
    is_persistent: bool
    limits: Limits
    budget: Budget
    listener: Listener | None = None
    filters: set[str] = field(default_factory=set)
    dropped: int = 0
    """Messages that found no room."""
    _waiting: deque[Message] = field(default_factory=deque)
    _in_flight: OrderedDict[int, Message] = field(default_factory=OrderedDict)
    _again: deque[int] = field(default_factory=deque)
    _held_bytes: int = 0
    _in_flight_bytes: int = 0
    _last_id: int = 0

    def offer(self, message: Message) -> bool:
        """Take a message for the client; False if there is no room, or it is away and did not ask to keep it."""
        if self.listener is None and message.qos == 0:
            return False
        if not self.budget.allows(message.size_bytes, held_bytes=self._held_bytes):
            self.dropped += 1
            return False
        self._waiting.append(message)
        self._hold(message.size_bytes)
        if self.listener is not None:
            self.listener.wake()
        return True

    def attach(self, listener: Listener) -> None:
        """Begin with a connection: everything that is unacknowledged is to be sent again."""
        self.listener = listener
        self._again = deque(self._in_flight)

    def next_to_send(self) -> tuple[Publish, bool] | None:
        """Return the next message and whether it was sent before; None while there is none or the window is full."""
        while self._again:
            packet_id = self._again.popleft()
            if packet_id in self._in_flight:
                return _publish(self._in_flight[packet_id], packet_id), True
        if not self._waiting or not self._has_window():
            return None
        message = self._waiting.popleft()
        if message.qos == 0:
            self._hold(-message.size_bytes)
            return _publish(message, None), False
        packet_id = self._free_id()
        self._in_flight[packet_id] = message
        self._in_flight_bytes += message.size_bytes
        return _publish(message, packet_id), False

    def acknowledge(self, packet_id: int) -> None:
        """Forget a message that the client has; an identifier that is not in flight means nothing."""
        message = self._in_flight.pop(packet_id, None)
        if message is None:
            return
        self._in_flight_bytes -= message.size_bytes
        self._hold(-message.size_bytes)
        if self.listener is not None:
            self.listener.wake()

    def discard(self) -> int:
        """Forget all messages and return how many there were."""
        count = len(self._waiting) + len(self._in_flight)
        self._waiting.clear()
        self._in_flight.clear()
        self._again.clear()
        self._in_flight_bytes = 0
        self._hold(-self._held_bytes)
        return count

    def _has_window(self) -> bool:
        if not self._in_flight:
            return True
        return (
            len(self._in_flight) < self.limits.max_in_flight_messages
            and self._in_flight_bytes < self.limits.max_in_flight_bytes
        )

    def _free_id(self) -> int:
        self._last_id = self._last_id % _PACKET_IDS + 1
        while self._last_id in self._in_flight:
            self._last_id = self._last_id % _PACKET_IDS + 1
        return self._last_id

    def _hold(self, size_bytes: int) -> None:
        before, self._held_bytes = self._held_bytes, self._held_bytes + size_bytes
        self.budget.held_bytes += size_bytes
        self.budget.holders += bool(self._held_bytes) - bool(before)


def _publish(message: Message, packet_id: int | None) -> Publish:
    return Publish(message.topic, message.payload, message.qos, packet_id)
