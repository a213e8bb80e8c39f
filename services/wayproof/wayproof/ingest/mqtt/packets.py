"""Packets of MQTT 3.1.1 and 5.0 (OASIS): those that a subscriber sends, the insides of those that it is sent. Pure."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

KEEPS_SESSION = 0xFFFFFFFF
"""Session expiry in MQTT 5: never. Without it a session ends with its connection, silently."""

_PUBACK = struct.Struct(">BBH")
_QOS_1 = 1
_FAILURE = 0x80
_SESSION_EXPIRY, _RECEIVE_MAXIMUM, _SERVER_KEEP_ALIVE, _SHARED_SUBSCRIPTIONS = 0x11, 0x21, 0x13, 0x2A
_OTHER_VERSION = (0x01, 0x84)
"""Refusals of a broker that does not speak our version: the first is MQTT 3.1.1's."""
_MOST_IN_FLIGHT = 65_535
_WIDTHS = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
_TEXTS = {0x12: 1, 0x15: 1, 0x16: 1, 0x1A: 1, 0x1C: 1, 0x1F: 1, 0x26: 2}  # by how many strings they have


class MqttError(ConnectionError):
    """The broker says what the protocol does not allow, or refuses us: the connection ends."""


class VersionError(MqttError):
    """The broker does not speak our version of MQTT."""


class Version(IntEnum):
    """Protocol levels [MQTT-3.1.2]."""

    V311 = 4
    V5 = 5


class Kind(IntEnum):
    """Packets that a broker sends."""

    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBACK = 9
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True, slots=True)
class Connack:
    """What the broker says to CONNECT: whether it kept our session, and what it can (MQTT 5)."""

    session_was_kept: bool
    receive_maximum: int = _MOST_IN_FLIGHT
    keep_alive_s: int | None = None
    has_shared_subscriptions: bool = False
    """In MQTT 5 a broker that does not say has them (§3.2.2.3.13)."""


def connect(
    client_id: str, *, version: Version, keep_alive_s: int, receive_maximum: int, session_s: int = KEEPS_SESSION
) -> bytes:
    """Return CONNECT for a session that stays; in MQTT 5 for `session_s`, with at most so many unacknowledged."""
    head = _text("MQTT") + bytes((version, 0)) + struct.pack(">H", keep_alive_s)
    properties = b""
    if version is Version.V5:
        given = struct.pack(">BIBH", _SESSION_EXPIRY, session_s, _RECEIVE_MAXIMUM, receive_maximum)
        properties = length(len(given)) + given
    return _packet(0x10, head + properties + _text(client_id))


def subscribe(packet_id: int, topic_filter: str, *, version: Version) -> bytes:
    """Return SUBSCRIBE to one filter at QoS 1."""
    properties = b"\x00" if version is Version.V5 else b""
    return _packet(0x82, struct.pack(">H", packet_id) + properties + _text(topic_filter) + bytes((_QOS_1,)))


def publish(packet_id: int, topic: str, payload: bytes, *, version: Version) -> bytes:
    """Return PUBLISH at QoS 1."""
    properties = b"\x00" if version is Version.V5 else b""
    return _packet(0x32, _text(topic) + struct.pack(">H", packet_id) + properties + payload)


def pubacks(packet_ids: Iterable[int]) -> bytes:
    """Return a PUBACK for each, in order; in both versions without a reason it says success."""
    pack = _PUBACK.pack
    return b"".join([pack(0x40, 2, it) for it in packet_ids])


def read_connack(body: bytes, *, version: Version) -> Connack:
    """Read CONNACK. Raises MqttError if it refuses us, VersionError if that is for the protocol's version."""
    if len(body) < 2:  # noqa: PLR2004 - flags and a code
        raise MqttError("CONNACK is cut short")
    if body[1] in _OTHER_VERSION:
        raise VersionError(f"the broker does not speak MQTT {'5' if version is Version.V5 else '3.1.1'}")
    if body[1]:
        raise MqttError(f"the broker refused us with code {body[1]}")
    session_was_kept = bool(body[0] & 1)
    if version is Version.V311:
        return Connack(session_was_kept)
    found = _properties(body[2:])
    return Connack(
        session_was_kept,
        found.get(_RECEIVE_MAXIMUM, _MOST_IN_FLIGHT),
        found.get(_SERVER_KEEP_ALIVE),
        has_shared_subscriptions=found.get(_SHARED_SUBSCRIPTIONS, 1) == 1,
    )


def read_suback(body: bytes, *, version: Version) -> bool:
    """Read SUBACK of one filter; tell whether it was granted. Raises MqttError."""
    start = 2
    if version is Version.V5:
        properties, start = read_length(body, 2)
        start += properties
    if len(body) != start + 1:
        raise MqttError("SUBACK is not for one filter")
    return body[start] < _FAILURE


def read_puback(body: bytes) -> int:
    """Read PUBACK: the packet id. A receipt that the broker refuses is not sent again. Raises MqttError."""
    if len(body) < 2:  # noqa: PLR2004 - a packet id
        raise MqttError("PUBACK is cut short")
    return int.from_bytes(body[:2])


def length(count: int) -> bytes:
    """Return a variable byte integer."""
    encoded = bytearray()
    while True:
        count, low = divmod(count, 128)
        encoded.append(low | (128 if count else 0))
        if not count:
            return bytes(encoded)


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """Read a variable byte integer: its value, and where it ends. Raises MqttError if it ends too late, or not here."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            raise MqttError("a packet is cut short")
        value |= (data[at + place] & 127) << (7 * place)
        if data[at + place] < 128:  # noqa: PLR2004 - the bit that says there is more
            return value, at + place + 1
    raise MqttError("a length has more than four bytes")


def _properties(data: bytes) -> dict[int, int]:
    """Read the properties of CONNACK that are numbers. Raises MqttError."""
    size, at = read_length(data, 0)
    end = at + size
    if end != len(data):
        raise MqttError("the properties of CONNACK are cut short")
    found = {}
    while at < end:
        name = data[at]
        at += 1
        if name in _WIDTHS:
            found[name] = int.from_bytes(data[at : at + _WIDTHS[name]])
            at += _WIDTHS[name]
        elif name in _TEXTS:
            for _ in range(_TEXTS[name]):
                at += 2 + int.from_bytes(data[at : at + 2])
        else:
            raise MqttError(f"CONNACK has a property {name}")
    if at != end:
        raise MqttError("the properties of CONNACK are cut short")
    return found


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + length(len(body)) + body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded
