"""A device's process for the tests that kill it: it records for ever, and announces what it recorded, a line each.

    with recorders(directory, announcements) as start:
        pid = start()                          # a boot of the device; another one when this one is dead

All are forked from one process that has everything imported, so that a boot takes milliseconds.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device
from wayproof.simulate.pack import by_stream
from wayproof.simulate.walk import walk

OBSERVED_AT_MS = 1_750_000_000_000


def record_for_ever(directory: Path, announcements: int) -> None:
    """Record and publish until killed."""
    with Device.open(directory) as device, DeviceClient(device, reconnect_after_s=0.1) as _:
        for number, values in zip(itertools.count(), walk("recorder"), strict=False):
            for stream, measured in by_stream(values).items():
                message = device.record(stream, measured=measured, observed_at_ms=OBSERVED_AT_MS + number)
                line = f"{message.stream} {message.boot} {message.sequence} {message.message_hash.hex()}\n"
                os.write(announcements, line.encode())


@contextmanager
def recorders(directory: Path, announcements: Path) -> Iterator[Callable[[], int]]:
    """Yield what starts a process that records, and returns its id; the one before must be dead."""
    command = [sys.executable, "-m", "support.device_recorder", str(directory), str(announcements)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def start() -> int:
            stdin.write("start\n")
            stdin.flush()
            return int(stdout.readline())

        yield start
        stdin.close()


def _serve(directory: Path, announcements: int) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            record_for_ever(directory, announcements)
        print(pid, flush=True)  # noqa: T201 - the answer
        os.waitpid(pid, 0)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
