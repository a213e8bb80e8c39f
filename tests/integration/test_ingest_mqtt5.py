"""Ingest's clients at a real Mosquitto over TLS: sessions, old packet ids; of the lean one, in MQTT 5, all the rest."""

from collections.abc import Iterator

import pytest

from support.ingest_world import until
from support.mosquitto import ORGANISATION, Client, RunningMosquitto, needs_mosquitto, running_mosquitto
from wayproof.ingest.arrivals import Arrival, Arrivals
from wayproof.ingest.mqtt import Reader
from wayproof.ingest.subscriber import Subscriber
from wayproof.ingest.subscription import Subscription
from wayproof_verifier.telemetry import messages_topic
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

pytestmark = needs_mosquitto

TOPIC = messages_topic(ORGANISATION, device_id="reefer-1")
EVERYONE = TOPIC.replace("reefer-1", "+")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMosquitto]:
    with running_mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


@pytest.fixture(scope="module")
def device(broker: RunningMosquitto) -> Iterator[Client]:
    with broker.client(broker.device("reefer-1")) as client:
        until(lambda: client.is_connected)
        yield client


def reader(broker: RunningMosquitto, arrivals: Arrivals, *, client_id: str, topic_filter: str = EVERYONE) -> Reader:
    made = Reader(broker.settings(), client_id=client_id, topic_filter=topic_filter, arrivals=arrivals)
    made.start()
    return made


def started(
    client: type[Reader | Subscriber], broker: RunningMosquitto, arrivals: Arrivals, *, name: str
) -> Subscription:
    made = client(broker.settings(), client_id=name, topic_filter=EVERYONE, arrivals=arrivals)
    made.start()
    return made


def queue(most: int = 1_000) -> Arrivals:
    return Arrivals(most=most, most_bytes=10_000_000)


def take(arrivals: Arrivals, count: int) -> list[Arrival]:
    until(lambda: len(arrivals) >= count)
    return arrivals.take(most=count, most_bytes=10_000_000, wait_s=0.0, timeout_s=0.0)


def publish(device: Client, *payloads: bytes) -> None:
    before = device.acknowledged
    for payload in payloads:
        device.publish(TOPIC, payload)
    until(lambda: device.acknowledged == before + len(payloads))


def test_no_more_comes_than_receive_maximum_allows_and_the_rest_once_acknowledged(
    broker: RunningMosquitto, device: Client
) -> None:
    arrivals = queue(most=5)
    made = reader(broker, arrivals, client_id="five")
    try:
        until(lambda: made.is_subscribed)
        publish(device, *(str(number).encode() for number in range(12)))
        held = take(arrivals, 5)
        device.subscribe(f"wayproof/v1/{ORGANISATION}/reefer-1/receipts")  # a round trip: nothing more was sent before
        assert len(arrivals) == 0
        made.acknowledge(held)
        more = take(arrivals, 5)
        made.acknowledge(more)
        last = take(arrivals, 2)
        made.acknowledge(last)
        assert [it.payload for it in held + more + last] == [str(number).encode() for number in range(12)]
    finally:
        made.close()


@pytest.mark.parametrize("client", [Reader, Subscriber])
def test_the_session_outlives_the_connection_and_old_acknowledgements_are_dropped(
    client: type[Reader | Subscriber], broker: RunningMosquitto, device: Client
) -> None:
    arrivals, name = queue(), f"lasting-{client.__name__}"
    made = started(client, broker, arrivals, name=name)
    until(lambda: made.is_subscribed)
    publish(device, b"first", b"second")
    old = take(arrivals, 2)
    made.close()
    publish(device, b"third")
    made = started(client, broker, arrivals, name=name)
    try:
        again = take(arrivals, 3)
        assert [it.payload for it in again] == [b"first", b"second", b"third"]
        made.acknowledge([it._replace(connection=it.connection - 1) for it in old])  # as if of an earlier connection
        made.acknowledge(again[:1])
        made.close()
        made = started(client, broker, arrivals, name=name)
        assert [it.payload for it in take(arrivals, 2)] == [b"second", b"third"]
    finally:
        made.close()


@pytest.mark.parametrize("kind", [Reader, Subscriber])
def test_a_broker_that_is_killed_is_found_again(
    kind: type[Reader | Subscriber], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_mosquitto(tmp_path_factory.mktemp("killed")) as broker:
        arrivals = queue()
        made = started(kind, broker, arrivals, name="patient")
        try:
            until(lambda: made.is_subscribed)
            broker.kill()
            until(lambda: not made.is_subscribed)
            broker.start()
            until(lambda: made.is_subscribed)
            with broker.client(broker.device("reefer-1")) as client:
                until(lambda: client.is_connected)
                publish(client, b"again")
                assert [it.payload for it in take(arrivals, 1)] == [b"again"]
            made.require_alive()
        finally:
            made.close()


def test_long_payloads_come_whole(broker: RunningMosquitto, device: Client) -> None:
    arrivals = queue()
    made = reader(broker, arrivals, client_id="long")
    try:
        until(lambda: made.is_subscribed)
        payloads = [bytes((number,)) * (MAX_PAYLOAD_BYTES - number) for number in range(8)]
        publish(device, *payloads)
        came = take(arrivals, 8)
        assert [it.payload for it in came] == payloads
        made.acknowledge(came)
    finally:
        made.close()


def test_receipts_reach_the_device(broker: RunningMosquitto, device: Client) -> None:
    made = reader(broker, queue(), client_id="telling")
    topic = f"wayproof/v1/{ORGANISATION}/reefer-1/receipts"
    try:
        device.subscribe(topic)
        payloads = [str(number).encode() for number in range(100)]
        for payload in payloads:
            assert made.publish(topic, payload)
        until(lambda: [content for of, content in device.messages if of == topic] == payloads)
    finally:
        made.close()


def test_readers_of_one_share_take_turns_and_nothing_comes_twice(broker: RunningMosquitto, device: Client) -> None:
    queues = [queue(), queue()]
    readers = [
        reader(broker, arrivals, client_id=f"worker-{number}", topic_filter=f"$share/ingest/{EVERYONE}")
        for number, arrivals in enumerate(queues)
    ]
    try:
        until(lambda: all(it.is_subscribed for it in readers))
        payloads = [str(number).encode() for number in range(50)]
        publish(device, *payloads)
        until(lambda: sum(map(len, queues)) == 50)
        taken = [take(arrivals, len(arrivals)) for arrivals in queues]
        assert all(taken)
        assert {it.payload for part in taken for it in part} == set(payloads)
        assert sum(map(len, taken)) == 50
    finally:
        for it in readers:
            it.close()
