"""``kill -9`` of a device while it records, publishes and takes receipts: nothing lost, no number used twice.

20 kills by default; ``WAYPROOF_LONG=1`` for 200. The moment of kill n is drawn from ``WAYPROOF_KILL_SEED`` + n.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from support import device_recorder
from support.broker import RunningBroker, running_broker
from support.device_platform import Place, Platform, assert_unbroken, by_place, provisioned, serving
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device

KILLS = 200 if os.environ.get("WAYPROOF_LONG") == "1" else 20
SEED = int(os.environ.get("WAYPROOF_KILL_SEED", "20261126"))
LONGEST_LOAD_S = 0.3
START_TIMEOUT_S = 60.0
DELIVERED_WITHIN_S = 120.0


def announced(path: Path) -> dict[Place, set[bytes]]:
    """Read what a device's process said it had recorded; the kill may have cut the last line."""
    places: dict[Place, set[bytes]] = {}
    text = path.read_text("ascii") if path.exists() else ""
    for line in text.rpartition("\n")[0].splitlines():
        stream, boot, sequence, message_hash = line.split()
        places.setdefault((stream, int(boot), int(sequence)), set()).add(bytes.fromhex(message_hash))
    return places


def run_until_killed(directory: Path, announcements: Path, *, draw: random.Random) -> None:
    """Start the device's process and kill it: as a rule under load, now and then while it begins."""
    size = announcements.stat().st_size if announcements.exists() else 0
    process = subprocess.Popen([sys.executable, device_recorder.__file__, directory, announcements])
    try:
        if draw.random() < 0.8:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not announcements.exists() or announcements.stat().st_size == size:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(draw.uniform(0, LONGEST_LOAD_S))
        else:
            time.sleep(draw.uniform(0, 2 * LONGEST_LOAD_S))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def deliver(directory: Path) -> dict[Place, set[bytes]]:
    """Let the device deliver what its spool holds, and return its send log."""
    with Device.open(directory) as device, DeviceClient(device, reconnect_after_s=0.1) as client:
        assert client.wait_until_receipted(DELIVERED_WITHIN_S)
        log = device.spool.send_log()
        assert all(sent.receipted_at_ms is not None for sent in log)
        assert len(by_place(log)) == len(log)
        return by_place(log)


def kill_again_and_again(directory: Path, broker: RunningBroker, platform: Platform) -> None:
    announcements = directory.with_suffix(".announced")
    for kill in range(KILLS):
        draw = random.Random(SEED + kill)  # noqa: S311 - a moment to be repeated, not a secret
        run_until_killed(directory, announcements, draw=draw)
        if kill % 7 == 3:  # and now and then the broker forgets everything, too
            broker.kill()
            broker.start()
    sent = deliver(directory)
    said = announced(announcements)
    assert len(said) > KILLS
    assert {place: sent.get(place) for place in said} == said
    assert platform.hashes() == sent
    for stream in ("conditions", "position"):
        assert_unbroken(platform.walk(stream))


def test_a_killed_device_loses_nothing_and_uses_no_number_twice(tmp_path: Path) -> None:
    with running_broker() as broker:
        with provisioned(tmp_path / "device", port=broker.port) as device:
            platform = Platform.of(device)
        with serving(platform, port=broker.port):
            kill_again_and_again(tmp_path / "device", broker, platform)
