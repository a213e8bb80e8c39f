"""F11: clients that never come to the point: a thousand connections at Mosquitto's TLS listener, a thousand at the API.

Of those at Mosquitto half have sent the beginning of a TLS handshake, half have shaken hands and sent the beginning of
CONNECT; those at the API have sent the beginning of a request. Each sends one byte every ten seconds. Meanwhile a good
device publishes and a good client asks the API: how long that takes is measured before and during. The API ends a
connection after ten seconds, in the short form after two, with bytes more often; Mosquitto after its own time for
clients that never said CONNECT.
"""

import asyncio
import math
import selectors
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from support.deliveries import is_receipted
from support.faults import Fault, Trial
from support.findings import Findings
from support.platform import SHIPPER
from support.site import Site, attacked
from support.telemetry_device import Device
from wayproof.open_files import allow_open_files
from wayproof.settings import load
from wayproof.tls import client_context
from wayproof.up import services

SHORT, LONG = 40, 1_000
"""Slow connections, at the broker and at the API each."""
HTTP_WITHIN_SHORT_S, HTTP_WITHIN_S = 2.0, 10.0
"""The longer one is the API's own; the short form's API is told another one."""
SLACK_S = 5.0
"""On a busy machine; the API's own clock is exact."""
MQTT_WITHIN_S = 150.0
EVERY_SHORT_S, EVERY_S = 0.5, 10.0
ASKED_SHORT, ASKED_LONG = 10, 50
"""Times that the good clients ask, before and during."""
HASTY_API = Path(__file__).parents[1] / "support" / "hasty_api.py"
REQUEST = b"GET /api/v1/organisation HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
CONNECT = b"\x10"


@dataclass
class Slow:
    """Connections that say a byte now and then, and when each ended."""

    sockets: list[socket.socket]
    began_s: float
    every_s: float
    ended_s: list[float] = field(default_factory=list)

    def wait(self, *, within_s: float) -> None:
        """Say a byte on each now and then, and note the ends, until all have ended or the time is over."""
        left = set(self.sockets)
        said_s = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for it in left:
                selector.register(it, selectors.EVENT_READ)
            while left and time.monotonic() - self.began_s < within_s:
                for key, _ in selector.select(0.2):
                    ended = key.fileobj
                    assert isinstance(ended, socket.socket)
                    if not _says_something(ended):
                        selector.unregister(ended)
                        left.discard(ended)
                        self.ended_s.append(time.monotonic() - self.began_s)
                if time.monotonic() - said_s >= self.every_s:
                    said_s = time.monotonic()
                    for it in left:
                        _say(it)


def _says_something(it: socket.socket) -> bool:
    """Tell whether a connection is still there; what it says is of no interest."""
    try:
        return bool(it.recv(1 << 12))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def _say(it: socket.socket) -> None:
    try:
        it.send(b"\x00" if isinstance(it, ssl.SSLSocket) else b"a")
    except OSError:
        return


@contextmanager
def slow(
    port: int, count: int, begun: Callable[[int, socket.socket], socket.socket], *, every_s: float
) -> Iterator[Slow]:
    """Open connections and begin to say something on each."""
    with ExitStack() as stack:
        sockets = []
        began_s = time.monotonic()
        for number in range(count):
            opened = begun(number, socket.create_connection(("127.0.0.1", port), timeout=20))
            opened.settimeout(0)
            sockets.append(stack.enter_context(opened))
        yield Slow(sockets, began_s, every_s)


async def run(trial: Trial) -> Findings:
    """Measure good clients, let the slow ones come, measure again, and wait until those are ended."""
    findings = Findings()
    count = LONG if trial.is_long else SHORT
    asked = ASKED_LONG if trial.is_long else ASKED_SHORT
    allow_open_files(4 * count + 1_000)
    async with trial.world() as world, attacked(world) as site:
        good = await site.device("f11-good")
        patient = await site.device("f11-slow")
        within_s, every_s = (HTTP_WITHIN_S, EVERY_S) if trial.is_long else (HTTP_WITHIN_SHORT_S, EVERY_SHORT_S)
        api = await with_api(site, within_s=within_s)
        context = client_context(site.own_certificate(patient))
        hello = client_hello(context)
        del world

        def mqtt(number: int, plain: socket.socket) -> socket.socket:
            if number % 2:
                plain.sendall(hello[:20])
                return plain
            spoken = context.wrap_socket(plain, server_hostname="127.0.0.1")
            spoken.sendall(CONNECT)
            return spoken

        def http(_: int, plain: socket.socket) -> socket.socket:
            plain.sendall(REQUEST)
            return plain

        await asyncio.to_thread(measure, site, good, api, "before", findings, asked=asked)
        trial.say(f"{count} slow connections at each")
        with (
            slow(site.devices_port, count, mqtt, every_s=every_s) as at_broker,
            slow(api, count, http, every_s=every_s) as at_api,
        ):
            at_api.began_s = time.monotonic()
            waiting = asyncio.create_task(asyncio.to_thread(at_api.wait, within_s=within_s + SLACK_S))
            await asyncio.to_thread(measure, site, good, api, "during", findings, asked=asked)
            await waiting
            findings.require(len(at_api.ended_s) == count, f"the API ended {len(at_api.ended_s)} of {count}")
            findings.figures["api_ended_s"] = round(max(at_api.ended_s, default=0.0), 1)
            if trial.is_long:
                trial.say("waiting until Mosquitto ends them")
                await asyncio.to_thread(at_broker.wait, within_s=MQTT_WITHIN_S)
                findings.require(len(at_broker.ended_s) == count, f"Mosquitto ended {len(at_broker.ended_s)}")
                findings.figures["mosquitto_ended_s"] = round(max(at_broker.ended_s, default=0.0), 1)
        findings.take(await site.settled())
    findings.figures["slow_connections"] = 2 * count
    return findings


async def with_api(site: Site, *, within_s: float) -> int:
    """Return the API's port, having started it, with a deadline for requests, where it does not run."""
    (member,) = [it for it in site.deployment.members if it.msp_id == SHIPPER]
    api = services.worker("api", site.deployment, member)
    if api.name not in site.supervisor.names:
        command = (sys.executable, str(HASTY_API), str(within_s), *api.command[3:])
        await site.supervisor.start(replace(api, command=command))
    return load(site.deployment.settings(SHIPPER)).require_api().port


def client_hello(context: ssl.SSLContext) -> bytes:
    """Return what a client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1").do_handshake()
    return outgoing.read()


def measure(site: Site, good: Device, api: int, when: str, findings: Findings, *, asked: int) -> None:
    """Note how long good clients wait: for an acknowledgement, for a new connection, for an answer of the API."""
    acknowledged: list[float] = []
    connected: list[float] = []
    with site.line(good) as own:
        own.subscribe(site.topic(good.device_id, kind="receipts"))
        for _ in range(asked):
            payload = site.sign(good)
            acknowledged.append(timed(lambda payload=payload: own.publish([(good.topic, payload)])))  # type: ignore[misc]
        assert is_receipted(site, good, own)
    for _ in range(asked // 5):
        with ExitStack() as stack:
            connected.append(timed(lambda stack=stack: stack.enter_context(site.line(good))))  # type: ignore[misc]
    with httpx.Client(base_url=f"http://127.0.0.1:{api}") as client:
        answered = [timed(lambda: client.get("/api/v1/organisation").raise_for_status()) for _ in range(asked)]
    for what, times in (("acknowledged", acknowledged), ("connected", connected), ("answered", answered)):
        findings.figures[f"{what}_p99_ms_{when}"] = round(p99(times) * 1000, 1)


def timed(call: Callable[[], object]) -> float:
    """Return how many seconds something took."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def p99(times: Sequence[float]) -> float:
    """Return what 99 of 100 did not exceed."""
    return sorted(times)[math.ceil(0.99 * len(times)) - 1]


FAULTS = (
    Fault(
        "F11",
        "2,000 connections that send a byte every 10 s, at Mosquitto's TLS listener and at the API",
        "good clients go on; the API ends them within 10 s, Mosquitto when it ends clients without CONNECT",
        run,
    ),
)
