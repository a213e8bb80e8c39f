"""F12: a thousand enrolled devices lose their broker at the same moment, and come back.

Each is on the ledger and has a certificate; each is connected, and subscribed to its receipts. The broker is killed and
starts again with nothing. Each device signs a message and connects again, with the pauses of the device client, until a
receipt names it: counted from when the broker is open again.
"""

import asyncio
import os
import random
import signal
import ssl
import time

from support.faults import Fault, Trial
from support.findings import Findings
from support.mqtt_bytes import connect, puback, publish, subscribe
from support.site import Site, attacked
from support.telemetry_device import Device
from wayproof.open_files import allow_open_files
from wayproof.simulate.resend import pause_s
from wayproof.tls import client_context
from wayproof_verifier.telemetry import Receipt, decode_receipt

SHORT, LONG = 30, 1_000
RECOVERED_WITHIN_S = 30.0
PATIENCE_S = 120.0
FIRST_S, LONGEST_S = 0.5, 30.0
"""Pauses of the device client."""
RESEND_SHORT_S, RESEND_LONG_S = 2.0, 10.0
"""The longer one is the device client's."""


class Reconnecting:
    """A device that stays connected, and sends its one message until a receipt names it."""

    def __init__(self, site: Site, device: Device, *, resend_s: float) -> None:
        self._device = device
        self._resend_s = resend_s
        self._port = site.devices_port
        self._context = client_context(site.own_certificate(device))
        self._receipts_topic = site.topic(device.device_id, kind="receipts")
        self.payload = b""
        self.is_receipted = asyncio.Event()
        self.is_subscribed = asyncio.Event()
        self.connections = self.failures = 0
        self._writer: asyncio.StreamWriter | None = None

    async def live(self) -> None:
        """Connect, again and again."""
        failures = 0
        while True:
            subscribed_before = self.connections
            try:
                await self._connected()
            except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
                self.failures += 1
            finally:
                self.is_subscribed.clear()
            failures = 0 if self.connections > subscribed_before else failures + 1
            await asyncio.sleep(pause_s(failures, first_s=FIRST_S, longest_s=LONGEST_S, draw=random.uniform))

    def send(self, payload: bytes) -> None:
        """Have a message to send from now on."""
        self.payload = payload
        self.is_receipted.clear()

    async def _connected(self) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="127.0.0.1", ssl_handshake_timeout=60
        )
        try:
            writer.write(connect(self._device.device_id, keep_alive_s=60))
            if (await reader.readexactly(4))[3]:
                raise ConnectionError("not let in")
            writer.write(subscribe(self._receipts_topic))
            await reader.readexactly(5)
            self.connections += 1
            self.is_subscribed.set()
            sending = asyncio.create_task(self._send(writer))
            try:
                await self._read(reader, writer)
            finally:
                sending.cancel()
        finally:
            writer.transport.abort()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while True:
            if self.payload and not self.is_receipted.is_set():
                writer.write(publish(self._device.topic, self.payload))
                try:
                    await asyncio.wait_for(self.is_receipted.wait(), self._resend_s)
                except TimeoutError:
                    continue
            await asyncio.sleep(0.1)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, size, shift = (await reader.readexactly(1))[0], 0, 0
            while True:
                (digit,) = await reader.readexactly(1)
                size |= (digit & 127) << shift
                shift += 7
                if digit < 128:
                    break
            body = await reader.readexactly(size)
            if first & 0xF0 == 0x30:
                end = 2 + int.from_bytes(body[:2])
                receipt = decode_receipt(body[end + 2 :])
                writer.write(puback(int.from_bytes(body[end : end + 2])))
                last = self._device.last[self._device.stream]
                if isinstance(receipt, Receipt) and any(it.first <= last.sequence <= it.last for it in receipt.held):
                    self.is_receipted.set()


async def run(trial: Trial) -> Findings:
    """Let them connect and send, kill the broker, and wait until all are receipted again."""
    findings = Findings()
    count = LONG if trial.is_long else SHORT
    allow_open_files(2 * count + 1_000)
    async with trial.world() as world, attacked(world) as site:
        del world
        devices = await site.register(
            [Device(f"f12-{number}", organisation=site.settings.organisation) for number in range(count)]
        )
        resend_s = RESEND_LONG_S if trial.is_long else RESEND_SHORT_S
        fleet = [Reconnecting(site, device, resend_s=resend_s) for device in devices]
        trial.say(f"{count} devices")
        living = [asyncio.create_task(it.live()) for it in fleet]
        try:
            began = time.monotonic()
            await receipted(site, devices, fleet)
            findings.figures["first_connected_s"] = round(time.monotonic() - began, 1)
            trial.say("the broker is killed")
            before = sum(it.failures for it in fleet)
            os.kill(site.process("broker").pid, signal.SIGKILL)
            await asyncio.sleep(0.5)
            await site.supervisor.wait_until_ready("broker")
            began = time.monotonic()
            await receipted(site, devices, fleet)
            took_s = round(time.monotonic() - began, 1)
            findings.figures |= {
                "devices": count,
                "recovered_s": took_s,
                "failed_connections": sum(it.failures for it in fleet) - before,
            }
        finally:
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
        findings.take(await site.settled())
    return findings


async def receipted(site: Site, devices: list[Device], fleet: list[Reconnecting]) -> None:
    """Let every device sign and send a message, and return when receipts name all of them."""
    for device, it in zip(devices, fleet, strict=True):
        it.send(site.sign(device))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(it.is_receipted.wait() for it in fleet))
    for device in devices:
        last = device.last[device.stream]
        site.held[device.device_id].add((device.stream, last.boot, last.sequence))


FAULTS = (
    Fault(
        "F12",
        "1,000 enrolled devices lose a broker that starts again with nothing, and come back at once",
        "all are receipted again, in less than 30 s",
        run,
    ),
)
