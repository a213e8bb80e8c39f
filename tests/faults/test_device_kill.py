"""``kill -9`` of a device while it records, publishes and takes receipts: nothing lost, no number used twice.

20 kills by default; ``WAYPROOF_LONG=1`` for 200. The moment of kill n is drawn from ``WAYPROOF_KILL_SEED`` + n.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from support.broker import RunningBroker, running_broker
from support.device_platform import Place, Platform, assert_unbroken, by_place, provisioned, serving
from support.device_recorder import recorders
from wayproof.simulate.client import DeviceClient
from wayproof.simulate.device import Device

KILLS = 200 if os.environ.get("WAYPROOF_LONG") == "1" else 20
SEED = int(os.environ.get("WAYPROOF_KILL_SEED", "20261126"))
UNDER_LOAD, LONGEST_LOAD_S, LONGEST_BEGINNING_S = 0.7, 0.3, 0.03
START_TIMEOUT_S = 60.0
DELIVERED_WITHIN_S = 120.0


def announced(path: Path) -> dict[Place, set[bytes]]:
    """Read what a device's process said it had recorded; the kill may have cut the last line."""
    places: dict[Place, set[bytes]] = {}
    for line in path.read_text("ascii").rpartition("\n")[0].splitlines():
        stream, boot, sequence, message_hash = line.split()
        places.setdefault((stream, int(boot), int(sequence)), set()).add(bytes.fromhex(message_hash))
    return places


def run_until_killed(start: Callable[[], int], announcements: Path, *, draw: random.Random) -> None:
    """Let a boot of the device begin and kill it: as a rule under load, now and then while it begins."""
    size = announcements.stat().st_size
    pid = start()
    try:
        if draw.random() < UNDER_LOAD:
            deadline = time.monotonic() + START_TIMEOUT_S
            while announcements.stat().st_size == size:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(draw.uniform(0, LONGEST_LOAD_S))
        else:
            time.sleep(draw.uniform(0, LONGEST_BEGINNING_S))
    finally:
        os.kill(pid, signal.SIGKILL)


def deliver(directory: Path) -> dict[Place, set[bytes]]:
    """Let the device deliver what its spool holds, and return its send log."""
    with Device.open(directory) as device, DeviceClient(device, reconnect_after_s=0.1) as client:
        assert client.wait_until_receipted(DELIVERED_WITHIN_S)
        log = device.spool.send_log()
        assert all(sent.receipted_at_ms is not None for sent in log)
        assert len(by_place(log)) == len(log)
        return by_place(log)


def kill_again_and_again(directory: Path, announcements: Path, broker: RunningBroker) -> None:
    announcements.touch()
    with recorders(directory, announcements) as start:
        for kill in range(KILLS):
            draw = random.Random(SEED + kill)  # noqa: S311 - a moment to be repeated, not a secret
            run_until_killed(start, announcements, draw=draw)
            if kill % 10 == 3:  # and now and then the broker forgets everything, too
                broker.kill()
                broker.start()


def test_a_killed_device_loses_nothing_and_uses_no_number_twice(tmp_path: Path) -> None:
    directory, announcements = tmp_path / "device", tmp_path / "announced"
    with running_broker() as broker:
        with provisioned(directory, port=broker.port) as device:
            platform = Platform.of(device)
        with serving(platform, port=broker.port):
            kill_again_and_again(directory, announcements, broker)
            sent = deliver(directory)
    said = announced(announcements)
    assert len(said) > KILLS
    assert {place: sent.get(place) for place in said} == said
    assert platform.hashes() == sent
    for stream in ("conditions", "position"):
        assert_unbroken(platform.walk(stream))
