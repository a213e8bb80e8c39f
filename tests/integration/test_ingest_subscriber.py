"""The way to the broker, by either client: old acknowledgements are dropped, a full queue holds the broker back."""

import logging
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import RunningBroker, running_broker
from support.ingest_world import PATIENCE_S, until
from wayproof.ingest.arrivals import Arrival, Arrivals
from wayproof.ingest.mqtt import Reader
from wayproof.ingest.subscriber import Subscriber
from wayproof.ingest.subscription import Subscription
from wayproof.settings import BrokerSettings

Client = type[Reader] | type[Subscriber]


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture(params=[Reader, Subscriber])
def client(request: pytest.FixtureRequest) -> Client:
    kind: Client = request.param
    return kind


@pytest.fixture
def publisher(broker: RunningBroker) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def subscriber(client: Client, broker: RunningBroker, arrivals: Arrivals, *, client_id: str) -> Subscription:
    settings = BrokerSettings(kind="amqtt", host="127.0.0.1", port=broker.port)
    made = client(settings, client_id=client_id, topic_filter=f"{client_id}/+", arrivals=arrivals)
    made.start()
    return made


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
    client: Client, broker: RunningBroker, publisher: paho.Client
) -> None:
    arrivals = Arrivals(most=100, most_bytes=1_000_000)
    name = f"first-{client.__name__}"
    made = subscriber(client, broker, arrivals, client_id=name)
    try:
        until(lambda: made.is_subscribed)
        publish(publisher, f"{name}/a", 3)
        old = take(arrivals, 3)
        throw_out(broker, name)
        again = take(arrivals, 3)
        assert [it.payload for it in again] == [it.payload for it in old] == [b"0", b"1", b"2"]
        assert {it.connection for it in old}.isdisjoint({it.connection for it in again})
        made.acknowledge(old)
        throw_out(broker, name)
        once_more = take(arrivals, 3)
        assert [it.payload for it in once_more] == [b"0", b"1", b"2"]
        made.acknowledge(once_more)
        publish(publisher, f"{name}/a", 1)
        take(arrivals, 1)  # so the acknowledgements before it have been sent
        made.close()
        made = subscriber(client, broker, arrivals, client_id=name)
        assert [it.payload for it in take(arrivals, 1)] == [b"0"]
        until(lambda: made.is_subscribed)
        assert len(arrivals) == 0
    finally:
        made.close()


def test_what_a_full_queue_does_not_take_waits_at_the_broker(
    client: Client, broker: RunningBroker, publisher: paho.Client
) -> None:
    arrivals = Arrivals(most=10, most_bytes=1_000_000)
    name = f"second-{client.__name__}"
    made = subscriber(client, broker, arrivals, client_id=name)
    most_at_once = 11 if client is Subscriber else 500  # the lean one takes in what one read brings
    try:
        until(lambda: made.is_subscribed)
        publish(publisher, f"{name}/a", 500)
        until(lambda: len(arrivals) >= 10)
        received: list[bytes] = []
        while len(received) < 500:
            assert len(arrivals) <= most_at_once
            for it in take(arrivals, 1):
                assert isinstance(it.payload, bytes)
                received.append(it.payload)
                made.acknowledge([it])
        assert received == [str(number).encode() for number in range(500)]
    finally:
        made.close()


def test_an_exception_ends_the_connection_and_not_the_thread(
    client: Client,
    broker: RunningBroker,
    publisher: paho.Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arrivals = Arrivals(most=100, most_bytes=1_000_000)
    name = f"third-{client.__name__}"
    made = subscriber(client, broker, arrivals, client_id=name)
    try:
        until(lambda: made.is_subscribed)
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr(arrivals, "put_all", lambda _: 1 / 0)
            publish(publisher, f"{name}/a", 1)
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
