"""A real Mosquitto (Debian's package) on loopback, with certificates of its own, for tests.

    @needs_mosquitto
    def test_something(tmp_path: Path) -> None:
        with running_mosquitto(tmp_path) as broker:
            device = broker.device("reefer-1")            # TlsFiles of a device's certificate
            client = broker.client(device, client_id="anything")
            broker.kill()
            broker.start()

What it is told is what `wayproof.enrolment.mosquitto` writes for everybody, but for the user that root becomes.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from paho.mqtt.enums import CallbackAPIVersion

from support.embedded_network import free_port
from wayproof.enrolment import certificate as certificates
from wayproof.enrolment import folder as folders
from wayproof.enrolment.authority import new_key, pem, write_key
from wayproof.enrolment.certificate import DeviceName, now_utc
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.mosquitto import Listeners, Places, configuration
from wayproof.enrolment.proof import der
from wayproof.settings import BrokerSettings
from wayproof.store.enrolment import StoredCertificate
from wayproof.tls import TlsFiles, client_context

ORGANISATION = "ShipperMSP"
HOST = "127.0.0.1"
START_WITHIN_S = STOP_WITHIN_S = 15.0
PATIENCE_S = 20.0

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
needs_mosquitto = pytest.mark.skipif(
    PROGRAM is None, reason="left out: Mosquitto is not on this machine (Debian, Ubuntu: apt install mosquitto)"
)


@dataclass(slots=True)
class RunningMosquitto:
    """A Mosquitto process, the authorities it trusts, and the certificates that these issued."""

    directory: Path
    folder: Folder
    listeners: Listeners
    process: subprocess.Popen[bytes] | None = None
    issued: dict[str, StoredCertificate] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where it keeps what it persists, and its `pid_file`."""
        return self.directory / "data"

    @property
    def pid_file(self) -> Path:
        return self.data / "mosquitto.pid"

    @property
    def log(self) -> Path:
        return self.directory / "mosquitto.log"

    def settings(self, service: str = "ingest") -> BrokerSettings:
        """Return how a process of ours is told of it."""
        tls = self.folder.service(service)
        return BrokerSettings(
            kind="mosquitto",
            host=HOST,
            port=self.listeners.services_port,
            tls_ca=tls.authority,
            certificate=tls.certificate,
            key=tls.key,
        )

    def start(self) -> None:
        """Start it and return when both listeners are open."""
        assert PROGRAM is not None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-c", str(self.directory / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not all(map(_is_open, (self.listeners.devices_port, self.listeners.services_port))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"Mosquitto did not start: {self.log.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """Remove what it persisted; it must not run."""
        shutil.rmtree(self.data)
        self.data.mkdir()

    def device(self, device_id: str, *, days: int = 1, now: datetime | None = None) -> TlsFiles:
        """Issue a certificate for a device, and return its files."""
        authority, key = self.folder.authority(), new_key()
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        builder = certificates.device_certificate(
            DeviceName(ORGANISATION, device_id),
            public_key=spki,
            issuer=authority.certificate,
            now=now or now_utc(),
            days=days,
        )
        certificate = authority.sign(builder)
        place = self.directory / f"certificate-{len(self.issued)}"
        place.mkdir()
        write_key(place / "key.pem", key)
        (place / "certificate.pem").write_bytes(pem(certificate))
        (place / "broker-ca.pem").write_bytes(self.folder.broker_authority())
        self.issued[device_id] = StoredCertificate(
            serial_number=certificates.serial_bytes(certificate),
            device_id=device_id,
            key_id=sha256(spki).digest(),
            certificate=der(certificate),
            issued_at_ms=0,
            not_after_ms=int(certificate.not_valid_after_utc.timestamp()) * 1000,
        )
        return TlsFiles(place / "broker-ca.pem", place / "certificate.pem", place / "key.pem")

    @contextmanager
    def client(
        self, tls: TlsFiles, *, client_id: str = "", services: bool = False, clean: bool = True, keep_alive_s: int = 60
    ) -> Iterator["Client"]:
        """Yield a client that is being connected, at one of the listeners."""
        client = Client(client_id, tls, clean=clean)
        port = self.listeners.services_port if services else self.listeners.devices_port
        try:
            client.connect(port, keep_alive_s)
            yield client
        finally:
            client.close()

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Client:
    """An MQTT client that says what happened to it: whether it is connected, what was closed, what came."""

    def __init__(self, client_id: str, tls: TlsFiles, *, clean: bool) -> None:
        self.connections = self.closings = self.acknowledged = self.subscribed = 0
        self.refusals: list[str] = []
        self.messages: list[tuple[str, bytes]] = []
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean, reconnect_on_failure=False
        )
        self.paho.tls_set_context(client_context(tls))
        self.paho.on_connect = self._connected
        self.paho.on_disconnect = self._closed
        self.paho.on_publish = lambda *_: self._count("acknowledged")
        self.paho.on_subscribe = lambda *_: self._count("subscribed")
        self.paho.on_message = lambda _, __, message: self.messages.append((message.topic, bytes(message.payload)))

    @property
    def is_connected(self) -> bool:
        return self.connections > self.closings

    @property
    def is_refused(self) -> bool:
        """Whether it never came to a connection."""
        return self.connections == 0 and (self.closings > 0 or bool(self.refusals))

    def connect(self, port: int, keep_alive_s: int) -> None:
        try:
            self.paho.connect(HOST, port, keep_alive_s)
        except OSError as error:
            self.refusals.append(str(error))
        else:
            self.paho.loop_start()

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()
        # paho closes its sockets when it is forgotten: at once where it knows nobody who knows it.
        self.paho.on_connect = self.paho.on_disconnect = self.paho.on_publish = None
        self.paho.on_subscribe = self.paho.on_message = None

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe, and return once that is answered."""
        before = self.subscribed
        self.paho.subscribe(topic_filter, qos=1)
        until(lambda: self.subscribed > before)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.paho.publish(topic, payload, qos=1, retain=retain)

    def _connected(self, _: object, __: object, ___: object, reason: object, ____: object) -> None:
        if str(reason) == "Success":
            self._count("connections")
        else:
            self.refusals.append(str(reason))

    def _closed(self, *_: object) -> None:
        self._count("closings")

    def _count(self, name: str) -> None:
        setattr(self, name, getattr(self, name) + 1)


def until(condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@contextmanager
def running_mosquitto(directory: Path) -> Iterator[RunningMosquitto]:
    """Run Mosquitto with new authorities, in a folder, on two free ports."""
    folder = Folder.at(directory / "enrolment")
    folders.complete(folder, organisation=ORGANISATION, hosts=[HOST], now=now_utc())
    broker = RunningMosquitto(directory, folder, Listeners(free_port(), free_port(), HOST, HOST))
    broker.data.mkdir()
    told = configuration(broker.listeners, Places(str(folder.broker), str(broker.data)))
    if os.geteuid() == 0:
        told += "user root\n"  # it would become `mosquitto`, who cannot enter a test's folder
    (directory / "mosquitto.conf").write_text(told, "utf-8")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0
