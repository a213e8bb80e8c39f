"""Bytes made to hurt, for every parser of ours: only its own refusals, and no more work or memory than they are long.

The long form of this is `make fuzz`.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from paho.mqtt import _packet as paho_packet
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.enrolment_parsers import CERTIFICATES, REQUESTS, read_enrolment
from support.fuzzing import UnboundedError, within_bounds
from support.mqtt_bytes import connect
from support.mqtt_parsers import FROM_BROKER, FROM_CLIENT, TOPIC, read_from_broker, serve_client
from support.telemetry_cbor import write
from support.telemetry_inputs import HOSTILE, VALID, answer
from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.mqtt.framer import Framer
from wayproof.ingest.mqtt.packets import Version
from wayproof_verifier.telemetry import cbor
from wayproof_verifier.telemetry.rejection import RefusedError

EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=4)


@st.composite
def edited(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with some bytes changed, taken out or put in."""
    data = draw(st.sampled_from(seeds))
    for where, removed, inserted in draw(EDITS):
        at = where % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]
    return data


PARSERS: dict[str, tuple[Callable[[bytes], Any], tuple[bytes, ...]]] = {
    "messages, receipts and their envelopes": (answer, VALID),
    "MQTT from a broker": (read_from_broker, tuple(b"\x05" + it for it in FROM_BROKER)),
    "MQTT from a client": (serve_client, FROM_CLIENT),
    "requests and certificates": (read_enrolment, CERTIFICATES + REQUESTS),
}


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
@settings(deadline=None)
def test_changed_bytes_are_read_or_refused_within_bounds(name: str, data: st.DataObject) -> None:
    parse, seeds = PARSERS[name]
    within_bounds(parse, data.draw(edited(seeds) | st.binary(max_size=300)))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_payloads_take_no_more_than_they_are_long(name: str) -> None:
    within_bounds(answer, HOSTILE[name][1])


@pytest.mark.parametrize("name", ["messages, receipts and their envelopes", "MQTT from a broker"])
@pytest.mark.parametrize("repeated", [b"\x81", b"\x9b\xff\xff\xff\xff", b"\xd2\x84", b"[", b'{"a":', b"\x32\x80", b"1"])
def test_long_runs_take_no_more_than_they_are_long(name: str, repeated: bytes) -> None:
    within_bounds(PARSERS[name][0], repeated * 20_000)


def test_what_a_client_declares_is_not_reserved_for_it() -> None:
    declared = b"\x30\xff\xff\xff\x7f"  # 256 MiB
    within_bounds(serve_client, connect("a") + declared)
    within_bounds(read_from_broker, b"\x00" + declared + bytes(1_000))


def test_bounds_are_bounds() -> None:
    def busy(data: bytes) -> None:
        for _ in range(100_000 * len(data)):
            len(data)

    def greedy(data: bytes) -> None:
        bytes(10_000_000 * len(data))

    for parse in (busy, greedy):
        with pytest.raises(UnboundedError):
            within_bounds(parse, b"x")


@given(st.binary(max_size=60))
@example(b"\xc4\x82\x20\x18\x2d")
@example(b"\xf9\x7e\x00")
def test_cbor_that_is_accepted_is_written_as_the_same_bytes(data: bytes) -> None:
    try:
        value = cbor.read(data)
    except RefusedError:
        return
    if "nan" not in repr(value):  # of NaN there are many, and Python's is one
        assert write(value) == data


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20),
            st.binary(max_size=200),
            st.integers(0, 1),
            st.integers(1, 65_535),
            st.booleans(),
            st.lists(st.text("ab", max_size=100), max_size=3),
        ),
        max_size=5,
    ),
    st.sampled_from(Version),
    st.integers(0, 1 << 12),
)
@example([(TOPIC, bytes(200), 1, 7, True, ["a" * 100, "b" * 100])], Version.V5, 3)
def test_what_paho_writes_is_read_as_paho_reads_it(
    messages: list[tuple[str, bytes, int, int, bool, list[str]]], version: Version, cut: int
) -> None:
    written: list[bytes] = []
    client: Any = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion(version))
    client._sock = object()  # it is only asked whether there is one
    client._packet_queue = lambda _, packet, *__: written.append(bytes(packet))
    for topic, payload, qos, packet_id, is_again, kept in messages:
        asked: Any = Properties
        properties = asked(PacketTypes.PUBLISH)
        properties.UserProperty = [(it, it) for it in kept]
        client._send_publish(packet_id, topic.encode(), payload, qos, dup=is_again, properties=properties)
    client._sock = None
    stream = b"".join(written)
    cut %= len(stream) + 1
    framer = Framer(version=version, connection=2)
    arrivals = [it for part in (stream[:cut], stream[cut:]) for it in framer.feed(part, at_ms=5)[0]]
    reading: Any = paho_packet
    theirs = []
    for packet in written:
        start = next(at for at in range(1, 5) if packet[at] < 128) + 1
        read = reading.decode_publish(packet[0], bytearray(packet[start:]), int(version))
        theirs.append(Arrival(read.topic.decode(), bytes(read.payload), 5, 2, read.mid if read.qos else 0, read.qos))
    assert arrivals == theirs
