"""The lean MQTT client's pure parts: packets, the stream of bytes taken apart, what waits to be sent."""

import itertools
from hashlib import sha256
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from wayproof.ingest.arrivals import Arrival, OverLong
from wayproof.ingest.mqtt import outbox, packets
from wayproof.ingest.mqtt.framer import LONGEST_FRAME, LONGEST_HEAD, Framer, Packet
from wayproof.ingest.mqtt.outbox import Outbox
from wayproof.ingest.mqtt.packets import MqttError, Version
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

V311, V5 = Version.V311, Version.V5
PINGRESP = b"\xd0\x00"


def published(payload: bytes, *, packet_id: int = 7, topic: str = "a/b", version: Version = V311) -> bytes:
    return packets.publish(packet_id, topic, payload, version=version)


def in_parts(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def fed(framer: Framer, parts: list[bytes]) -> tuple[list[Arrival], list[Packet]]:
    arrivals: list[Arrival] = []
    others: list[Packet] = []
    for part in parts:
        more, control = framer.feed(part, at_ms=5)
        arrivals += more
        others += control
    return arrivals, others


@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.sampled_from(Version),
)
def test_however_the_stream_is_cut_the_same_messages_come_out(
    payloads: list[bytes], cuts: list[int], version: Version
) -> None:
    data = b"".join(
        published(payload, packet_id=number + 1, version=version) + PINGRESP for number, payload in enumerate(payloads)
    )
    framer = Framer(version=version, connection=3)
    arrivals, others = fed(framer, in_parts(data, cuts))
    assert arrivals == [Arrival("a/b", payload, 5, 3, number + 1, 1) for number, payload in enumerate(payloads)]
    assert others == [Packet(13, b"")] * len(payloads)
    assert framer.held_bytes == 0


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4), st.sampled_from(Version))
@example(b"\x30\xff\xff\xff\xff\x7f", [], V311)
@example(b"\x32\x02\x00\x05", [], V311)
@example(b"\x30\x00", [], V311)
@example(b"\x30\x01\x00", [], V5)
@example(b"\x34\x07\x00\x01a\x00\x01hi", [], V5)
def test_any_bytes_are_taken_apart_or_end_the_connection(data: bytes, cuts: list[int], version: Version) -> None:
    framer = Framer(version=version, connection=1)
    try:
        fed(framer, in_parts(data, cuts))
    except MqttError:
        return
    assert framer.held_bytes <= len(data)


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, LONGEST_FRAME, 4 * LONGEST_FRAME])
def test_of_a_payload_that_is_too_long_only_digest_and_size_are_kept(size: int, version: Version) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    data = published(b"before", version=version) + published(payload, version=version)
    data += published(b"after", version=version)
    framer = Framer(version=version, connection=1)
    held, arrivals = 0, []
    for start in range(0, len(data), 50_000):
        arrivals += framer.feed(data[start : start + 50_000], at_ms=5)[0]
        held = max(held, framer.held_bytes)
    kept = payload if size <= MAX_PAYLOAD_BYTES else OverLong(sha256(payload).digest(), size)
    assert [it.payload for it in arrivals] == [b"before", kept, b"after"]
    assert held <= LONGEST_FRAME if size <= LONGEST_FRAME else held < LONGEST_HEAD + 50_000


def test_properties_of_a_message_are_skipped_however_long_they_are() -> None:
    framer = Framer(version=V5, connection=1)
    properties = b"\x26" + b"\x00\x01k" + (60_000).to_bytes(2) + bytes(60_000)
    for count in (1, 8):
        given_properties = properties * count
        body = b"\x00\x01t\x00\x07" + packets.length(len(given_properties)) + given_properties + b"payload"
        data = b"\x32" + packets.length(len(body)) + body
        (arrival,), _ = fed(framer, in_parts(data, [3, 200_000]))
        kept = arrival.payload
        assert kept == (b"payload" if count == 1 else OverLong(sha256(b"payload").digest(), 7))
        assert (arrival.topic, arrival.packet_id) == ("t", 7)


@pytest.mark.parametrize(
    "data",
    [
        b"\x34\x05\x00\x01a\x00\x01",  # QoS 2: we asked for 1
        b"\x32\x05\x00\x01a\x00\x00",  # no packet id
        b"\x32\x03\x00\x09a",  # a topic longer than its packet
        b"\x30\x80\x80\x80\x80\x01",  # a length of five bytes
        b"\x90" + packets.length(1 << 17) + b"\x00",  # a SUBACK of 128 KiB
    ],
)
def test_what_the_protocol_does_not_allow_ends_the_connection(data: bytes) -> None:
    with pytest.raises(MqttError):
        Framer(version=V311, connection=1).feed(data, at_ms=5)


def test_a_topic_that_is_no_utf_8_is_taken_as_it_is() -> None:
    (arrival,), _ = Framer(version=V311, connection=1).feed(b"\x32\x0e\x00\x0a\xff/messages\x00\x07", at_ms=5)
    assert arrival.topic == "\\xff/messages"


@given(st.integers(0, 268_435_455))
def test_lengths(count: int) -> None:
    assert packets.read_length(packets.length(count) + b"\xff", 0) == (count, len(packets.length(count)))


@pytest.mark.parametrize("version", Version)
def test_connect_and_subscribe_are_what_paho_sends(version: Version) -> None:
    sent: list[bytes] = []
    kept_session: dict[str, Any] = {"clean_session": False} if version is V311 else {}
    client: Any = paho.Client(
        CallbackAPIVersion.VERSION2, "ingest", protocol=MQTTProtocolVersion(version), **kept_session
    )
    client._packet_queue = lambda _, packet, *__: sent.append(bytes(packet))
    options: Any = 1
    if version is V5:
        asked: Any = Properties
        properties = asked(PacketTypes.CONNECT)
        properties.SessionExpiryInterval, properties.ReceiveMaximum = packets.KEEPS_SESSION, 500
        client._connect_properties, client._clean_start = properties, False
        options = SubscribeOptions(qos=1)
    client._send_connect(30)
    client._send_subscribe(dup=False, topics=[(b"a/+", options)])
    assert sent == [
        packets.connect("ingest", version=version, keep_alive_s=30, receive_maximum=500),
        packets.subscribe(1, "a/+", version=version),
    ]


def test_connack_says_whether_there_are_shared_subscriptions_and_in_mqtt_5_silence_means_yes() -> None:
    said = {b"\x00\x00\x00": True, b"\x00\x00\x02\x2a\x01": True, b"\x00\x00\x02\x2a\x00": False}
    assert {it: packets.read_connack(it, version=V5).has_shared_subscriptions for it in said} == said
    assert not packets.read_connack(b"\x00\x00", version=V311).has_shared_subscriptions


def test_connack_says_whether_the_session_was_kept_and_its_limits() -> None:
    assert packets.read_connack(b"\x01\x00", version=V311).session_was_kept
    read = packets.read_connack(b"\x00\x00\x08\x21\x00\x14\x12\x00\x00\x2a\x00", version=V5)
    assert (read.session_was_kept, read.receive_maximum, read.keep_alive_s) == (False, 20, None)
    assert packets.read_connack(b"\x00\x00\x03\x13\x00\x0a", version=V5).keep_alive_s == 10
    for refused in (b"\x00\x05", b"", b"\x00", b"\x00\x01", b"\x00\x84"):
        with pytest.raises(MqttError):
            packets.read_connack(refused, version=V311)
    for broken in (b"\x00\x00\x04\x21\x00\x14", b"\x00\x00\x02\x77\x00", b"\x00\x00"):
        with pytest.raises(MqttError):
            packets.read_connack(broken, version=V5)


def test_suback_and_puback() -> None:
    assert packets.read_suback(b"\x00\x01\x01", version=V311)
    assert not packets.read_suback(b"\x00\x01\x80", version=V311)
    assert packets.read_suback(b"\x00\x01\x00\x01", version=V5)
    assert packets.read_puback(b"\x01\x02") == 0x102
    with pytest.raises(MqttError):
        packets.read_suback(b"\x00\x01", version=V311)
    with pytest.raises(MqttError):
        packets.read_puback(b"\x01")


def came(number: int, *, connection: int = 1, qos: int = 1) -> Arrival:
    return Arrival("t", b"", 0, connection, number, qos)


def opened(*, window: int = 500, connection: int = 1) -> Outbox:
    made = Outbox(version=V311, wake=lambda: None)
    made.begin(connection=connection)
    made.open(window=window)
    return made


def test_acknowledgements_go_out_in_order_and_only_for_the_present_connection() -> None:
    made = opened(connection=2)
    made.acknowledge(
        [came(1, connection=2), came(2, connection=1), came(3, connection=2), came(4, connection=2, qos=0)]
    )
    assert made.take() == packets.pubacks([1, 3])
    made.acknowledge([came(5, connection=2)])
    made.begin(connection=3)
    assert made.take() == b""


def test_receipts_keep_to_the_broker_s_window_and_are_sent_again_on_the_next_connection() -> None:
    made = opened(window=2)
    for number in range(3):
        assert made.publish("t", str(number).encode())
    sent = [packets.publish(number + 1, "t", str(number).encode(), version=V311) for number in range(3)]
    assert made.take() == sent[0] + sent[1]
    made.acknowledged(1)
    assert made.take() == sent[2]
    made.begin(connection=2)
    assert made.take() == b""
    made.open(window=10)
    again = made.take()
    assert again == b"".join(packets.publish(number + 3, "t", str(number).encode(), version=V311) for number in (1, 2))


def test_receipts_that_nobody_takes_are_dropped_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_UNSENT", 2)
    made = Outbox(version=V311, wake=lambda: None)
    assert [made.publish("t", b"") for _ in range(3)] == [True, True, False]


@settings(max_examples=20)
@given(st.integers(1, 400))
def test_packet_ids_in_flight_are_never_given_twice(count: int) -> None:
    made = opened()
    made._last_id = 65_400
    for _ in range(count):
        made.publish("t", b"")
    made.take()
    assert len(made._in_flight) == count
    assert all(1 <= it <= 65_535 for it in made._in_flight)
