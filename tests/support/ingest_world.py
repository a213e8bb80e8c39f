"""What ingest needs around it, for tests: a database with the tables, registered devices, a log, a broker, a publisher.

    with ingest_world(postgres, broker, tmp_path) as world:
        world.register(device)
        with world.running():
            world.publish(device.topic, device.next())
            world.until(lambda: world.held(device) == {(1, 1)})

Devices and the log are written straight into the tables that the projection keeps.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import RunningBroker
from support.database import RunningCluster
from support.telemetry_device import Device, public_spki, published_key
from wayproof import settings
from wayproof.ingest import worker
from wayproof.settings import Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof_verifier.telemetry import PublicKey, Receipt, Rejection, decode_receipt, verify_receipt

ORGANISATION = "ShipperMSP"
LOG_ID = "shipper-log"
PATIENCE_S = 30.0
RESEND_S = 0.3


@dataclass
class IngestWorld:
    """One organisation's database and broker, and everything that devices would send and hear."""

    settings_file: Path
    connection: Connection
    publisher: paho.Client
    receipt_key: PublicKey
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """What the ingest process is told."""
        return settings.load(self.settings_file)

    # --- what is registered -------------------------------------------------------------------------------------------

    def register(self, device: Device, *, home_log: str = LOG_ID, organisation: str = "", signs: bool = True) -> None:
        """Register a device as the projection would."""
        register_device(self.connection, device, home_log=home_log, organisation=organisation, signs=signs)

    def add_key(self, device: Device, *, ordinal: int, signs: bool = True) -> None:
        """Give a device a key; the one before has ended."""
        add_key(self.connection, device, ordinal=ordinal, signs=signs)

    # --- what is sent -------------------------------------------------------------------------------------------------

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish, and return once the broker has it."""
        self.publisher.publish(topic, payload, qos=qos).wait_for_publish(PATIENCE_S)

    def send(self, device: Device, *payloads: bytes) -> None:
        """Publish a device's payloads on its topic, in order."""
        sent = [self.publisher.publish(device.topic, payload, qos=1) for payload in payloads]
        for it in sent:
            it.wait_for_publish(PATIENCE_S)

    def insist(self, device: Device, *payloads: bytes, condition: Callable[[], object]) -> None:
        """Publish again and again until something is so, as a device does until it has its receipts."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "it did not come about"
            self.send(device, *payloads)
            wait_until = time.monotonic() + RESEND_S
            while not condition() and time.monotonic() < wait_until:
                time.sleep(0.01)

    # --- what became of it --------------------------------------------------------------------------------------------

    def held(self, device: Device) -> set[tuple[str, int, int]]:
        """Return the places that receipts say are held: stream, boot, sequence."""
        return {
            (held.stream, held.boot, sequence)
            for receipt in list(self.receipts)
            if receipt.device_id == device.device_id
            for held in receipt.held
            for sequence in range(held.first, held.last + 1)
        }

    def refused(self, device: Device) -> dict[bytes, str]:
        """Return what receipts refuse: code by payload hash."""
        return {
            it.payload_hash: it.reason
            for receipt in list(self.receipts)
            if receipt.device_id == device.device_id
            for it in receipt.refused
        }

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return what the database answers."""
        return list(self.connection.execute(query.encode(), parameters))

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self.rows(f"SELECT count(*) AS count FROM {table}")[0]["count"])  # noqa: S608 - a test's own names

    def waiting(self) -> list[int]:
        """Return the messages that wait for their index in the log."""
        rows = self.rows("SELECT generate_series(first_ingest_id, last_ingest_id) AS ingest_id FROM log_waiting")
        return sorted(row["ingest_id"] for row in rows)

    def reconnect(self) -> None:
        """Connect to the database again, which was away."""
        self.connection.close()
        self.connection = connect(self.settings.database, application="test")

    # --- the process --------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[threading.Thread]:
        """Run ingest on a thread."""
        stop = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                worker.run(self.settings, stop=stop)
            except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield thread
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        assert failures == []

    def process(self, *, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start ingest as the process that it is, to be killed by the caller or by a fail point."""
        with (self.settings_file.parent / "ingest.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "wayproof", "ingest", "--settings", str(self.settings_file)],
                env={**os.environ, "WAYPROOF_FAILPOINT": failpoint},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@contextmanager
def ingest_world(
    postgres: RunningCluster, broker: RunningBroker, folder: Path, *, name: str = "", log_is_registered: bool = True
) -> Iterator[IngestWorld]:
    """Make a fresh world on a database server and a broker."""
    dsn = postgres.new_database()
    key = write_receipt_key(folder)
    settings_file = folder / "settings.toml"
    client_id = f"ingest-{name or dsn.rpartition('/')[2]}"
    told = settings_text(dsn, f'kind = "amqtt"\nhost = "127.0.0.1"\nport = {broker.port}', client_id=client_id)
    settings_file.write_text(told, "utf-8")
    with connect(settings.load(settings_file).database, application="test") as connection:
        schema.apply(connection)
        if log_is_registered:
            register_log(connection)
        publisher = paho.Client(CallbackAPIVersion.VERSION2)
        publisher.max_queued_messages_set(0)
        world = IngestWorld(settings_file, connection, publisher, key)
        _open_session(world.settings.require_ingest().client_id, broker.port)
        with _connected(world, broker.port):
            yield world
        world.connection.close()


def register_device(
    connection: Connection, device: Device, *, home_log: str = LOG_ID, organisation: str = "", signs: bool = True
) -> None:
    """Register a device as the projection would."""
    connection.execute(
        "INSERT INTO device (device_id, organisation, home_log, model, status, head)"
        " VALUES (%s, %s, %s, 'logger', 'active', '{}')",
        [device.device_id, organisation or device.organisation, home_log],
    )
    add_key(connection, device, ordinal=0, signs=signs)


def add_key(connection: Connection, device: Device, *, ordinal: int, signs: bool = True) -> None:
    """Give a device a key; the one before has ended."""
    key = (device.key.key_id, device.algorithm, device.spki) if signs else (None, "none", None)
    connection.execute(
        "UPDATE device_key SET ended_block = 7 WHERE device_id = %s AND ended_block IS NULL", [device.device_id]
    )
    connection.execute("INSERT INTO device_key VALUES (%s, %s, %s, %s, %s, 0)", [device.device_id, ordinal, *key])


def write_receipt_key(folder: Path) -> PublicKey:
    """Write the key that receipts are signed with, as `settings_text` names it; return its public half."""
    key = published_key("receipts")
    (folder / "receipt.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return PublicKey.from_spki(public_spki(key))


def _open_session(client_id: str, port: int) -> None:
    """Leave a session at the broker, as if ingest had been there before: what is published meanwhile waits for it."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.on_connect = lambda it, *_: it.subscribe(f"wayproof/v1/{ORGANISATION}/+/messages", qos=1)
    client.on_subscribe = lambda it, *_: it.disconnect()
    client.connect("127.0.0.1", port)
    client.loop_forever()


def register_log(connection: Connection, *, epoch: int = 1) -> None:
    """Register the log as the anchor's side would."""
    connection.execute("INSERT INTO log_epoch (epoch, log_id) VALUES (%s, %s)", [epoch, LOG_ID])


@contextmanager
def _connected(world: IngestWorld, port: int) -> Iterator[None]:
    subscribed = threading.Event()

    def take(_: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        receipt = decode_receipt(bytes(message.payload))
        assert isinstance(receipt, Receipt), receipt
        assert not isinstance(verify_receipt(receipt, key=world.receipt_key), Rejection)
        world.receipts.append(receipt)

    world.publisher.on_message = take
    world.publisher.on_connect = lambda client, *_: client.subscribe(f"wayproof/v1/{ORGANISATION}/+/receipts", qos=1)
    world.publisher.on_subscribe = lambda *_: subscribed.set()
    world.publisher.reconnect_delay_set(1, 1)
    world.publisher.connect_async("127.0.0.1", port)
    world.publisher.loop_start()
    try:
        assert subscribed.wait(PATIENCE_S)
        yield
    finally:
        world.publisher.disconnect()
        world.publisher.loop_stop()


def settings_text(dsn: str, broker: str, *, client_id: str) -> str:
    """Return a settings file for ingest; `broker` is the inside of `[broker]`."""
    return f"""
organisation = "{ORGANISATION}"
[database]
dsn = "{dsn}"
[ledger]
kind = "embedded"
endpoint = "127.0.0.1:1"
tls_ca = "unused.pem"
channel = "unused"
contract = "unused"
users = "unused"
[broker]
{broker}
[log]
log_id = "{LOG_ID}"
origin = "shipper.example/log"
checkpoint_key = "unused.pem"
receipt_key = "receipt.pem"
[ingest]
client_id = "{client_id}"
"""
