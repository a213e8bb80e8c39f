"""The embedded broker as a process: what MQTT promises, and what a hostile client cannot do."""

import asyncio
import queue
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import RunningBroker, running_broker
from support.embedded_network import free_port
from support.mqtt_bytes import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBLISH,
    SUBACK,
    Wire,
    connect,
    length,
    packet,
    puback,
    publish,
    subscribe,
    text,
    wire,
)
from wayproof.broker import STAND_IN, BrokerError, Limits, serve
from wayproof.broker.server import Connections
from wayproof_verifier.telemetry.topic import messages_topic

MIB = 2**20
EVERYONE = "wayproof/v1/+/+/messages"
TOPIC = messages_topic("ShipperMSP", device_id="logger-1")
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running
        assert not [line for line in running.lines() if "traceback" in line]  # every line is JSON, none is a fault


@contextmanager
def subscriber(
    broker: RunningBroker, client_id: str, *, is_clean: bool = False
) -> Iterator[tuple[paho.Client, queue.Queue[paho.MQTTMessage]]]:
    """Ingest's client: a session that stays, acknowledgements by hand. It goes without DISCONNECT."""
    messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
    subscribed: queue.Queue[None] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=is_clean, manual_ack=True)
    client.on_connect = lambda *_: subscribe_again(client)
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.on_message = lambda _client, _data, message: messages.put(message)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        subscribed.get(timeout=PATIENCE_S)
        yield client, messages
    finally:
        client.loop_stop()
        sock = client.socket()
        assert isinstance(sock, socket.socket)
        sock.close()


def subscribe_again(client: paho.Client) -> None:
    client.subscribe(EVERYONE, qos=1)


def send(connection: Wire, payload: bytes, *, packet_id: int = 1) -> None:
    """Publish with QoS 1 and wait for the acknowledgement."""
    connection.send(publish(TOPIC, payload, packet_id=packet_id))
    assert connection.receive() == (PUBACK, struct.pack("!H", packet_id))


def payloads(messages: queue.Queue[paho.MQTTMessage], count: int) -> list[bytes]:
    return [bytes(messages.get(timeout=PATIENCE_S).payload) for _ in range(count)]


def test_a_message_travels_whole_and_is_acknowledged(broker: RunningBroker) -> None:
    largest = bytes(range(256)) * (Limits().max_payload_bytes // 256)
    with subscriber(broker, "whole", is_clean=True) as (_, messages), wire(broker.port, connect()) as device:
        for payload in (b"", b"{}", largest):
            send(device, payload)
        assert payloads(messages, 3) == [b"", b"{}", largest]


def test_what_was_not_acknowledged_comes_again_in_order_after_reconnecting(broker: RunningBroker) -> None:
    with wire(broker.port, connect()) as device:
        with subscriber(broker, "again") as (client, messages):
            for number in range(1, 7):
                send(device, b"%d" % number, packet_id=number)
            first = [messages.get(timeout=PATIENCE_S) for _ in range(6)]
            for message in first[:2]:
                client.ack(message.mid, message.qos)
            with wire(broker.port, connect()) as other:  # the acknowledgements went before this, on their way
                other.send(PINGREQ)
                other.receive()
            sock = client.socket()
            assert sock is not None
            client.unsubscribe("nothing")
        send(device, b"7", packet_id=7)
        with subscriber(broker, "again") as (_, messages):
            second = [messages.get(timeout=PATIENCE_S) for _ in range(5)]
            assert [it.payload for it in second] == [b"3", b"4", b"5", b"6", b"7"]
            assert all(it.dup for it in second[:4])
            assert [it.mid for it in second[:4]] == [it.mid for it in first[2:]]


def test_messages_wait_for_a_session_that_is_away_and_not_for_a_clean_one(broker: RunningBroker) -> None:
    with subscriber(broker, "stays"), subscriber(broker, "goes", is_clean=True):
        pass
    with wire(broker.port, connect()) as device:
        send(device, b"while away")
        with subscriber(broker, "goes", is_clean=True) as (_, cleanly), subscriber(broker, "stays") as (_, kept):
            send(device, b"while here")
            assert payloads(kept, 2) == [b"while away", b"while here"]
            assert payloads(cleanly, 1) == [b"while here"]


def test_a_second_connection_takes_the_session_over(broker: RunningBroker) -> None:
    with wire(broker.port, connect("twice", is_clean=False)) as first:
        first.send(subscribe(TOPIC))
        assert first.receive() == (SUBACK, b"\x00\x01\x01")
        with wire(broker.port) as second, wire(broker.port, connect()) as device:
            second.send(connect("twice", is_clean=False))
            assert second.receive() == (CONNACK, b"\x01\x00")  # session present
            assert first.is_closed()
            send(device, b"to the second")
            _, body = second.receive()
            assert body.endswith(b"to the second")


def test_a_retained_message_is_delivered_and_not_kept(broker: RunningBroker) -> None:
    with wire(broker.port, connect()) as reader, wire(broker.port, connect()) as device:
        reader.send(subscribe("kept/not"))
        reader.receive()
        device.send(publish("kept/not", b"once", first=0x33))
        assert reader.receive()[0] == PUBLISH | 2  # without the retain flag
        assert device.receive()[0] == PUBACK
        with wire(broker.port, connect()) as late:
            late.send(subscribe("kept/not"))
            assert late.receive()[0] == SUBACK
            late.send(PINGREQ)
            assert late.receive()[0] == PINGRESP


def test_filters_are_refused_one_by_one_when_malformed_or_too_many(broker: RunningBroker) -> None:
    with wire(broker.port, connect()) as client:
        client.send(subscribe("a/#/b", "a+/b", "", "x" * 1025, "a/+/#", qos=2))
        assert client.receive() == (SUBACK, b"\x00\x01" + b"\x80\x80\x80\x80\x01")
        most = Limits().max_filters_per_session
        client.send(subscribe(*[f"a/{number}" for number in range(most)]))
        assert client.receive() == (SUBACK, b"\x00\x01" + b"\x01" * (most - 1) + b"\x80")


BIGGEST = length(268_435_455)
CONNECTED = connect()


@pytest.mark.parametrize(
    ("before", "declared"),
    [
        (b"", b"\x10" + BIGGEST),
        (b"", b"\x10" + length(Limits().max_connect_bytes + 1)),
        (b"", b"\x10\xff\xff\xff\xff\x01"),
        (CONNECTED, b"\x32" + BIGGEST),
        (CONNECTED, b"\x32" + length(Limits().max_packet_bytes + 1)),
        (CONNECTED, b"\x82" + BIGGEST),
        (CONNECTED, b"\x32\xff\xff\xff\xff\x01"),
    ],
    ids=["CONNECT 256 MB", "CONNECT", "CONNECT 5 bytes", "PUBLISH 256 MB", "PUBLISH", "SUBSCRIBE", "PUBLISH 5 bytes"],
)
def test_a_length_over_the_limit_closes_the_connection_before_its_bytes(
    broker: RunningBroker, before: bytes, declared: bytes
) -> None:
    with wire(broker.port, connect()) as warm:  # so that what a first connection takes is not counted
        warm.send(PINGREQ)
        warm.receive()
    rss_bytes = broker.rss_bytes()
    with wire(broker.port, before) as client:
        client.send(declared)
        assert client.is_closed()
    assert broker.rss_bytes() - rss_bytes < MIB


def test_a_payload_one_byte_too_long_closes_only_its_own_connection(broker: RunningBroker) -> None:
    with wire(broker.port, connect()) as good, wire(broker.port, connect()) as bad:
        bad.send(publish(TOPIC, bytes(Limits().max_payload_bytes + 1)))
        assert bad.is_closed()
        send(good, b"still here")


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        publish(TOPIC, b"before CONNECT"),
        PINGREQ,
        packet(0x10, b""),
        packet(0x10, text("MQTT") + b"\x04"),
        packet(0x10, text("MQTT") + b"\x04\x02\x00\x00"),
        connect("reserved", flags=1),
        packet(0x11, connect("flags")[2:]),
        packet(0x10, connect("trailing")[2:] + b"more"),
        packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(b"\xff\xfe")),
    ],
)
def test_what_is_no_connect_is_closed_without_an_answer(broker: RunningBroker, data: bytes) -> None:
    with wire(broker.port) as client:
        client.send(data)
        assert client.is_closed()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text("five")), 1),
        (packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("three")), 1),
        (connect("", is_clean=False), 2),
        (packet(0x10, text("MQTT") + b"\x04\x06\x00\x00" + text("w") + text("topic") + text("will")), 5),
    ],
    ids=["MQTT 5", "MQTT 3.1", "no identifier", "will"],
)
def test_what_is_not_spoken_here_is_refused_with_its_code(broker: RunningBroker, first: bytes, code: int) -> None:
    with wire(broker.port) as client:
        client.send(first)
        assert client.receive() == (CONNACK, bytes([0, code]))
        assert client.is_closed()


@pytest.mark.parametrize(
    "data",
    [
        connect(),
        publish(TOPIC, b"QoS 2", first=0x34),
        publish(TOPIC, b"QoS 3", first=0x36),
        publish(TOPIC, b"no identifier", packet_id=0),
        publish("a/#", b"wildcard"),
        publish("", b"no topic"),
        publish("x" * 1025, b"long topic"),
        publish(b"\xc3\x28", b"no UTF-8"),
        packet(0x32, b"\x00\x40short"),
        packet(0x32, b""),
        packet(0x82, b"\x00\x01"),
        packet(0x82, b"\x00\x01" + text("a") + b"\x03"),
        packet(0x82, b"\x00\x01\xff\xffa"),
        packet(0x80, b"\x00\x01" + text("a") + b"\x01"),
        packet(0xA2, b"\x00\x01"),
        packet(0x40, b"\x00"),
        packet(0x40, b"\x00\x01\x02"),
        packet(0x00, b""),
        packet(0xF0, b""),
        packet(0x20, b"\x00\x00"),
        packet(0xC1, b""),
    ],
)
def test_a_malformed_packet_ends_its_connection_and_no_other(broker: RunningBroker, data: bytes) -> None:
    with wire(broker.port, connect()) as good, wire(broker.port, connect()) as bad:
        bad.send(data)
        assert bad.is_closed()
        send(good, b"still here")


def test_disconnect_ends_the_connection(broker: RunningBroker) -> None:
    with wire(broker.port, connect()) as client:
        client.send(DISCONNECT)
        assert client.is_closed()


def test_a_client_silent_beyond_its_keep_alive_is_closed(broker: RunningBroker) -> None:
    with wire(broker.port, connect("silent", keep_alive_s=1)) as client:
        assert client.is_closed()
    assert any(line.get("code") == "timeout" for line in broker.lines())


async def test_connections_that_come_byte_by_byte_are_closed_and_others_served() -> None:
    assert Limits().connect_timeout_s <= 10
    connections = Connections(Limits(connect_timeout_s=0.5))
    port = free_port()
    server = await asyncio.start_server(connections.serve, "127.0.0.1", port)
    slow = await asyncio.gather(*[asyncio.open_connection("127.0.0.1", port) for _ in range(50)])

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for byte in connect("slow"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)
            if reader.at_eof() or writer.is_closing():
                break
        try:
            return await reader.read()
        except ConnectionError:
            return b""

    trickling = [asyncio.create_task(trickle(*pair)) for pair in slow]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(connect("quick"))
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    assert await asyncio.gather(*trickling) == [b""] * 50
    writer.write(PINGREQ)
    assert await reader.readexactly(2) == b"\xd0\x00"
    for it in (writer, *[it for _, it in slow]):
        it.close()
    server.close()
    await connections.end()


def test_three_hundred_connections_each_get_their_own_answer(broker: RunningBroker) -> None:
    with ExitStack() as stack:
        devices = [stack.enter_context(wire(broker.port, connect(f"device-{number}"))) for number in range(300)]
        for number, device in enumerate(devices):
            device.send(subscribe(f"answers/{number}"))
            assert device.receive()[0] == SUBACK
        with wire(broker.port, connect()) as platform:
            for number in range(300):
                platform.send(publish(f"answers/{number}", b"%d" % number))
                assert platform.receive()[0] == PUBACK
        for number, device in enumerate(devices):
            _, body = device.receive()
            assert body.endswith(b"%d" % number)


async def test_connections_over_the_limit_are_closed_as_they_come() -> None:
    connections = Connections(Limits(max_connections=2))
    port = free_port()
    server = await asyncio.start_server(connections.serve, "127.0.0.1", port)
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for _, writer in pairs:
        writer.write(connect())
    for reader, _ in pairs:
        assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    reader, refused = await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    for writer in (refused, *[it for _, it in pairs]):
        writer.close()
    server.close()
    await connections.end()


def test_a_flood_to_subscribers_that_do_not_read_keeps_memory_bounded_and_neighbours_served() -> None:
    held_bytes, payload, count = 8 * MIB, bytes(200_000), 400  # 80 MB
    with (
        running_broker(arguments=["--max-held-bytes", str(held_bytes)]) as broker,
        wire(broker.port, connect("deaf", is_clean=False)) as deaf,
        wire(broker.port, connect("mute")) as mute,
        wire(broker.port, connect("neighbour")) as neighbour,
        wire(broker.port, connect("flood")) as flood,
    ):
        for client in (deaf, mute, neighbour):
            client.send(subscribe(EVERYONE))
            assert client.receive()[0] == SUBACK
        rss_bytes = broker.rss_bytes()
        for number in range(1, count + 1):
            send(flood, payload, packet_id=number)
            _, body = neighbour.receive()
            mid = body[2 + len(TOPIC) : 4 + len(TOPIC)]
            assert len(body) == 4 + len(TOPIC) + len(payload)
            neighbour.send(puback(int.from_bytes(mid)))
        assert broker.rss_bytes() - rss_bytes < 2 * held_bytes + 16 * MIB
        dropped = [line["dropped"] for line in broker.lines() if "dropped" in line]
        assert 0 < len(dropped) <= 2 * count.bit_length()  # said for each of the two, and not for every message


def test_a_client_that_does_not_read_its_answers_is_not_read_from() -> None:
    with running_broker() as broker, wire(broker.port, connect("asks")) as client:
        rss_bytes = broker.rss_bytes()
        client.socket.settimeout(2.0)
        with pytest.raises(TimeoutError):
            client.send(PINGREQ * 32 * MIB)
        assert broker.rss_bytes() - rss_bytes < 4 * MIB
        with wire(broker.port, connect()) as neighbour:
            send(neighbour, b"still here")


def test_killed_it_is_back_at_once_on_the_same_port_with_connections_open() -> None:
    with running_broker() as broker:
        for _ in range(2):
            with wire(broker.port, connect("open", is_clean=False)) as client:
                send(client, b"before")
                broker.kill()
                assert client.is_closed()
                broker.start()
        with subscriber(broker, "after") as (_, messages), wire(broker.port, connect()) as device:
            send(device, b"after")
            assert payloads(messages, 1) == [b"after"]


def test_it_says_what_it_is_and_ends_in_order() -> None:
    with running_broker() as broker:
        with wire(broker.port, connect()) as client:
            assert broker.stop() == 0
            assert client.is_closed()
        said = [line["message"] for line in broker.lines()]
        assert said[:2] == [STAND_IN, "ready"]
        assert "Mosquitto" in STAND_IN


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", ""])  # noqa: S104 - it is refused
async def test_it_listens_nowhere_but_on_loopback(host: str) -> None:
    with pytest.raises(BrokerError, match="use Mosquitto") as refused:
        await serve(port=free_port(), host=host)
    assert refused.value.code == "broker_not_loopback"


async def test_a_port_in_use_is_an_error_that_names_it(broker: RunningBroker) -> None:
    with pytest.raises(BrokerError, match=str(broker.port)) as failed:
        await serve(port=broker.port)
    assert failed.value.code == "broker_port"
