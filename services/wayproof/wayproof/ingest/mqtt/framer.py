"""A broker's stream of bytes, taken apart: messages as arrivals, other packets as they are. Pure.

Every length is checked before anything is kept for it. Of a message that is too long for any, only the digest is left:
it goes by without being held.
"""

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from wayproof.ingest.arrivals import Arrival, OverLong, bounded
from wayproof.ingest.mqtt.packets import Kind, MqttError, Version, read_length
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

LONGEST_FRAME = MAX_PAYLOAD_BYTES + (1 << 17)
"""Bytes of a packet that is held whole: the longest payload, a topic, and properties."""
LONGEST_CONTROL = 1 << 16
"""Bytes of any other packet."""
LONGEST_HEAD = 1 << 17
"""Bytes that hold topic and packet id of a message that is not held."""

_PUBLISH = Kind.PUBLISH << 4
_MORE = 128
_LONGEST_LENGTH = 4  # bytes of a first byte and a length that is not whole
_EXACTLY_ONCE = 2


class Packet(NamedTuple):
    """A packet that is no message: its kind, and what is in it."""

    kind: int
    body: bytes


class _Passing:
    """A message that goes by without being held: its properties are skipped, its payload is hashed."""

    __slots__ = ("_digest", "_skipped", "left", "packet_id", "qos", "size_bytes", "topic")

    def __init__(self, topic: str, *, qos: int, packet_id: int, skipped: int, size_bytes: int) -> None:
        self.topic, self.qos, self.packet_id = topic, qos, packet_id
        self.size_bytes = size_bytes
        self.left = skipped + size_bytes
        self._skipped = skipped
        self._digest = sha256()

    def take(self, data: bytes) -> bytes:
        """Take its part of what came, and return the rest."""
        part = data[: self.left]
        self.left -= len(part)
        self._digest.update(part[self._skipped :])
        self._skipped = max(0, self._skipped - len(part))
        return data[len(part) :]

    def payload(self) -> OverLong:
        """Return what is left of it."""
        return OverLong(self._digest.digest(), self.size_bytes)


class Framer:
    """Takes one connection's bytes apart."""

    def __init__(self, *, version: Version, connection: int) -> None:
        self._is_v5 = version is Version.V5
        self._connection = connection
        self._rest = b""
        self._passing: _Passing | None = None

    @property
    def held_bytes(self) -> int:
        """Bytes that wait for the rest of their packet."""
        return len(self._rest)

    def feed(self, data: bytes, *, at_ms: int) -> tuple[list[Arrival], list[Packet]]:
        """Take what one read brought, at this time; return what is whole. Raises MqttError."""
        arrivals: list[Arrival] = []
        packets: list[Packet] = []
        data = self._rest + data
        self._rest = b""
        while data:
            if self._passing is not None:
                data = self._passing.take(data)
                if self._passing.left:
                    break
                arrivals.append(self._passed(self._passing, at_ms))
                self._passing = None
            at = self._frames(data, arrivals, packets, at_ms)
            data = data[at:]
            if self._passing is None:
                self._rest = data
                break
        return arrivals, packets

    def _frames(self, data: bytes, arrivals: list[Arrival], packets: list[Packet], at_ms: int) -> int:
        """Take whole frames; return where the first begins that is not whole, or the payload of one that passes."""
        connection, is_v5, end, at = self._connection, self._is_v5, len(data), 0
        while at + 2 <= end:
            first, size, start = data[at], data[at + 1], at + 2
            if size >= _MORE:
                if end - at <= _LONGEST_LENGTH and min(data[at + 1 : end]) >= _MORE:
                    break  # the length itself has not come yet
                size, start = read_length(data, at + 1)
            stop = start + size
            if first & 0xF0 != _PUBLISH:
                if size > LONGEST_CONTROL:
                    raise MqttError(f"a packet of kind {first >> 4} has {size} bytes")
                if stop > end:
                    break
                packets.append(Packet(first >> 4, data[start:stop]))
                at = stop
                continue
            if stop > end:
                if size <= LONGEST_FRAME or end - start < LONGEST_HEAD:
                    break
                topic, qos, packet_id, properties_at, payload_at = _head(data, first, start, stop, is_v5=is_v5)
                self._passing = _Passing(
                    topic,
                    qos=qos,
                    packet_id=packet_id,
                    skipped=payload_at - properties_at,
                    size_bytes=stop - payload_at,
                )
                return properties_at
            topic, qos, packet_id, _, payload_at = _head(data, first, start, stop, is_v5=is_v5)
            payload = data[payload_at:stop]
            kept = payload if len(payload) <= MAX_PAYLOAD_BYTES else bounded(payload)
            arrivals.append(Arrival(topic, kept, at_ms, connection, packet_id, qos))
            at = stop
        return at

    def _passed(self, passing: _Passing, at_ms: int) -> Arrival:
        return Arrival(passing.topic, passing.payload(), at_ms, self._connection, passing.packet_id, passing.qos)


def _head(data: bytes, first: int, start: int, stop: int, *, is_v5: bool) -> tuple[str, int, int, int, int]:
    """Read what stands before a payload: topic, QoS, packet id, where the properties and the payload begin."""
    qos = first >> 1 & 3
    topic_at = start + 2
    if topic_at > stop:
        raise MqttError("a message is cut short")
    at = topic_at + (data[start] << 8 | data[start + 1])
    topic = _topic(data[topic_at:at])
    packet_id = 0
    if qos:
        if qos >= _EXACTLY_ONCE:
            raise MqttError(f"a message came with QoS {qos}; we asked for 1")
        packet_id = data[at] << 8 | data[at + 1] if at + 2 <= stop else 0
        at += 2
    payload_at = at
    if is_v5:
        size = data[at] if at < stop else 0
        at, payload_at = (at + 1, at + 1 + size) if size < _MORE else _properties(data, at)
    if payload_at > stop or (qos and not packet_id):
        raise MqttError("a message is cut short")
    return topic, qos, packet_id, at, payload_at


def _properties(data: bytes, at: int) -> tuple[int, int]:
    size, at = read_length(data, at)
    return at, at + size


@lru_cache(maxsize=16_384)
def _topic(encoded: bytes) -> str:
    """Return a topic; one that is no UTF-8 is no topic of ours, and is refused as such."""
    return encoded.decode("utf-8", "backslashreplace")
