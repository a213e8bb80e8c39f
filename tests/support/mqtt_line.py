"""A device's connection to Mosquitto, of bytes: over TLS 1.3, as fast as the broker acknowledges, receipts collected.

with line(port, context, client_id="reefer-1") as connected:
    connected.subscribe(device_receipts)
    connected.publish([(topic, payload), …])       # returns when all are acknowledged
    connected.listen(lambda: len(connected.received) == 2)
"""

import itertools
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from support.mqtt_bytes import packet, puback, text
from wayproof.ingest.mqtt.packets import read_length

PATIENCE_S = 20.0
WINDOW = 200
"""Messages that wait for their acknowledgement."""
POLL_S = 0.05
SUCCESS = 0
NOT_AUTHORISED = 0x87


class NotLetInError(OSError):
    """The broker did not let us in."""


class Line:
    """A connection that was let in. `version` is MQTT's level: 4 (3.1.1) or 5, which names what is not allowed."""

    def __init__(self, port: int, context: ssl.SSLContext | None, *, client_id: str = "", version: int = 4) -> None:
        self._is_v5 = version == 5
        self._buffer = bytearray()
        self._last_id = 0
        self.acknowledged = self.subscribed = 0
        self.reasons: Counter[int] = Counter()
        """Reason codes of acknowledgements, MQTT 5."""
        self.received: list[tuple[str, bytes]] = []
        self._accepted: int | None = None
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket = plain
        try:
            if context is not None:
                self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
            properties = b"\x00" if self._is_v5 else b""
            self.socket.sendall(packet(0x10, text("MQTT") + bytes([version, 2, 0, 60]) + properties + text(client_id)))
            self.listen(lambda: self._accepted is not None)
            self._require_accepted()
        except BaseException:
            self.socket.close()
            raise

    def publish(self, messages: Iterable[tuple[str, bytes]], *, window: int = WINDOW) -> None:
        """Publish with QoS 1, and return when all are acknowledged."""
        pending = iter(messages)
        while block := list(itertools.islice(pending, window)):
            wanted = self.acknowledged + len(block)
            self.socket.sendall(b"".join(self._publication(topic, payload) for topic, payload in block))
            self.listen(lambda wanted=wanted: self.acknowledged >= wanted)  # type: ignore[misc]  # a default

    def subscribe(self, topic: str) -> None:
        """Subscribe, and return once that is answered."""
        wanted = self.subscribed + 1
        properties = b"\x00" if self._is_v5 else b""
        self.socket.sendall(packet(0x82, self._next_id() + properties + text(topic) + b"\x01"))
        self.listen(lambda: self.subscribed >= wanted)

    def listen(self, condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
        """Take what comes until something is so. Raises OSError at the connection's end, AssertionError."""
        assert self.hears(condition, within_s=within_s), f"it did not come about within {within_s:.0f} s"

    def hears(self, condition: Callable[[], object], *, within_s: float) -> bool:
        """Take what comes until something is so; tell whether it came to that. Raises OSError."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.socket.settimeout(POLL_S)
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                continue
            finally:
                self.socket.settimeout(PATIENCE_S)
            if not data:
                raise ConnectionError("the broker has closed the connection")
            self._buffer += data
            self._take()
        return True

    def close(self) -> None:
        """Take leave."""
        with suppress(OSError):
            self.socket.sendall(b"\xe0\x00")
        self.socket.close()

    def _require_accepted(self) -> None:
        if self._accepted != SUCCESS:
            raise NotLetInError(f"not let in: {self._accepted}")

    def _take(self) -> None:
        at = 0
        while at + 2 <= len(self._buffer):
            data = bytes(self._buffer[at + 1 : at + 5])
            if min(data) >= 128:
                break
            size, used = read_length(data, 0)
            if at + 1 + used + size > len(self._buffer):
                break
            self._answer(self._buffer[at], bytes(self._buffer[at + 1 + used : at + 1 + used + size]))
            at += 1 + used + size
        del self._buffer[:at]

    def _answer(self, first: int, body: bytes) -> None:
        match first & 0xF0:
            case 0x20:
                self._accepted = body[1]
            case 0x40:
                self.acknowledged += 1
                self.reasons[body[2] if len(body) > 2 else SUCCESS] += 1
            case 0x90:
                self.subscribed += 1
            case 0x30:
                end = 2 + int.from_bytes(body[:2])
                packet_id = int.from_bytes(body[end : end + 2]) if first & 6 else 0
                start = end + (2 if packet_id else 0)
                start += 1 + body[start] if self._is_v5 else 0
                self.received.append((body[2:end].decode(), body[start:]))
                if packet_id:
                    self.socket.sendall(puback(packet_id))

    def _publication(self, topic: str, payload: bytes) -> bytes:
        return packet(0x32, text(topic) + self._next_id() + (b"\x00" if self._is_v5 else b"") + payload)

    def _next_id(self) -> bytes:
        self._last_id = self._last_id % 65_535 + 1
        return self._last_id.to_bytes(2)


@contextmanager
def line(port: int, context: ssl.SSLContext | None, *, client_id: str = "", version: int = 4) -> Iterator[Line]:
    """Connect, and take leave in the end. Raises OSError where the broker does not let us in."""
    connected = Line(port, context, client_id=client_id, version=version)
    try:
        yield connected
    finally:
        connected.close()
