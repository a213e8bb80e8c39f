"""The way to the broker: acknowledgements of an older connection are dropped, a full queue holds the broker back."""

import logging
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import RunningBroker, running_broker
from support.ingest_world import PATIENCE_S, until
from wayproof.ingest.arrivals import Arrival, Arrivals
from wayproof.ingest.subscriber import Subscriber
from wayproof.settings import BrokerSettings


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def publisher(broker: RunningBroker) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def subscriber(broker: RunningBroker, arrivals: Arrivals, *, client_id: str) -> Subscriber:
    settings = BrokerSettings(kind="amqtt", host="127.0.0.1", port=broker.port)
    made = Subscriber(settings, client_id=client_id, topic_filter=f"{client_id}/+", arrivals=arrivals)
    made.start()
    return made


def subscribed(made: Subscriber) -> bool:
    return made._is_subscribed


def publish(publisher: paho.Client, topic: str, count: int) -> None:
    for sent in [publisher.publish(topic, str(number), qos=1) for number in range(count)]:
        sent.wait_for_publish(PATIENCE_S)


def take(arrivals: Arrivals, count: int) -> list[Arrival]:
    until(lambda: len(arrivals) >= count)
    return arrivals.take(most=count, most_bytes=1_000_000, wait_s=0.0, timeout_s=0.0)


def throw_out(broker: RunningBroker, client_id: str) -> None:
    """Take the session over, and leave it again: its connection ends, what is not acknowledged stays."""
    intruder = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    intruder.on_connect = lambda client, *_: client.disconnect()
    intruder.manual_ack_set(on=True)
    intruder.connect("127.0.0.1", broker.port)
    intruder.loop_forever()


def test_an_acknowledgement_counts_only_on_the_connection_that_the_message_came_by(
    broker: RunningBroker, publisher: paho.Client
) -> None:
    arrivals = Arrivals(most=100, most_bytes=1_000_000)
    made = subscriber(broker, arrivals, client_id="first")
    try:
        until(lambda: subscribed(made))
        publish(publisher, "first/a", 3)
        old = take(arrivals, 3)
        throw_out(broker, "first")
        again = take(arrivals, 3)
        assert [it.payload for it in again] == [it.payload for it in old] == [b"0", b"1", b"2"]
        assert {it.connection for it in old}.isdisjoint({it.connection for it in again})
        for it in old:
            made.acknowledge([it])
        throw_out(broker, "first")
        once_more = take(arrivals, 3)
        assert [it.payload for it in once_more] == [b"0", b"1", b"2"]
        for it in once_more:
            made.acknowledge([it])
        publish(publisher, "first/a", 1)
        take(arrivals, 1)  # so the acknowledgements before it have been sent
        made.close()
        made = subscriber(broker, arrivals, client_id="first")
        assert [it.payload for it in take(arrivals, 1)] == [b"0"]
        until(lambda: subscribed(made))
        assert len(arrivals) == 0
    finally:
        made.close()


def test_what_a_full_queue_does_not_take_waits_at_the_broker(broker: RunningBroker, publisher: paho.Client) -> None:
    arrivals = Arrivals(most=10, most_bytes=1_000_000)
    made = subscriber(broker, arrivals, client_id="second")
    try:
        until(lambda: subscribed(made))
        publish(publisher, "second/a", 500)
        until(lambda: len(arrivals) >= 10)
        received: list[bytes] = []
        while len(received) < 500:
            assert len(arrivals) <= 11
            for it in take(arrivals, 1):
                assert isinstance(it.payload, bytes)
                received.append(it.payload)
                made.acknowledge([it])
        assert received == [str(number).encode() for number in range(500)]
    finally:
        made.close()


def test_an_exception_ends_the_connection_and_not_the_thread(
    broker: RunningBroker, publisher: paho.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arrivals = Arrivals(most=100, most_bytes=1_000_000)
    made = subscriber(broker, arrivals, client_id="third")
    try:
        until(lambda: subscribed(made))
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr(arrivals, "put", lambda _: 1 / 0)
            publish(publisher, "third/a", 1)
            until(lambda: "ZeroDivisionError" in caplog.text)
        assert [it.payload for it in take(arrivals, 1)] == [b"0"]
        made.require_alive()
    finally:
        made.close()


def test_a_topic_that_is_no_utf_8_is_taken_as_it_is() -> None:
    arrivals = Arrivals(most=10, most_bytes=100)
    settings = BrokerSettings(kind="amqtt", host="127.0.0.1", port=1)
    made = Subscriber(settings, client_id="x", topic_filter="x", arrivals=arrivals)
    message = paho.MQTTMessage(mid=7, topic=b"\xff/messages")
    message.payload = b""
    made._arrived(made._client, None, message)
    (arrival,) = take(arrivals, 1)
    assert (arrival.topic, arrival.packet_id) == ("\\xff/messages", 7)
