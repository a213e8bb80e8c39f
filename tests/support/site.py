"""A platform with Mosquitto as it is shipped, and devices in memory: what attacks are made on.

async with trial.world() as world, attacked(world) as site:
    device = await site.device("reefer-1")                     # on the ledger, with a certificate
    with site.line("reefer-1") as line:
        line.publish(site.messages("reefer-1", 10))            # noted: the audit knows what was sent
    found = await site.settled()
"""

import asyncio
import base64
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.fault_world import World
from support.mqtt_line import Line, line
from support.platform import SHIPPER, shipment
from support.telemetry_device import ONE_VALUE, Device, PrivateKey, public_spki
from wayproof import ledger as ledgers
from wayproof import settings as read_settings
from wayproof.enrolment import certificate as certificates
from wayproof.enrolment.authority import Authority, pem
from wayproof.enrolment.certificate import DeviceName, now_utc
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.proof import der
from wayproof.log.keys import read_receipt_key, spki
from wayproof.settings import Settings
from wayproof.store.audit import Audit, Sent, audit
from wayproof.store.connection import Connection, connect_patiently
from wayproof.store.enrolment import StoredCertificate, add_certificate
from wayproof.tls import TlsFiles, client_context
from wayproof.up.brokers import ENROLMENT
from wayproof.up.provision import Deployment
from wayproof.up.supervisor import Supervisor
from wayproof_verifier.telemetry import (
    PublicKey,
    Receipt,
    Rejection,
    decode_receipt,
    messages_topic,
    receipts_topic,
    verify_receipt,
)

AT_ONCE = 50
"""Transactions that are under way together."""
KNOWN_WITHIN_S = 60.0
SETTLED_WITHIN_S = 120.0

Place = tuple[str, int, int]
Key = tuple[str, str, int, int, bytes]


@dataclass
class Site:
    """What runs, which devices there are, and what they sent: `noted` by device, stream, boot, sequence and hash."""

    world: World
    deployment: Deployment
    supervisor: Supervisor
    settings: Settings
    connection: Connection
    receipt_key: PublicKey
    devices: dict[str, Device] = field(default_factory=dict)
    noted: set[Key] = field(default_factory=set)
    held: dict[str, set[Place]] = field(default_factory=lambda: defaultdict(set))
    refused: dict[str, dict[bytes, str]] = field(default_factory=lambda: defaultdict(dict))
    enrolled: dict[str, TlsFiles] = field(default_factory=dict)

    # --- devices ------------------------------------------------------------------------------------------------------

    async def device(self, device_id: str, *, algorithm: str = "EdDSA") -> Device:
        """Register a device, and return it once ingest knows it."""
        (device,) = await self.register([Device(device_id, organisation=SHIPPER, algorithm=algorithm)])
        return device

    async def register(self, devices: Iterable[Device]) -> list[Device]:
        """Register devices on the ledger, and return them once they are in our tables."""
        made = list(devices)
        async with ledgers.connect(self.settings.ledger, msp_id=SHIPPER, user="registrar") as (_, ledger):
            for start in range(0, len(made), AT_ONCE):
                await asyncio.gather(
                    *(ledger.submit("register_device", self.registration(it)) for it in made[start : start + AT_ONCE])
                )
        wanted = [it.device_id for it in made]
        await self.until(
            lambda: self.count("SELECT count(*) FROM device WHERE device_id = ANY (%s)", wanted) == len(wanted)
        )
        self.devices |= {it.device_id: it for it in made}
        return made

    def registration(self, device: Device) -> dict[str, Any]:
        """Return what the register is told of a device."""
        return {
            "device_id": device.device_id,
            "algorithm": device.algorithm,
            "public_key": base64.b64encode(device.spki).decode(),
            "home_log": self.settings.require_log().log_id,
            "model": "test",
        }

    async def submit(self, user: str, transaction: str, argument: dict[str, Any]) -> None:
        """Submit a transaction of ours to the ledger."""
        async with ledgers.connect(self.settings.ledger, msp_id=SHIPPER, user=user) as (_, ledger):
            await ledger.submit(transaction, argument)

    async def attach(self, device: Device, *, number: int, stream: str = "conditions") -> str:
        """Attach a device's stream to a new shipment, from where it is now; return its GSIN."""
        argument = shipment(number)
        anchor = {"log_id": self.settings.require_log().log_id, "epoch": 1, "counter": 0}
        await self.submit("operator", "create_shipment", argument)
        position = device.position(stream)
        await self.submit(
            "operator", "attach_device", {"gsin": argument["gsin"], "position": position, "anchor": anchor}
        )
        return str(argument["gsin"])

    # --- certificates -------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Folder:
        """Authorities and certificates."""
        return Folder.at(self.deployment.settings(SHIPPER).parent / ENROLMENT)

    def certificate(
        self,
        device_id: str,
        key: PrivateKey,
        *,
        by: Authority | None = None,
        organisation: str = SHIPPER,
        now: datetime | None = None,
        days: int = 1,
    ) -> TlsFiles:
        """Return the files of a certificate for a device, of our authority or another one."""
        authority = by or self.folder.authority()
        builder = certificates.device_certificate(
            DeviceName(organisation, device_id),
            public_key=public_spki(key),
            issuer=authority.certificate,
            now=now or now_utc(),
            days=days,
        )
        return self.files(pem(authority.sign(builder)), key)

    def files(self, certificate: bytes, key: PrivateKey) -> TlsFiles:
        """Write a certificate (PEM) and its key."""
        (self.deployment.directory / "issued").mkdir(exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self.deployment.directory / "issued"))
        (place / "certificate.pem").write_bytes(certificate)
        (place / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return TlsFiles(self.folder.service("ingest").authority, place / "certificate.pem", place / "key.pem")

    def own_certificate(self, device: Device) -> TlsFiles:
        """Return the files of a device's certificate, issued when first asked for: one key for TLS and for signing."""
        if device.device_id not in self.enrolled:
            files = self.enrolled[device.device_id] = self.certificate(device.device_id, device.private_key)
            issued = x509.load_pem_x509_certificate(files.certificate.read_bytes())
            stored = StoredCertificate(
                serial_number=certificates.serial_bytes(issued),
                device_id=device.device_id,
                key_id=device.key.key_id,
                certificate=der(issued),
                issued_at_ms=int(issued.not_valid_before_utc.timestamp()) * 1000,
                not_after_ms=int(issued.not_valid_after_utc.timestamp()) * 1000,
            )
            add_certificate(self.connection, stored)
        return self.enrolled[device.device_id]

    # --- what is sent -------------------------------------------------------------------------------------------------

    @property
    def devices_port(self) -> int:
        """Where devices publish."""
        return self.deployment.broker_port

    def line(self, device: Device, *, version: int = 4) -> AbstractContextManager[Line]:
        """Connect as a device does."""
        context = client_context(self.own_certificate(device))
        return line(self.devices_port, context, client_id=device.device_id, version=version)

    def insider(self) -> AbstractContextManager[Line]:
        """Connect as whoever may publish in every device's name: what a taken-over broker could do."""
        context = client_context(self.folder.service("replay"))
        return line(self.deployment.broker_services_port, context, client_id="insider")

    def listener(self) -> AbstractContextManager[Line]:
        """Connect as whoever may read every device's receipts."""
        context = client_context(self.folder.service("ingest"))
        return line(self.deployment.broker_services_port, context, client_id="listener")

    def sign(self, device: Device, values: Any = ONE_VALUE, *, stream: str = "") -> bytes:  # noqa: ANN401 - as the device takes it
        """Return a device's next message, noted as sent."""
        payload = device.next(values, stream=stream)
        self.note(device, stream or device.stream)
        return payload

    def note(self, device: Device, stream: str) -> None:
        """Note the last message of a stream as sent."""
        message = device.last[stream]
        self.noted.add((device.device_id, stream, message.boot, message.sequence, message.message_hash))

    def topic(self, device_id: str, *, kind: str = "messages") -> str:
        """Return a device's topic."""
        of = messages_topic if kind == "messages" else receipts_topic
        return of(SHIPPER, device_id=device_id)

    # --- what became of it --------------------------------------------------------------------------------------------

    def take_receipts(self, connected: Line) -> None:
        """Take the receipts that a connection received."""
        received, connected.received = connected.received, []
        for _, payload in received:
            receipt = decode_receipt(payload)
            assert isinstance(receipt, Receipt), receipt
            assert not isinstance(verify_receipt(receipt, key=self.receipt_key), Rejection)
            self.held[receipt.device_id] |= {
                (it.stream, it.boot, sequence) for it in receipt.held for sequence in range(it.first, it.last + 1)
            }
            self.refused[receipt.device_id] |= {it.payload_hash: it.reason for it in receipt.refused}

    def receipted(self, device_id: str) -> bool:
        """Tell whether receipts name everything that a device sent."""
        return {key[1:4] for key in self.noted if key[0] == device_id} <= self.held[device_id]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Return what the database answers."""
        return list(self.connection.execute(query.encode(), parameters))

    def count(self, query: str, *parameters: object) -> int:
        """Return the one number that the database answers."""
        (row,) = self.rows(query, *parameters)
        (number,) = row.values()
        return int(number)

    def audit(self) -> Audit:
        """Compare what was noted as sent with rows, leaves and anchors."""
        sent = [Sent(*key, key[1:4] in self.held[key[0]]) for key in sorted(self.noted)]
        return audit(self.connection, log_id=self.settings.require_log().log_id, sent=sent)

    async def settled(self, *, within_s: float = SETTLED_WITHIN_S) -> Audit:
        """Wait until everything that was sent is anchored; return the audit, the last one if it does not come to it."""
        deadline = time.monotonic() + within_s
        while True:
            found = await asyncio.to_thread(self.audit)
            if found.sent == found.anchored or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)

    async def evidence(self, gsin: str) -> dict[str, Any]:
        """Write a shipment's evidence, and return what the verifier reports of it: both are the programs themselves."""
        file = self.deployment.directory / f"{gsin}.wayproof"
        told = ("--settings", str(self.deployment.settings(SHIPPER)), "--output", str(file))
        await _run("-m", "wayproof", "evidence", gsin, *told)
        report = await _run(
            "-m", "wayproof_verifier.cli", str(file), "--trust-root", str(self.deployment.trust_root), "--json"
        )
        answer: dict[str, Any] = json.loads(report)
        return answer

    async def until(self, condition: Callable[[], object], *, within_s: float = KNOWN_WITHIN_S) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + within_s
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < deadline, "it did not come about"
            await asyncio.sleep(0.05)

    def is_heard(self) -> bool:
        """Tell whether ingest takes in what is published: it has a session at the broker from then on."""
        with self.insider() as insider:
            insider.publish([(self.topic("nobody"), b"is anybody there?")])
        return self.count("SELECT count(*) FROM rejection WHERE topic = %s", self.topic("nobody")) > 0

    # --- processes ----------------------------------------------------------------------------------------------------

    def process(self, name: str) -> psutil.Process:
        """Return a process that runs: `broker`, `ingest`, `api`."""
        pid = self.supervisor.pid(name if name in {"broker", "database", "ledger"} else f"{name}-{SHIPPER}")
        assert pid is not None, f"{name} is down"
        return psutil.Process(pid)

    def log(self, name: str) -> str:
        """Return what a process wrote."""
        file = name if name in {"broker", "database", "ledger"} else f"{name}-{SHIPPER}"
        return (self.deployment.directory / "logs" / f"{file}.log").read_text("utf-8", "replace")

    def lines(self, name: str, message: str) -> list[dict[str, Any]]:
        """Return the log lines of a process of ours with this message."""
        read = [json.loads(it) for it in self.log(name).splitlines() if it.startswith("{")]
        return [it for it in read if message in it.get("message", it.get("event", ""))]


@asynccontextmanager
async def attacked(world: World) -> AsyncIterator[Site]:
    """Yield a world's platform as a site, once ingest listens."""
    platform = world.platform
    told = read_settings.load(platform.deployment.settings(SHIPPER))
    key = PublicKey.from_spki(spki(read_receipt_key(told.require_log().receipt_key)))
    with connect_patiently(told.database, application="test", within_s=30) as connection:
        site = Site(world, platform.deployment, platform.supervisor, told, connection, key)
        await site.until(site.is_heard)
        yield site


async def _run(*arguments: str) -> bytes:
    """Run a program of ours, and return its standard output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert output or process.returncode == 0, errors.decode()
    return output
