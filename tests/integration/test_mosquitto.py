"""Mosquitto as we configure it: who gets in, who may do what, how much, and what a restart keeps."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mosquitto import (
    HOST,
    ORGANISATION,
    RunningMosquitto,
    needs_mosquitto,
    running_mosquitto,
    until,
)
from wayproof.enrolment import folder as folders
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.mosquitto import KEEP_ALIVE_S, MOST_PACKET_BYTES
from wayproof.tls import TlsFiles, client_context
from wayproof_verifier.telemetry import messages_topic, receipts_topic

pytestmark = needs_mosquitto

EVERYTHING = f"wayproof/v1/{ORGANISATION}/+/messages"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMosquitto]:
    with running_mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running


def messages_of(device_id: str) -> str:
    return messages_topic(ORGANISATION, device_id=device_id)


def receipts_of(device_id: str) -> str:
    return receipts_topic(ORGANISATION, device_id=device_id)


def stranger(broker: RunningMosquitto, place: Path) -> TlsFiles:
    """Return the files of a device whose authority is another one of the same name."""
    other = Folder.at(place / "other")
    folders.complete(other, organisation=ORGANISATION, hosts=[HOST], now=now_utc())
    forged = RunningMosquitto(place, other, broker.listeners).device("reefer-1")
    return TlsFiles(broker.folder.service("ingest").authority, forged.certificate, forged.key)


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_a_device_of_another_authority_is_refused(broker: RunningMosquitto, tmp_path: Path) -> None:
    with broker.client(stranger(broker, tmp_path)) as client:
        until(lambda: client.is_refused)
    with broker.client(broker.device("reefer-1")) as client:
        until(lambda: client.is_connected)


def test_a_listener_takes_no_certificate_of_the_other_one(broker: RunningMosquitto) -> None:
    with broker.client(broker.device("reefer-2"), services=True) as client:
        until(lambda: client.is_refused)
    with broker.client(broker.folder.service("ingest")) as client:
        until(lambda: client.is_refused)


def test_a_certificate_that_has_ended_is_refused(broker: RunningMosquitto) -> None:
    ended = broker.device("reefer-3", now=now_utc().replace(year=2025))
    with broker.client(ended) as client:
        until(lambda: client.is_refused)


@pytest.mark.parametrize("port", ["devices_port", "services_port"])
def test_nobody_gets_in_without_tls_without_a_certificate_or_with_an_older_tls(
    broker: RunningMosquitto, port: str
) -> None:
    number = getattr(broker.listeners, port)
    files = broker.device("reefer-4") if port == "devices_port" else broker.folder.service("ingest")
    connect = bytes([0x10, 13, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 1]) + b"x"

    def answer(context: ssl.SSLContext | None) -> bytes:
        with socket.create_connection((HOST, number), timeout=10) as plain:
            spoken = plain if context is None else context.wrap_socket(plain, server_hostname=HOST)
            with spoken:
                spoken.sendall(connect)
                return spoken.recv(4)

    nameless = ssl.create_default_context(cafile=files.authority)
    older = client_context(files)
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_2
    for context in (None, nameless, older):
        try:
            assert answer(context) == b""
        except OSError:  # ssl.SSLError too: refused while shaking hands
            continue
    assert answer(client_context(files)) == bytes([0x20, 2, 0, 0]), "this is how an accepted one is answered"


# --- who may do what -------------------------------------------------------------------------------------------------


def test_a_device_publishes_its_own_messages_and_reads_its_own_receipts_only(broker: RunningMosquitto) -> None:
    with (
        broker.client(broker.folder.service("ingest"), client_id="ingest", services=True) as ingest,
        broker.client(broker.device("mine")) as mine,
        broker.client(broker.device("other")) as other,
    ):
        until(lambda: ingest.is_connected and mine.is_connected and other.is_connected)
        ingest.subscribe(EVERYTHING)
        for topic_filter in (receipts_of("mine"), receipts_of("other"), "#", EVERYTHING, "$SYS/#"):
            mine.subscribe(topic_filter)
        for topic in (
            messages_of("other"),
            receipts_of("mine"),
            messages_topic("CarrierMSP", device_id="mine"),
            "$CONTROL/dynamic-security/v1",
            messages_of("mine"),
        ):
            mine.publish(topic, topic.encode())
        until(lambda: ingest.messages)
        ingest.publish(receipts_of("other"), b"not mine")
        ingest.publish(messages_of("mine"), b"ingest is no device")
        ingest.publish(receipts_of("mine"), b"mine")
        until(lambda: mine.messages)
        until(lambda: mine.acknowledged == 5 and ingest.acknowledged == 3)
        assert ingest.messages == [(messages_of("mine"), messages_of("mine").encode())]
        assert mine.messages == [(receipts_of("mine"), b"mine")] * len(mine.messages)
        assert other.messages == []


def test_an_operator_who_replays_may_publish_in_devices_names_and_read_nothing(broker: RunningMosquitto) -> None:
    with (
        broker.client(broker.folder.service("ingest"), client_id="ingest-2", services=True) as ingest,
        broker.client(broker.folder.service("replay"), client_id="replay", services=True) as operator,
    ):
        until(lambda: ingest.is_connected and operator.is_connected)
        ingest.subscribe(EVERYTHING)
        operator.subscribe(EVERYTHING)
        operator.publish(receipts_of("mine"), b"no receipt")
        operator.publish(messages_of("mine"), b"again")
        until(lambda: operator.acknowledged == 2 and ingest.messages)
        assert ingest.messages == [(messages_of("mine"), b"again")]
        assert operator.messages == []


def test_a_device_cannot_take_another_one_s_session_by_its_client_id(broker: RunningMosquitto) -> None:
    with broker.client(broker.device("victim"), client_id="victim") as victim:
        until(lambda: victim.is_connected)
        with broker.client(broker.device("thief"), client_id="victim") as thief:
            until(lambda: thief.is_connected)
            victim.subscribe(receipts_of("victim"))
            assert victim.is_connected


def test_several_ingest_workers_share_the_messages(broker: RunningMosquitto) -> None:
    tls = broker.folder.service("ingest")
    with (
        broker.client(tls, client_id="worker-1", services=True) as one,
        broker.client(tls, client_id="worker-2", services=True) as two,
        broker.client(broker.device("sharer")) as device,
    ):
        until(lambda: one.is_connected and two.is_connected and device.is_connected)
        for worker in (one, two):
            worker.subscribe(f"$share/ingest/{EVERYTHING}")
        payloads = [str(number).encode() for number in range(20)]
        for payload in payloads:
            device.publish(messages_of("sharer"), payload)
        until(lambda: len(one.messages) + len(two.messages) == len(payloads))
        assert one.messages
        assert two.messages
        assert {payload for _, payload in [*one.messages, *two.messages]} == set(payloads)


# --- how much --------------------------------------------------------------------------------------------------------


def test_a_packet_over_the_limit_closes_the_connection_and_goes_nowhere(broker: RunningMosquitto) -> None:
    with (
        broker.client(broker.folder.service("ingest"), client_id="limits", services=True) as ingest,
        broker.client(broker.device("large")) as large,
    ):
        until(lambda: ingest.is_connected and large.is_connected)
        ingest.subscribe(messages_of("large"))
        just_below = bytes(MOST_PACKET_BYTES - 200)
        large.publish(messages_of("large"), just_below)
        until(lambda: [payload for _, payload in ingest.messages] == [just_below])
        large.publish(messages_of("large"), bytes(MOST_PACKET_BYTES))
        until(lambda: not large.is_connected)
        assert len(ingest.messages) == 1


def test_nothing_is_retained(broker: RunningMosquitto) -> None:
    with broker.client(broker.device("retainer")) as client:
        until(lambda: client.is_connected)
        client.publish(messages_of("retainer"), b"for ever", retain=True)
        until(lambda: not client.is_connected)


def test_mqtt_5_clients_are_told_how_long_they_may_be_silent(broker: RunningMosquitto) -> None:
    longer = KEEP_ALIVE_S + 1
    connect = bytes([0x10, 13, 0, 4]) + b"MQTT" + bytes([5, 2, *longer.to_bytes(2), 0, 0, 0])
    context = client_context(broker.device("sleeper"))
    with (
        socket.create_connection((HOST, broker.listeners.devices_port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as spoken,
    ):
        spoken.sendall(connect)
        answer = spoken.recv(100)
    assert answer[0] == 0x20
    assert bytes([0x13, *KEEP_ALIVE_S.to_bytes(2)]) in answer, "Server Keep Alive (MQTT 5 §3.2.2.3.14)"


# --- what a restart keeps --------------------------------------------------------------------------------------------


def queued(broker: RunningMosquitto, device_id: str) -> None:
    """Leave a message in the queue of an ingest that is away, acknowledged to the device."""
    tls = broker.folder.service("ingest")
    with broker.client(tls, client_id="queue", services=True, clean=False) as ingest:
        until(lambda: ingest.is_connected)
        ingest.subscribe(EVERYTHING)
    with broker.client(broker.device(device_id)) as device:
        until(lambda: device.is_connected)
        device.publish(messages_of(device_id), b"kept?")
        until(lambda: device.acknowledged)


def test_stopped_in_order_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        queued(broker, "reefer-1")
        broker.stop()
        broker.start()
        with broker.client(broker.folder.service("ingest"), client_id="queue", services=True, clean=False) as ingest:
            until(lambda: ingest.messages == [(messages_of("reefer-1"), b"kept?")])


def test_killed_it_has_forgotten_what_it_acknowledged_and_that_is_why_devices_wait_for_receipts(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        queued(broker, "reefer-1")
        broker.kill()
        broker.start()
        with (
            broker.client(broker.folder.service("ingest"), client_id="queue", services=True, clean=False) as ingest,
            broker.client(broker.device("reefer-2")) as device,
        ):
            until(lambda: ingest.is_connected and device.is_connected)
            ingest.subscribe(EVERYTHING)
            device.publish(messages_of("reefer-2"), b"after")
            until(lambda: ingest.messages)
            assert ingest.messages == [(messages_of("reefer-2"), b"after")]
