"""Bytes to packets and back: MQTT 3.1.1 (OASIS, 2014), as far as this broker speaks it.

The framing is ours, so that a length is checked before anything is read for it. The packets' insides are read by amqtt
out of one whole frame; it forgives much (ill-formed UTF-8, trailing bytes), so what it read is written again and must
be what came.
"""

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

# amqtt has annotations and no py.typed: for mypy all of it is Any, and ends in this module.
from amqtt.adapters import BufferReader  # type: ignore[import-untyped]  # see above
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError  # type: ignore[import-untyped]  # see above
from amqtt.mqtt import (  # type: ignore[import-untyped]  # see above
    ConnackPacket,
    MQTTFixedHeader,
    PingRespPacket,
    PubackPacket,
    PublishPacket,
    SubackPacket,
    UnsubackPacket,
    packet_class,
)

from wayproof.broker.errors import ClientRefusedError

_PROTOCOL = b"\x00\x04MQTT\x04"
_MQTT_NAMES = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")
_CONNECT_RESERVED, _CONNECT_WILL = 0x01, 0x04
_SUBSCRIPTION_REFUSED = 0x80
_UNREADABLE = (AMQTTError, MQTTError, CodecError, NoDataError, ValueError, struct.error)


class Kind(IntEnum):
    """Packets that a client sends."""

    CONNECT = 1
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    UNSUBSCRIBE = 10
    PINGREQ = 12
    DISCONNECT = 14


class ConnectCode(IntEnum):
    """Answers to CONNECT [MQTT-3.2.2.3]."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL = 1
    IDENTIFIER_REJECTED = 2
    NOT_AUTHORISED = 5


_FLAGS = dict.fromkeys(Kind, 0) | {Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}


@dataclass(frozen=True, slots=True)
class Frame:
    """A packet before its inside is read."""

    kind: Kind
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client asks for when it comes. Who it says it is does not matter on loopback."""

    client_id: str
    """Empty: the client leaves it to us."""
    is_clean: bool
    keep_alive_s: int
    """Seconds after which it is heard from again; 0 for no promise."""


@dataclass(frozen=True, slots=True)
class Publish:
    """A message from a client; `packet_id` is None with QoS 0."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Topic filters and the QoS asked for each."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Topic filters to be forgotten."""

    packet_id: int
    filters: tuple[str, ...]


async def read_frame(stream: asyncio.StreamReader, *, max_bytes: int) -> Frame:
    """Read the next packet; its declared length is judged before its bytes are read.

    Raises ClientRefusedError, or asyncio.IncompleteReadError when the client ends in the middle.
    """
    first = (await stream.readexactly(1))[0]
    try:
        kind = Kind(first >> 4)
    except ValueError:
        raise ClientRefusedError(f"a client does not send packets of type {first >> 4}") from None
    flags = first & 0x0F
    if kind is not Kind.PUBLISH and flags != _FLAGS[kind]:
        raise ClientRefusedError(f"the flags of {kind.name} are {flags:04b}")
    size_bytes = await _remaining_length(stream)
    if size_bytes > max_bytes:
        raise ClientRefusedError(
            f"{kind.name} declares {size_bytes} bytes, {max_bytes} are the limit", code="packet_too_long"
        )
    return Frame(kind, flags, await stream.readexactly(size_bytes))


async def _remaining_length(stream: asyncio.StreamReader) -> int:
    length = 0
    for shift in (0, 7, 14, 21):
        byte = (await stream.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return length
    raise ClientRefusedError("a remaining length has at most four bytes")


async def read_connect(frame: Frame) -> Connect:
    """Read CONNECT. Raises ClientRefusedError; some of its codes have an answer of their own in CONNACK."""
    if not frame.body.startswith(_PROTOCOL):
        if frame.body.startswith(_MQTT_NAMES):
            raise ClientRefusedError("only MQTT 3.1.1 is spoken here", code="unacceptable_protocol")
        raise ClientRefusedError("this is not MQTT")
    packet = await _decode(frame)
    if packet.variable_header.flags & _CONNECT_RESERVED:
        raise ClientRefusedError("the reserved flag of CONNECT is set")
    if packet.variable_header.flags & _CONNECT_WILL:
        raise ClientRefusedError("no will is kept here: use Mosquitto", code="will_unsupported")
    client_id = "" if packet.payload.client_id_is_random else packet.payload.client_id
    is_clean = bool(packet.clean_session_flag)
    if not client_id and not is_clean:
        raise ClientRefusedError("a session to keep needs a client identifier", code="identifier_rejected")
    return Connect(client_id, is_clean, packet.keep_alive)


async def read_publish(frame: Frame) -> Publish:
    """Read PUBLISH. Raises ClientRefusedError."""
    packet = await _decode(frame)
    if packet.qos > 1:
        raise ClientRefusedError("QoS 2 is not spoken here: use Mosquitto, or QoS 1", code="qos_unsupported")
    if not packet.topic_name:
        raise ClientRefusedError("a message needs a topic")
    if packet.qos and not packet.packet_id:
        raise ClientRefusedError("a packet identifier is not 0")
    return Publish(packet.topic_name, packet.data, packet.qos, packet.packet_id if packet.qos else None)


async def read_subscribe(frame: Frame) -> Subscribe:
    """Read SUBSCRIBE. Raises ClientRefusedError."""
    packet = await _decode(frame)
    filters = tuple((name, qos) for name, qos in packet.payload.topics)
    if not filters or any(qos > 2 for _, qos in filters):  # noqa: PLR2004 - QoS is 0, 1 or 2
        raise ClientRefusedError("SUBSCRIBE names at least one filter, each with QoS 0, 1 or 2")
    return Subscribe(_packet_id(packet), filters)


async def read_unsubscribe(frame: Frame) -> Unsubscribe:
    """Read UNSUBSCRIBE. Raises ClientRefusedError."""
    packet = await _decode(frame)
    if not packet.payload.topics:
        raise ClientRefusedError("UNSUBSCRIBE names at least one filter")
    return Unsubscribe(_packet_id(packet), tuple(packet.payload.topics))


def read_puback(frame: Frame) -> int:
    """Read PUBACK and return the packet identifier that it acknowledges. Raises ClientRefusedError."""
    if len(frame.body) != 2:  # noqa: PLR2004 - an identifier has two bytes
        raise ClientRefusedError("PUBACK is a packet identifier")
    return int.from_bytes(frame.body)


def connack(code: ConnectCode, *, session_present: bool = False) -> bytes:
    """Answer CONNECT."""
    return bytes(ConnackPacket.build(int(session_present), int(code)).to_bytes())


def puback(packet_id: int) -> bytes:
    """Acknowledge a PUBLISH with QoS 1."""
    return bytes(PubackPacket.build(packet_id).to_bytes())


def suback(packet_id: int, *, granted: list[int | None]) -> bytes:
    """Answer SUBSCRIBE with the QoS granted for each filter, None where it is refused."""
    codes = [_SUBSCRIPTION_REFUSED if qos is None else qos for qos in granted]
    return bytes(SubackPacket.build(packet_id, codes).to_bytes())


def unsuback(packet_id: int) -> bytes:
    """Answer UNSUBSCRIBE."""
    return bytes(UnsubackPacket.build(packet_id).to_bytes())


def pingresp() -> bytes:
    """Answer PINGREQ."""
    return bytes(PingRespPacket.build().to_bytes())


def publish(message: Publish, *, is_duplicate: bool = False) -> bytes:
    """Send a message to a subscriber; it is never marked as retained."""
    packet = PublishPacket.build(
        message.topic, message.payload, message.packet_id, is_duplicate, message.qos, retain=False
    )
    return bytes(packet.to_bytes())


async def _decode(frame: Frame) -> Any:  # noqa: ANN401 - a packet of amqtt, which is untyped
    try:
        header = MQTTFixedHeader(int(frame.kind), frame.flags, len(frame.body))  # amqtt compares kinds by identity
        packet = await packet_class(header).from_stream(BufferReader(frame.body), fixed_header=header)
        written = _body(packet)
    except _UNREADABLE as error:
        raise ClientRefusedError(f"{frame.kind.name} cannot be read: {error}") from error
    if written != frame.body:
        raise ClientRefusedError(f"{frame.kind.name} is not well formed")
    return packet


def _body(packet: Any) -> bytes:  # noqa: ANN401 - a packet of amqtt, which is untyped
    if getattr(packet.payload, "client_id_is_random", False):  # amqtt put one of its own in the empty place
        packet.payload.client_id = ""
    return bytes(packet.variable_header.to_bytes()) + bytes(packet.payload.to_bytes(None, packet.variable_header))


def _packet_id(packet: Any) -> int:  # noqa: ANN401 - a packet of amqtt, which is untyped
    packet_id = int(packet.variable_header.packet_id)
    if packet_id == 0:
        raise ClientRefusedError("a packet identifier is not 0")
    return packet_id
