"""`wayproof device gate`: what Mosquitto refuses is what the ledger's register has as revoked. Live connections end.

Every few seconds the register is read. When a device was revoked:

1. the list of revoked certificates and the access list are written, and Mosquitto reads them (SIGHUP): the device
   cannot connect again, not with a resumed TLS session either, and what it still sends is dropped;
2. we connect at the listener for our processes under the device's client id, so that Mosquitto closes its connection
   (MQTT 3.1.1 §3.1.4-2).

The order matters: closed first, the device would be back before the list is read. After a restart all revoked devices
are closed once more, which harms nobody.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from wayproof.enrolment import folder as folders
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.dropped import DroppedMessages
from wayproof.enrolment.folder import Folder
from wayproof.observability import metrics
from wayproof.observability.health import HEALTH
from wayproof.settings import BrokerSettings, Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.enrolment import StoredCertificate, revoked_certificates
from wayproof.store.errors import StoreUnavailable
from wayproof.tls import client_context

logger = logging.getLogger(__name__)

READ_WITHIN_S = 1.0
"""What Mosquitto is given to read the lists anew before connections are closed."""
CLOSED_WITHIN_S = 5.0
PROGRAM = "mosquitto"
RENEWED_EVERY = timedelta(days=1)

REGISTER, LISTS = "register", "lists"
"""Parts of the process: the register can be read; the broker's lists are written, and it was told so."""
DENIED = metrics.gauge("wayproof_gate_devices_denied", "Revoked devices on the lists that the broker was told to read.")
STILL_CONNECTED = metrics.gauge(
    "wayproof_gate_devices_waiting", "Revoked devices whose connection is not closed yet, or that are not listed yet."
)


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Keep the broker's lists until `stop` is set.

    Raises SettingsError, EnrolmentError where the authority's folder is incomplete, SchemaError. While the database or
    the broker is away, it tries again.
    """
    enrolment = settings.require_enrolment()
    folder = Folder.at(enrolment.directory, broker=enrolment.broker_files)
    gate = Gate(folder, organisation=settings.organisation, broker=settings.require_broker(), pid=enrolment.broker_pid)
    HEALTH.expect(REGISTER, LISTS)
    dropped = DroppedMessages(settings.require_broker(), files=folder.service("gate"))
    connection: Connection | None = None
    try:
        while not stop.is_set():
            HEALTH.beat()
            try:
                if connection is None:
                    connection = connect(settings.database, application="gate", role="gate")
                    schema.require_current(connection)
                now = now_utc()
                revoked = revoked_certificates(
                    connection, organisation=settings.organisation, now_ms=int(now.timestamp()) * 1000
                )
                HEALTH.works(REGISTER)
                gate.follow(revoked, now=now)
            except StoreUnavailable as error:
                HEALTH.fails(REGISTER, error.diagnostics())
                logger.warning("the database is away; nobody new is refused", extra={"reason": str(error)})
                if connection is not None:
                    connection.close()
                connection = None
            stop.wait(enrolment.check_every_s)
    finally:
        dropped.close()
        if connection is not None:
            connection.close()


class Gate:
    """What is written and who was closed. `pid` is Mosquitto's `pid_file`.

    `is_heeded` says whether Mosquitto was told to read what was written last.
    """

    def __init__(self, folder: Folder, *, organisation: str, broker: BrokerSettings, pid: Path) -> None:
        self._folder = folder
        self._authority = folder.authority()
        self._organisation = organisation
        self._broker = broker
        self._pid = pid
        self._written: frozenset[bytes] | None = None
        self._written_at = now_utc()
        self.is_heeded = False
        self._closed: set[str] = set()

    def follow(self, revoked: Sequence[StoredCertificate], *, now: datetime) -> None:
        """Make the broker refuse these certificates and the devices that have them; what fails is tried next time."""
        try:
            self._follow(revoked, now=now)
        except OSError as error:
            HEALTH.fails(LISTS, str(error))
            logger.error("the broker's lists cannot be written", extra={"reason": str(error)})  # noqa: TRY400 - a disk

    def _follow(self, revoked: Sequence[StoredCertificate], *, now: datetime) -> None:
        wanted = frozenset(it.serial_number for it in revoked)
        denied = sorted({it.device_id for it in revoked})
        STILL_CONNECTED.put(len({*denied} - self._closed))
        if wanted != self._written or now - self._written_at >= RENEWED_EVERY:
            folders.deny(
                self._folder,
                organisation=self._organisation,
                denied=denied,
                serial_numbers=[int.from_bytes(serial) for serial in wanted],
                by=self._authority,
                now=now,
            )
            self._written, self._written_at, self.is_heeded = wanted, now, False
        if not self.is_heeded:
            self.is_heeded = self._let_read()
        if self.is_heeded:
            HEALTH.works(LISTS)
            DENIED.put(len(denied))
            for device_id in denied:
                if device_id not in self._closed and self._close(device_id):
                    self._closed.add(device_id)
                    STILL_CONNECTED.put(len({*denied} - self._closed))
                    logger.info("a revoked device is refused", extra={"device_id": device_id})

    def _let_read(self) -> bool:
        try:
            os.kill(_mosquitto(self._pid), signal.SIGHUP)
        except (OSError, ValueError) as error:
            logger.warning("Mosquitto cannot be told to read its lists", extra={"reason": str(error)})
            HEALTH.fails(LISTS, f"Mosquitto cannot be told to read its lists: {error}")
            return False
        time.sleep(READ_WITHIN_S)
        return True

    def _close(self, device_id: str) -> bool:
        """Take a device's session over, and leave. Tell whether the broker let us."""
        answers: list[bool] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=device_id, clean_session=True)
        client.tls_set_context(client_context(self._folder.service("gate")))
        client.on_connect = lambda _, __, ___, reason, ____: answers.append(not reason.is_failure)
        deadline = time.monotonic() + CLOSED_WITHIN_S
        try:
            client.connect(self._broker.host, self._broker.port)
            while not answers and time.monotonic() < deadline:
                if client.loop(0.1) != paho.MQTT_ERR_SUCCESS:
                    break
        except OSError as error:
            logger.warning("the broker is away", extra={"reason": str(error)})
            return False
        finally:
            client.disconnect()
        return answers == [True]


def _mosquitto(pid_file: Path) -> int:
    """Return Mosquitto's process id.

    Raises OSError, and ValueError for a number that another process has by now or while Mosquitto would not catch
    SIGHUP: it listens, and has written its number, before it says what the signal means, and would be ended by it.
    """
    pid = int(pid_file.read_text("ascii"))
    process = Path(f"/proc/{pid}")
    if process.parent.exists():
        if (process / "comm").read_text("ascii").strip() != PROGRAM:
            raise ValueError(f"process {pid} is not {PROGRAM}")
        if not _catches(process / "status", signal.SIGHUP):
            raise ValueError(f"process {pid} is still starting")
    return pid


def _catches(status: Path, number: signal.Signals) -> bool:
    """Tell from a process's status whether it has a handler for a signal (proc(5): `SigCgt`, bit 0 is signal 1)."""
    caught = next(line for line in status.read_text("utf-8").splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> number - 1 & 1)
