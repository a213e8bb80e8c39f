"""The whole platform as processes on this machine, under load from simulated devices: for tests that kill them."""

import asyncio
import base64
import csv
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.embedded_network import TEST_PORTS
from wayproof import ledger as ledgers
from wayproof import settings
from wayproof.enrolment import certificate as certificates
from wayproof.enrolment.authority import pem
from wayproof.enrolment.certificate import DeviceName, now_utc
from wayproof.enrolment.folder import Folder
from wayproof.log.keys import read_receipt_key, spki
from wayproof.simulate import identity as identities
from wayproof.simulate.device import Device
from wayproof.store.audit import Audit, Sent, audit
from wayproof.store.connection import connect_patiently
from wayproof.up import brokers, provision, services
from wayproof.up.provision import Deployment, Member
from wayproof.up.supervisor import Supervisor
from wayproof_contract.identifiers import check_digit

SHIPPER, CONSIGNEE = "ShipperMSP", "ConsigneeMSP"
MEMBERS = (Member(SHIPPER, "Shipper", keeps_log=True), Member(CONSIGNEE, "Consignee", keeps_log=False))
INTERVALS_S = {"anchor": 0.5, "monitor": 0.5}
DEVICES = 3
PORTS = len(MEMBERS) + 5
"""Those of a deployment with Mosquitto, and one at which ingest shows what it counts."""
GLNS = ("9506000134352", "9506000140445")
WARM_EVERY = 120
"""Readings between two changes of the measured temperature across the limit."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A deployment that runs, and the folders of its devices, each on a shipment of its own."""

    deployment: Deployment
    supervisor: Supervisor
    devices: Sequence[Path]

    @property
    def failpoints(self) -> Path:
        """The folder in which a file arms the fail point of its name."""
        return self.deployment.directory / "failpoints"

    def send_logs(self) -> list[Sent]:
        """Return the devices' own send logs; no other process may have their spools open."""
        lines = []
        for folder in self.devices:
            with Device.open(folder) as device:
                lines += [
                    Sent(
                        device.identity.device_id,
                        line.stream,
                        line.boot,
                        line.sequence,
                        line.message_hash,
                        line.receipted_at_ms is not None,
                        line.refusal is not None,
                    )
                    for line in device.spool.send_log()
                ]
        return lines

    def audit(self) -> Audit:
        """Compare the send logs with rows, leaves and anchors."""
        read = settings.load(self.deployment.settings(SHIPPER))
        with connect_patiently(read.database, application="audit", within_s=30) as connection:
            return audit(connection, log_id=read.require_log().log_id, sent=self.send_logs())

    async def settled(self, *, within_s: float) -> Audit:
        """Wait until every message is anchored, and return the audit; the last one when it does not come to that."""
        deadline = time.monotonic() + within_s
        while True:
            found = await asyncio.to_thread(self.audit)
            if found.sent == found.anchored or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


@asynccontextmanager
async def running_platform(
    directory: Path, *, resume: bool = False, broker: brokers.Kind = "amqtt", pages: bool = False
) -> AsyncIterator[Platform]:
    """Make a deployment (or go on with one), run it, and yield it with its devices registered and attached."""
    if resume:
        deployment = provision.read(directory / "deployment")
    else:
        deployment = provision.initialise(
            directory / "deployment",
            members=MEMBERS,
            first_port=free_ports(PORTS),
            broker=broker,
            intervals_s=INTERVALS_S,
        )
        _tell_more(deployment)
    async with services.running(deployment, say=lambda _: None, pages=pages) as supervisor:
        folders = [directory / "devices" / f"device-{number}" for number in range(DEVICES)]
        if not resume:
            await _equip(deployment, folders)
        yield Platform(deployment, supervisor, folders)


def _tell_more(deployment: Deployment) -> None:
    """Let the shipper's processes watch for armed fail points, and ingest show what it counts."""
    folder = deployment.directory / "failpoints"
    folder.mkdir()
    path = deployment.settings(SHIPPER)
    metrics_port = deployment.first_port + PORTS - 1
    path.write_text(
        f"failpoints = {json.dumps(str(folder))}\n{path.read_text()}\n[metrics.ports]\ningest = {metrics_port}\n"
    )


async def _equip(deployment: Deployment, folders: Sequence[Path]) -> None:
    """Provision and register devices, and attach each to a shipment of its own."""
    read = settings.load(deployment.settings(SHIPPER))
    receipt_key = spki(read_receipt_key(read.require_log().receipt_key))
    for number, folder in enumerate(folders):
        with Device.provision(
            folder,
            organisation=SHIPPER,
            device_id=folder.name,
            broker_host="127.0.0.1",
            broker_port=deployment.broker_port,
            log_id=read.require_log().log_id,
            receipt_keys=[receipt_key],
        ) as device:
            public_key = base64.b64encode(device.public_key).decode()
            position = device.position("conditions")
            if deployment.broker_kind == "mosquitto":
                _certify(deployment, device)
        registered = {
            "device_id": folder.name,
            "algorithm": "ES256",
            "public_key": public_key,
            "home_log": read.require_log().log_id,
            "model": "test",
        }
        async with ledgers.connect(read.ledger, msp_id=SHIPPER, user="registrar") as (_, ledger):
            await ledger.submit("register_device", registered)
        async with ledgers.connect(read.ledger, msp_id=SHIPPER, user="operator") as (_, ledger):
            made = shipment(number)
            await ledger.submit("create_shipment", made)
            anchor = {"log_id": read.require_log().log_id, "epoch": 1, "counter": 0}
            await ledger.submit("attach_device", {"gsin": made["gsin"], "position": position, "anchor": anchor})


def _certify(deployment: Deployment, device: Device) -> None:
    """Give a device a certificate, as enrolment does, and let it speak TLS from its next opening on."""
    folder = Folder.at(deployment.settings(SHIPPER).parent / brokers.ENROLMENT)
    authority = folder.authority()
    builder = certificates.device_certificate(
        DeviceName(SHIPPER, device.identity.device_id),
        public_key=device.public_key,
        issuer=authority.certificate,
        now=now_utc(),
        days=90,
    )
    (device.directory / identities.CERTIFICATE).write_bytes(pem(authority.sign(builder)))
    (device.directory / identities.BROKER_CA).write_bytes(folder.broker_authority())
    (device.directory / identities.DESCRIPTION).unlink()
    identities.describe(device.directory, device.identity.model_copy(update={"broker_tls": True}))


def shipment(number: int) -> dict[str, object]:
    """Return what the ledger is told of a new shipment."""
    gsin, sscc = f"95060000{number + 1:08d}", f"0950600{number + 1:010d}"
    return {
        "gsin": f"{gsin}{check_digit(gsin)}",
        "parties": [
            {"role": "consignor", "msp_id": SHIPPER, "party_gln": GLNS[0]},
            {"role": "consignee", "msp_id": CONSIGNEE, "party_gln": GLNS[1]},
        ],
        "lane": {"origin_gln": GLNS[0], "destination_gln": GLNS[1], "mode": "road"},
        "due_at_ms": (int(time.time()) + 86_400) * 1000,
        "limits": [{"name": "temperature", "unit": "CEL", "scale": 1, "low": 20, "high": 80}],
        "units": [{"sscc": f"{sscc}{check_digit(sscc)}", "contents": [], "assets": []}],
    }


def write_measurements(path: Path, *, start_s: int, count: int, seed: int) -> None:
    """Write a file for `wayproof simulate --csv`: a minute between readings, warm and cool by turns."""
    noise = random.Random(seed)  # noqa: S311 - a repeatable series
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "temperature", "humidity"])
        for number in range(count):
            warm = (number // WARM_EVERY) % 2
            rows.writerow([start_s + number * 60, f"{4.5 + 6 * warm + noise.uniform(-1, 1):.2f}", 60])


def free_ports(count: int) -> int:
    """Return the first of some ports in a row on which nobody listens."""
    while True:
        first = random.choice(TEST_PORTS)  # noqa: S311 - a port
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
