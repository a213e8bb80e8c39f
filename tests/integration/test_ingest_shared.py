"""Two `wayproof ingest` processes take turns at a real Mosquitto over TLS; one is killed, nothing is lost or doubled.

Brokers and clients without shared subscriptions are refused by name.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from support.database import RunningCluster
from support.embedded_network import free_port
from support.ingest_world import LOG_ID, register_device, register_log, settings_text, write_receipt_key
from support.mosquitto import ORGANISATION, Client, RunningMosquitto, needs_mosquitto, running_mosquitto, until
from support.mqtt_bytes import packet
from support.telemetry_device import Device
from wayproof import settings
from wayproof.ingest.arrivals import Arrivals
from wayproof.ingest.mqtt import Reader
from wayproof.ingest.subscription import SharedSubscriptionUnavailable
from wayproof.ingest.worker import run
from wayproof.settings import BrokerSettings
from wayproof.store import log, schema
from wayproof.store.audit import Sent, audit
from wayproof.store.connection import Connection, connect
from wayproof_contract.merkle import EMPTY_ROOT
from wayproof_verifier.telemetry import (
    Message,
    PublicKey,
    Receipt,
    Rejection,
    decode,
    decode_receipt,
    receipts_topic,
    verify_receipt,
)

EACH = 40
RESEND_S = 1.0
RECEIPTED_WITHIN_S = 90.0
"""Longer than the broker keeps the session of the killed process."""

Place = tuple[str, int, int]


class Sender:
    """A device that sends again what no receipt names."""

    def __init__(self, device: Device, client: Client, *, key: PublicKey) -> None:
        self.device, self._client, self._key = device, client, key
        self.payloads: dict[Place, bytes] = {}
        self.sent: list[Message] = []

    def held(self) -> set[Place]:
        """Return the places that receipts name; each of them is signed."""
        places = set[Place]()
        for _, payload in list(self._client.messages):
            receipt = decode_receipt(payload)
            assert isinstance(receipt, Receipt)
            assert not isinstance(verify_receipt(receipt, key=self._key), Rejection)
            assert receipt.refused == ()
            places |= {
                (held.stream, held.boot, sequence)
                for held in receipt.held
                for sequence in range(held.first, held.last + 1)
            }
        return places

    def send(self, count: int) -> None:
        """Publish new messages."""
        for _ in range(count):
            payload = self.device.next()
            message = decode(payload, topic=self.device.topic)
            assert isinstance(message, Message)
            self.payloads[message.stream, message.boot, message.sequence] = payload
            self.sent.append(message)
            self._client.publish(self.device.topic, payload)

    def missing(self) -> set[Place]:
        """Return what no receipt names yet."""
        return self.payloads.keys() - self.held()

    def send_again(self) -> None:
        """Publish what no receipt names yet."""
        for place in sorted(self.missing()):
            self._client.publish(self.device.topic, self.payloads[place])


@contextmanager
def worker(settings_file: Path, *, number: int, port: int, failpoints: Path) -> Iterator[subprocess.Popen[bytes]]:
    failpoints.mkdir()
    told = {
        "WAYPROOF_INGEST__CLIENT_ID": f"ingest-{number}",
        "WAYPROOF_METRICS__PORT": str(port),
        "WAYPROOF_FAILPOINTS": str(failpoints),
    }
    command = [sys.executable, "-m", "wayproof", "ingest", "--settings", str(settings_file)]
    with (settings_file.parent / f"ingest-{number}.log").open("ab") as said:
        process = subprocess.Popen(
            command, env={**os.environ, **told}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == httpx.codes.OK
    return False


def stored_by(port: int) -> int:
    """Return how many messages a process has stored."""
    name = "wayproof_ingest_messages_stored_total "
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return sum(int(float(it.removeprefix(name))) for it in lines if it.startswith(name))


@contextmanager
def senders(broker: RunningMosquitto, *, key: PublicKey) -> Iterator[list[Sender]]:
    devices = [Device("reefer-1"), Device("reefer-2")]
    one, two = (broker.client(broker.device(it.device_id)) for it in devices)
    with one as first, two as second:
        made = [Sender(device, client, key=key) for device, client in zip(devices, (first, second), strict=True)]
        for device, client in zip(devices, (first, second), strict=True):
            until(lambda client=client: client.is_connected)  # type: ignore[misc]  # a default
            client.subscribe(receipts_topic(ORGANISATION, device_id=device.device_id))
        yield made


def wait_for_receipts(made: list[Sender]) -> None:
    deadline = time.monotonic() + RECEIPTED_WITHIN_S
    while any(it.missing() for it in made):
        assert time.monotonic() < deadline, [sorted(it.missing()) for it in made]
        time.sleep(RESEND_S)
        for it in made:
            it.send_again()


def seal_and_anchor(connection: Connection) -> None:
    with connection.transaction():
        log.seal(connection, epoch=1, limit=10_000)
    row = connection.execute("SELECT count(*) AS size FROM log_leaf").fetchone()
    assert row is not None
    connection.execute(
        "INSERT INTO anchor VALUES (%s, 1, %s, %s, %s, 'tx', 0, %s, 0)",
        [LOG_ID, row["size"], row["size"], EMPTY_ROOT, row["size"]],
    )


def shared_settings(folder: Path, dsn: str, broker: RunningMosquitto) -> Path:
    told = broker.settings()
    lines = "\n".join(
        f"{name} = {getattr(told, name) if name == 'port' else chr(34) + str(getattr(told, name)) + chr(34)}"
        for name in ("kind", "host", "port", "tls_ca", "certificate", "key")
    )
    settings_file = folder / "settings.toml"
    settings_file.write_text(settings_text(dsn, lines, client_id="of the environment") + 'share = "ingest"\n', "utf-8")
    return settings_file


@needs_mosquitto
def test_two_processes_take_turns_and_one_goes_on_when_the_other_is_killed(
    tmp_path: Path, postgres: RunningCluster
) -> None:
    key = write_receipt_key(tmp_path)
    (tmp_path / "broker").mkdir()
    ports = free_port(), free_port()
    with running_mosquitto(tmp_path / "broker") as broker:
        settings_file = shared_settings(tmp_path, postgres.new_database(), broker)
        with (
            connect(settings.load(settings_file).database, application="test") as connection,
            senders(broker, key=key) as made,
        ):
            schema.apply(connection)
            register_log(connection)
            for it in made:
                register_device(connection, it.device)
            failpoints = [tmp_path / "failpoints-0", tmp_path / "failpoints-1"]
            with (
                worker(settings_file, number=0, port=ports[0], failpoints=failpoints[0]) as killed,
                worker(settings_file, number=1, port=ports[1], failpoints=failpoints[1]) as survivor,
            ):
                until(lambda: all(map(is_ready, ports)), within_s=RECEIPTED_WITHIN_S)
                for it in made:
                    it.send(EACH)
                wait_for_receipts(made)
                until(lambda: sum(map(stored_by, ports)) == 2 * EACH)
                assert all(map(stored_by, ports))

                (failpoints[0] / "ingest.before_commit").touch()
                for it in made:
                    it.send(EACH)
                assert killed.wait(RECEIPTED_WITHIN_S) == -signal.SIGKILL
                wait_for_receipts(made)
                assert survivor.poll() is None
            assert survivor.returncode == 0
            seal_and_anchor(connection)
            sent = [
                Sent(it.device.device_id, at.stream, at.boot, at.sequence, at.message_hash, is_receipted=True)
                for it in made
                for at in it.sent
            ]
            found = audit(connection, log_id=LOG_ID, sent=sent)
    assert (found.sent, found.stored, found.anchored) == (4 * EACH, 4 * EACH, 4 * EACH)
    assert (found.lost, found.duplicated, found.unexpected, found.rejected) == (0, 0, 0, 0)


# --- what has no shared subscriptions ---------------------------------------------------------------------------------


@contextmanager
def broker_that_answers(connack: bytes) -> Iterator[int]:
    """Listen for one client, answer its CONNECT with these bytes, and stay."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        done = threading.Event()

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as client:
                client.recv(1024)
                client.sendall(packet(0x20, connack))
                done.wait(20.0)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "connack",
    [
        pytest.param(b"\x00\x00\x02\x2a\x00", id="the broker says it has none"),
        pytest.param(b"\x00\x01", id="MQTT 3.1.1"),
        pytest.param(b"\x00\x84\x00", id="another version, said in MQTT 5"),
    ],
)
def test_a_broker_without_shared_subscriptions_is_refused_by_name(connack: bytes) -> None:
    with broker_that_answers(connack) as port:
        reader = Reader(
            BrokerSettings(kind="mosquitto", host="127.0.0.1", port=port),
            client_id="ingest",
            topic_filter="$share/ingest/wayproof/v1/ShipperMSP/+/messages",
            arrivals=Arrivals(most=10, most_bytes=1_000),
        )
        reader.start()
        try:
            with pytest.raises(SharedSubscriptionUnavailable, match=r"ingest\.share") as refused:
                until(reader.require_alive)
            assert refused.value.code == "shared_subscription_unavailable"
        finally:
            reader.close()


@pytest.mark.parametrize(("kind", "client"), [("amqtt", "lean"), ("mosquitto", "paho")])
def test_what_speaks_mqtt_3_1_1_is_refused_before_it_connects(kind: str, client: str, tmp_path: Path) -> None:
    write_receipt_key(tmp_path)
    told = settings_text(
        "postgresql://127.0.0.1:1/none", f'kind = "{kind}"\nhost = "127.0.0.1"\nport = 1', client_id="a"
    )
    settings_file = tmp_path / "settings.toml"
    settings_file.write_text(f'{told}share = "ingest"\nclient = "{client}"\n', "utf-8")
    with pytest.raises(SharedSubscriptionUnavailable):
        run(settings.load(settings_file), stop=threading.Event())
