"""Any bytes for the two readers of MQTT, ours from a broker and the embedded broker's from clients, and what must hold.

Our reader is held to paho's: whatever messages both take from a stream are the same.
"""

import asyncio
import struct
from typing import Any, cast

from paho.mqtt import _packet as paho_packet
from paho.mqtt.exception import MQTTException

from support.mqtt_bytes import connect, packet, puback, publish, subscribe, text
from wayproof.broker.connection import Connection
from wayproof.broker.exchange import Exchange
from wayproof.broker.limits import Limits
from wayproof.ingest.arrivals import Arrival, OverLong
from wayproof.ingest.mqtt import packets
from wayproof.ingest.mqtt.framer import Framer, Packet
from wayproof.ingest.mqtt.packets import Kind, MqttError, Version

V311, V5 = Version.V311, Version.V5
TOPIC = "wayproof/v1/ShipperMSP/reefer-7/messages"
V5_MESSAGE = packet(0x32, text(TOPIC) + b"\x00\x07" + b"\x06\x26\x00\x01a\x00\x00" + b"payload")
FROM_BROKER = (
    publish(TOPIC, b"payload") + b"\xd0\x00" + publish(TOPIC, b"again", packet_id=2, first=0x3A),
    V5_MESSAGE + V5_MESSAGE,
    packet(0x20, b"\x00\x00") + packet(0x90, b"\x00\x01\x01") + puback(3),
    packet(0x20, b"\x01\x00\x08\x21\x00\x14\x12\x00\x00\x2a\x00") + packet(0x90, b"\x00\x01\x00\x01"),
    packet(0xE0, b"\x8e\x00"),
)
"""Streams that a broker may send."""
FROM_CLIENT = (
    connect("reefer-7", is_clean=False) + publish(TOPIC, b"payload") + b"\xc0\x00" + b"\xe0\x00",
    connect() + subscribe("wayproof/v1/+/+/messages", "a/#") + publish(TOPIC, b"x") + puback(1),
    connect("a") + subscribe("a") + packet(0xA2, b"\x00\x02" + text("a")) + publish("a", b"", first=0x30),
)
"""Streams that a client may send."""

_REFUSED_BY_PAHO = (MQTTException, struct.error, LookupError, ValueError, AttributeError, TypeError)
"""What paho lets through of its own parsing where a packet is malformed."""


def read_from_broker(data: bytes) -> None:
    """Take a stream apart as ingest does, in parts and whole, in both versions. Raises AssertionError.

    The first byte says where the stream is cut.
    """
    cut, stream = (data[0], data[1:]) if data else (0, b"")
    for version in Version:
        whole = _framed(version, [stream])
        cut_at = cut % (len(stream) + 1)
        if _framed(version, [stream[:cut_at], stream[cut_at:]]) != whole:
            raise AssertionError("cut in two, the stream says something else")
        if whole is None:
            continue
        arrivals, controls = whole
        for control in controls:
            _read_control(control, version)
        theirs = _messages_of_paho(stream, version)
        if theirs is not None and theirs != [(it.topic, it.payload, it.packet_id, it.qos) for it in arrivals]:
            raise AssertionError("paho reads other messages")


def _framed(version: Version, parts: list[bytes]) -> tuple[list[Arrival], list[Packet]] | None:
    framer = Framer(version=version, connection=1)
    arrivals: list[Arrival] = []
    controls: list[Packet] = []
    try:
        for part in parts:
            more, others = framer.feed(part, at_ms=5)
            arrivals += more
            controls += others
    except MqttError:
        return None
    if framer.held_bytes > sum(map(len, parts)):
        raise AssertionError("more is held than came")
    return arrivals, controls


def _read_control(control: Packet, version: Version) -> None:
    try:
        if control.kind == Kind.CONNACK:
            packets.read_connack(control.body, version=version)
        elif control.kind == Kind.SUBACK:
            packets.read_suback(control.body, version=version)
        elif control.kind == Kind.PUBACK:
            packets.read_puback(control.body)
    except MqttError:
        return


def _messages_of_paho(stream: bytes, version: Version) -> list[tuple[str, bytes | OverLong, int, int]] | None:
    """Return the whole messages that paho reads; None where it refuses one, or a topic is no UTF-8."""
    found: list[tuple[str, bytes | OverLong, int, int]] = []
    at = 0
    while at + 2 <= len(stream):
        first = stream[at]
        try:
            size, start = packets.read_length(stream, at + 1)
        except MqttError:
            return found
        at = start + size
        if at > len(stream):
            return found
        if first >> 4 != Kind.PUBLISH:
            continue
        try:
            read = cast("Any", paho_packet).decode_publish(first, bytearray(stream[start:at]), int(version))
            found.append((read.topic.decode(), bytes(read.payload), read.mid if read.qos else 0, read.qos))
        except _REFUSED_BY_PAHO:
            return None
    return found


class _Transport:
    """Where the broker's answers go: nowhere."""

    def abort(self) -> None:
        """Nothing to end."""


class _Writer:
    """As much of asyncio's StreamWriter as a connection asks for."""

    def __init__(self) -> None:
        self.transport = _Transport()

    def write(self, data: bytes) -> None:
        """Forget an answer."""

    async def drain(self) -> None:
        """Hold nobody back."""

    def close(self) -> None:
        """Nothing to close."""

    async def wait_closed(self) -> None:
        """Nothing to wait for."""

    def get_extra_info(self, _: str) -> None:
        """Know nothing of the peer."""


def serve_client(data: bytes) -> None:
    """Let the embedded broker serve a client that sends these bytes and ends; whatever it raises is a finding."""
    asyncio.run(_serve(data))


async def _serve(data: bytes) -> None:
    limits = Limits(max_payload_bytes=4_096, max_topic_bytes=256, max_connect_bytes=512)
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    await Connection(Exchange(limits), stream, cast("asyncio.StreamWriter", _Writer()), limits=limits).run()
