"""Everything over mutual TLS: devices enrolled through the API, Mosquitto killed and emptied, a device revoked."""

import asyncio
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.api_world import api_world, serving
from support.database import RunningCluster
from support.embedded_network import free_port
from support.journey import SHIPPER
from support.mosquitto import HOST, ORGANISATION, RunningMosquitto, needs_mosquitto, running_mosquitto, until
from support.world import World
from wayproof.enrolment import gate
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.gate import Gate
from wayproof.ingest import worker as ingest
from wayproof.settings import ApiSettings, EnrolmentSettings, IngestSettings, Settings
from wayproof.simulate import enrolling
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import records
from wayproof.tls import TlsFiles, client_context
from wayproof_verifier.telemetry import receipts_topic

pytestmark = [
    needs_mosquitto,
    pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning"),
]

WITHIN_S = 60.0
"""What a revocation has to end a live connection, from its block on."""
RECEIPTED_WITHIN_S = 150.0
"""Longer than a few doubled pauses of a device that sends again."""
EACH = 25


@dataclass(frozen=True, slots=True)
class Site:
    """The shipper's API with an authority, and the Mosquitto that trusts it."""

    world: World
    settings: Settings
    broker: RunningMosquitto

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.settings.require_api().port}"

    def stored(self, device_id: str) -> int:
        with self.world.connect(SHIPPER) as connection:
            rows = connection.execute(
                "SELECT count(*) AS rows, count(DISTINCT (boot, sequence)) AS places FROM message WHERE device_id = %s",
                [device_id],
            ).fetchall()
        assert rows[0]["rows"] == rows[0]["places"]
        return int(str(rows[0]["rows"]))


@pytest.fixture
async def site(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[Site]:
    (tmp_path / "broker").mkdir()
    with running_mosquitto(tmp_path / "broker") as broker:
        async with api_world(tmp_path, postgres=postgres) as made, AsyncExitStack() as stack:
            told = made[SHIPPER].settings.model_copy(
                update={
                    "api": ApiSettings(port=free_port()),
                    "broker": broker.settings(),
                    "ingest": IngestSettings(client_id="ingest-1"),
                    "enrolment": EnrolmentSettings(
                        directory=broker.folder.directory,
                        devices_host=HOST,
                        devices_port=broker.listeners.devices_port,
                        broker_pid=broker.pid_file,
                        check_every_s=0.5,
                    ),
                }
            )
            await stack.enter_async_context(serving(told))
            yield Site(made.world, told, broker)


@contextmanager
def running(site: Site) -> Iterator[None]:
    """Run ingest and the gate on threads."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run(process: Callable[..., None]) -> None:
        try:
            process(site.settings, stop=stop)
        except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
            failures.append(error)

    threads = [threading.Thread(target=run, args=(process,)) for process in (ingest.run, gate.run)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(WITHIN_S)
    assert failures == []


async def enrolled(site: Site, folder: Path) -> Device:
    """Return a device whose claim, key and certificate went through the API."""
    async with httpx.AsyncClient(base_url=site.api, timeout=WITHIN_S) as http:
        answer = await http.post("/api/v1/enrolment/claims", json={"device_id": folder.name, "model": "logger"})
    token = answer.json()["token"]
    return await asyncio.to_thread(lambda: enrolling.enrol(folder, api=site.api, token=token))


def record(device: Device, count: int) -> None:
    for number in range(count):
        at_ms = time.time_ns() // 1_000_000 + number
        device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=at_ms)


async def test_nothing_is_lost_by_an_emptied_broker_and_a_revoked_device_is_off_it_within_a_minute(
    site: Site, tmp_path: Path
) -> None:
    good, bad = [await enrolled(site, tmp_path / name) for name in ("good", "bad")]
    await site.world.projected(SHIPPER)
    with ExitStack() as stack:
        for device in (good, bad):
            stack.callback(device.close)
        stack.enter_context(running(site))
        await asyncio.to_thread(emptied_broker, site, good, bad)
        await revoked(site, good, bad)


def emptied_broker(site: Site, *devices: Device) -> None:
    """Kill the broker under load, take everything that it kept, start it again: what devices sent is there, once."""
    with ExitStack() as stack:
        clients = []
        for device in devices:
            record(device, EACH)
            client = DeviceClient(device, resend_after_s=2.0, reconnect_after_s=0.1, reconnect_at_most_s=0.5)
            clients.append(stack.enter_context(client))
        until(lambda: any(site.stored(device.identity.device_id) for device in devices))
        site.broker.kill()
        for device in devices:
            record(device, EACH)
        site.broker.forget()
        site.broker.start()
        assert all(client.wait_until_receipted(RECEIPTED_WITHIN_S) for client in clients)
    assert [site.stored(device.identity.device_id) for device in devices] == [2 * EACH] * len(devices)


async def revoked(site: Site, good: Device, bad: Device) -> None:
    """Revoke a device while it is connected: its connection ends, and no way leads back; the other one goes on."""
    files = bad.identity.tls(bad.directory)
    assert files is not None
    context, session = client_context(files), await asyncio.to_thread(connected_before, site, files)
    with site.broker.client(files) as live:
        await asyncio.to_thread(until, lambda: live.is_connected)
        await asyncio.to_thread(live.subscribe, receipts_topic(ORGANISATION, device_id="bad"))
        async with httpx.AsyncClient(base_url=site.api, timeout=WITHIN_S) as http:
            answer = await http.post("/api/v1/devices/bad/revocation", json={"reason": "stolen"})
        assert (answer.status_code, answer.json()["status"]) == (201, "revoked"), answer.text
        await asyncio.to_thread(until, lambda: not live.is_connected, within_s=WITHIN_S)
    with site.broker.client(files) as again:
        await asyncio.to_thread(until, lambda: again.is_refused)
    assert await asyncio.to_thread(is_refused, site, session[0], session[1])
    assert await asyncio.to_thread(is_refused, site, context, None)
    record(good, 1)
    with DeviceClient(good) as client:
        assert await asyncio.to_thread(client.wait_until_receipted, RECEIPTED_WITHIN_S)


CONNECT = bytes([0x10, 15, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 3]) + b"bad"


def connected_before(site: Site, files: TlsFiles) -> tuple[ssl.SSLContext, ssl.SSLSession]:
    """Connect once, and return what it takes to resume the TLS session."""
    context = client_context(files)
    with (
        socket.create_connection((HOST, site.broker.listeners.devices_port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as spoken,
    ):
        spoken.sendall(CONNECT)
        assert spoken.recv(4) == bytes([0x20, 2, 0, 0])
        assert spoken.session is not None
        return context, spoken.session


def is_refused(site: Site, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool:
    """Tell whether nobody answers a connection, made anew or resumed."""
    try:
        with (
            socket.create_connection((HOST, site.broker.listeners.devices_port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=HOST, session=session) as spoken,
        ):
            spoken.sendall(CONNECT)
            return spoken.recv(4) == b""
    except OSError:
        return True


# --- the gate alone --------------------------------------------------------------------------------------------------


def test_what_the_gate_could_not_do_it_does_the_next_time(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        files = broker.device("reefer-1")
        wanted = [broker.issued["reefer-1"]]
        kept = Gate(broker.folder, organisation=ORGANISATION, broker=broker.settings(), pid=broker.pid_file)
        broker.kill()
        kept.follow(wanted, now=now_utc())  # nobody is there to be told
        broker.start()
        kept.follow(wanted, now=now_utc())
        with broker.client(files) as client:
            until(lambda: client.is_refused)
        with broker.client(broker.device("reefer-2")) as client:
            until(lambda: client.is_connected)
        kept.follow([], now=now_utc())
        with broker.client(files) as client:
            until(lambda: client.is_connected)


def test_the_gate_signals_no_other_process(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker:
        broker.kill()
        with subprocess.Popen(["sleep", "60"]) as other:  # has the number that Mosquitto had
            try:
                broker.pid_file.write_text(str(other.pid))
                kept = Gate(broker.folder, organisation=ORGANISATION, broker=broker.settings(), pid=broker.pid_file)
                kept.follow([], now=now_utc())
                assert not kept.is_heeded
                assert other.poll() is None
            finally:
                other.kill()
