"""The embedded MQTT broker for tests, as the process that it is.

with running_broker() as broker:
    client.connect("127.0.0.1", broker.port)
    broker.kill()
    broker.start()
"""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from aiofabric.network import ending_with_parent
from support.embedded_network import free_port

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0


@dataclass(slots=True)
class RunningBroker:
    """A broker process: how to stop, kill and start it, and what it takes of memory."""

    port: int
    log: Path
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; it must run."""
        if self.process is None:
            raise AssertionError("the broker does not run")
        return self.process.pid

    def start(self) -> None:
        """Start it and return when it listens. It ends with this process, however that ends."""
        command = [sys.executable, "-W", "error", "-m", "wayproof", "broker", "--port", str(self.port), *self.arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ending_with_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the broker did not start: {self.log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> int | None:
        """Stop it in order and return its exit status; None if it did not run."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def rss_bytes(self) -> int:
        """Memory that it has in use."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged since it was started first."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _end(self, how: signal.Signals) -> int | None:
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(how)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


@contextmanager
def running_broker(*, arguments: Sequence[str] = (), port: int | None = None) -> Iterator[RunningBroker]:
    """Run a broker on a free port, with more arguments."""
    with tempfile.TemporaryDirectory(prefix="broker-") as folder:
        broker = RunningBroker(port or free_port(), Path(folder) / "broker.log", arguments)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()
