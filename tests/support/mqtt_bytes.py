"""An MQTT client of bytes: what it sends is written here, well formed or not."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

TIMEOUT_S = 20.0

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


def packet(first: int, body: bytes) -> bytes:
    """Return a packet: its first byte, the length, what is in it."""
    return bytes([first]) + length(len(body)) + body


def length(size_bytes: int) -> bytes:
    """Return a remaining length."""
    encoded = bytearray()
    while True:
        size_bytes, digit = divmod(size_bytes, 128)
        encoded.append(digit | (0x80 if size_bytes else 0))
        if not size_bytes:
            return bytes(encoded)


def text(value: str | bytes) -> bytes:
    """Return a string with its length before it."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(raw)) + raw


def connect(client_id: str = "", *, is_clean: bool = True, keep_alive_s: int = 0, flags: int = 0) -> bytes:
    """Return CONNECT for MQTT 3.1.1."""
    flags |= 2 if is_clean else 0
    return packet(0x10, text("MQTT") + bytes([4, flags]) + struct.pack("!H", keep_alive_s) + text(client_id))


def publish(topic: str | bytes, payload: bytes, *, packet_id: int = 1, first: int = 0x32) -> bytes:
    """Return PUBLISH with QoS 1 (or what the first byte says)."""
    return packet(first, text(topic) + struct.pack("!H", packet_id) + payload)


def subscribe(*filters: str | bytes, packet_id: int = 1, qos: int = 1) -> bytes:
    """Return SUBSCRIBE."""
    return packet(0x82, struct.pack("!H", packet_id) + b"".join(text(name) + bytes([qos]) for name in filters))


def puback(packet_id: int) -> bytes:
    """Return PUBACK."""
    return packet(PUBACK, struct.pack("!H", packet_id))


class Wire:
    """A connection to a broker."""

    def __init__(self, port: int) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """Return the next packet's first byte and inside. Raises ConnectionError at the end."""
        first = self._exactly(1)[0]
        size = shift = 0
        while True:
            byte = self._exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first, self._exactly(size)

    def close(self) -> None:
        """Close the connection, without a word."""
        self.socket.close()

    def is_closed(self) -> bool:
        """Wait until the broker says something; True if that is the end."""
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the broker has closed the connection")
            data += part
        return bytes(data)


@contextmanager
def wire(port: int, first: bytes = b"") -> Iterator[Wire]:
    """Connect to a broker; with CONNECT as first bytes, its answer is awaited and has to be yes."""
    connection = Wire(port)
    try:
        if first:
            connection.send(first)
            kind, body = connection.receive()
            if kind != CONNACK or body[1] != 0:
                raise AssertionError(f"not let in: {kind:02x} {body.hex()}")
        yield connection
    finally:
        connection.socket.close()
