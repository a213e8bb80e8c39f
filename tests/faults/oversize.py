"""F10: lengths that lie, at Mosquitto and at the embedded broker: raw bytes after the handshake.

A packet one byte over the limit, one that declares 256 MB and sends nothing, a remaining length of five bytes; before
CONNECT and after it. Each connection is to be closed, and the broker's memory to stay as it was.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import psutil

from support.broker import running_broker
from support.deliveries import deliver
from support.faults import Fault, Trial
from support.findings import Findings
from support.mqtt_bytes import Wire, connect, length, text
from support.site import attacked
from wayproof.broker.limits import Limits
from wayproof.enrolment.mosquitto import MOST_PACKET_BYTES
from wayproof.tls import client_context
from wayproof_verifier.telemetry import messages_topic

SHORT, LONG = 8, 200
"""Connections of each kind, open at the same time."""
CLOSED_WITHIN_S = 10.0
MOST_GROWTH_BYTES = 1 << 20
DECLARED_BYTES = 256_000_000 - 1
FIVE_BYTES = b"\x32" + b"\xff" * 4 + b"\x01"


@dataclass(frozen=True, slots=True)
class Attack:
    """Bytes that lie, before or after the broker let the client in."""

    name: str
    content: bytes
    is_connected: bool


def attacks(*, most_bytes: int) -> Iterator[Attack]:
    """Yield what is sent to a broker whose longest remaining length this is."""
    topic = text(messages_topic("ShipperMSP", device_id="f10-reefer")) + b"\x00\x01"
    over = b"\x32" + length(most_bytes + 1) + topic
    yield Attack("one byte over the limit", over, is_connected=True)
    yield Attack("256 MB declared", b"\x32" + length(DECLARED_BYTES) + topic, is_connected=True)
    yield Attack("a length of five bytes", FIVE_BYTES, is_connected=True)
    yield Attack("256 MB of CONNECT declared", b"\x10" + length(DECLARED_BYTES) + text("MQTT"), is_connected=False)
    yield Attack("a length of five bytes for CONNECT", b"\x10" + FIVE_BYTES[1:], is_connected=False)


async def run(trial: Trial) -> Findings:
    """Attack both brokers, then see that the platform goes on."""
    findings = Findings()
    count = LONG if trial.is_long else SHORT
    async with trial.world() as world, attacked(world) as site:
        device = await site.device("f10-reefer")
        context = client_context(site.own_certificate(device))
        mosquitto = site.process("broker")
        for attack in attacks(most_bytes=MOST_PACKET_BYTES - 1):
            # One certificate is one session: what comes after CONNECT comes from one client after the other.
            at_once = 1 if attack.is_connected else count
            target = Target("mosquitto", site.devices_port, context, mosquitto)
            await asyncio.to_thread(assault, attack, target, at_once, count, findings)
        await asyncio.to_thread(deliver, site, device, [site.sign(device) for _ in range(10)])
        findings.take(await site.settled())
    with running_broker() as embedded:
        target = Target("embedded", embedded.port, None, psutil.Process(embedded.pid))
        for attack in attacks(most_bytes=Limits().max_packet_bytes):
            await asyncio.to_thread(assault, attack, target, count, count, findings)
    return findings


@dataclass(frozen=True, slots=True)
class Target:
    """A broker: its name, its port, how TLS is spoken there, its process."""

    name: str
    port: int
    context: ssl.SSLContext | None
    process: psutil.Process


def assault(attack: Attack, target: Target, at_once: int, count: int, findings: Findings) -> None:
    """Make so many connections that lie, so many of them at once; each is to be closed, and memory to stay."""
    lie(attack, target, at_once)  # once beforehand: what a broker takes for its first connections is not the lie's
    before = target.process.memory_info().rss
    closed = sum(lie(attack, target, at_once) for _ in range(max(1, count // at_once)))
    grown = max(0, target.process.memory_info().rss - before)
    name = f"{target.name}, {attack.name}"
    wanted = max(1, count // at_once) * at_once
    findings.require(closed == wanted, f"{name}: {wanted - closed} connections stay open")
    findings.require(grown < MOST_GROWTH_BYTES, f"{name}: {grown:,} bytes more")
    key = f"{target.name}_most_growth_kib"
    findings.figures[key] = max(int(findings.figures.get(key, 0)), grown >> 10)
    findings.figures[f"{target.name}_closed"] = int(findings.figures.get(f"{target.name}_closed", 0)) + closed


def lie(attack: Attack, target: Target, at_once: int) -> int:
    """Open connections, send the bytes that lie, and return how many were closed."""
    with ExitStack() as stack:
        wires = []
        for number in range(at_once):
            opened = stack.enter_context(closing(Wire(target.port)))
            if target.context is not None:
                opened.socket = target.context.wrap_socket(opened.socket, server_hostname="127.0.0.1")
            if attack.is_connected:
                opened.send(connect(f"f10-{number}"))
                opened.receive()
            opened.send(attack.content)
            wires.append(opened)
        return sum(is_closed(it) for it in wires)


def is_closed(opened: Wire) -> bool:
    """Wait until the connection is closed; tell whether it came to that. A broker may say why before."""
    opened.socket.settimeout(CLOSED_WITHIN_S)
    try:
        while opened.socket.recv(1 << 12):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


FAULTS = (
    Fault(
        "F10",
        "packets over the limit, 256 MB declared, a length of five bytes, at both brokers",
        "closed, with less than 1 MiB more memory",
        run,
    ),
)
