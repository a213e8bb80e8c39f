"""A way to a port that loses packets: through a network namespace of its own. Needs root and iproute2.

with lossy(port) as way:
    connect(way.port)
    way.lose(0.3)            # seconds in which every packet is lost, and nobody is told

A client's bytes go into the namespace and out of it again over a pair of interfaces. While the far one is down, what is
sent is gone: TCP finds out by itself. (tc netem would lose single packets; not every kernel has it.)
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.embedded_network import free_port
from support.link import Link
from support.mosquitto import until

FORWARD = """
import sys, time
from support.link import Link
host, port, target_host, target_port = sys.argv[1:]
with Link(int(target_port), host=host, port=int(port), target_host=target_host):
    time.sleep(86_400)
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A port of 127.0.0.1, and the interface behind it."""

    port: int
    namespace: str
    interface: str

    def lose(self, seconds: float) -> None:
        """Lose every packet for a while."""
        within = ("ip", "netns", "exec", self.namespace, "ip", "link", "set", self.interface)
        _run(*within, "down")
        try:
            time.sleep(seconds)
        finally:
            _run(*within, "up")


def can_lose_packets() -> bool:
    """Tell whether this process may make namespaces."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    name = f"wayproof-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode == 0:
        _run("ip", "netns", "delete", name)
    return made.returncode == 0


@contextmanager
def lossy(port: int) -> Iterator[Way]:
    """Yield a way to a port of 127.0.0.1."""
    number = os.getpid() % 250
    name, near, far = f"wayproof-{os.getpid()}", f"wpn{number}", f"wpf{number}"
    near_address, far_address = f"10.213.{number}.1", f"10.213.{number}.2"
    within = ("ip", "netns", "exec", name)
    far_port = free_port()
    with ExitStack() as stack:
        _run("ip", "netns", "add", name)
        stack.callback(_run, "ip", "netns", "delete", name)  # its interface goes with it, and so does the other end
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _run("ip", "address", "add", f"{near_address}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run(*within, "ip", "address", "add", f"{far_address}/30", "dev", far)
        _run(*within, "ip", "link", "set", far, "up")
        out = stack.enter_context(Link(port, host=near_address))
        forwarder = subprocess.Popen(
            [*within, sys.executable, "-c", FORWARD, far_address, str(far_port), near_address, str(out.port)],
            cwd=Path(__file__).parents[1],
        )
        stack.callback(_end, forwarder)
        entry = stack.enter_context(Link(far_port, target_host=far_address))
        until(lambda: _listens(name, far_port))
        yield Way(entry.port, name, far)


def _listens(name: str, port: int) -> bool:
    listed = subprocess.run(["ip", "netns", "exec", name, "ss", "-ltn"], capture_output=True, check=True, text=True)
    return f":{port} " in listed.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
