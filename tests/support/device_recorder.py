"""A device's process for the tests that kill it: it records for ever, and announces what it recorded, a line each.

python device_recorder.py DEVICE_FOLDER ANNOUNCEMENTS
"""

import itertools
import os
import sys
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


if __name__ == "__main__":
    record_for_ever(Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
