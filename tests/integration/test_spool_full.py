"""A device whose disk is full: it records nothing more, takes the receipts that free it, and records again."""

from pathlib import Path

import pytest

from support.device_platform import OBSERVED_AT_MS, Platform, provisioned
from support.small_disk import MIB, on_small_disk, why_not
from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.pack import records
from wayproof.simulate.reserve import RESERVE

WHY_NOT = why_not()


def record_until_full(device: Device) -> str:
    for number in range(100_000):
        try:
            device.record(
                "conditions", measured=records({"temperature": 4.5}), observed_at_ms=OBSERVED_AT_MS + number * 60_000
            )
        except DeviceError as error:
            return error.code
    raise AssertionError("its disk did not become full")


def deliver(device: Device, platform: Platform) -> None:
    while waiting := device.spool.waiting(100):
        for number in waiting:
            message = device.spool.message(number)
            assert message is not None
            platform.receive(message.payload)
        device.take_receipt(platform.receipt())


@pytest.mark.skipif(WHY_NOT != "", reason=WHY_NOT or "it can")
def test_a_full_device_takes_receipts_begins_boots_and_records_again(tmp_path: Path) -> None:
    folder = tmp_path / "device"
    provisioned(folder).close()
    with on_small_disk(folder, room_bytes=6 * MIB) as disk:
        with Device.open(folder) as device:
            platform = Platform.of(device)
            assert record_until_full(device) == "device_spool_full"
            recorded = device.spool.tally().recorded
            assert recorded > 100
        disk.fill()  # others take what closing it gave back
        with Device.open(folder) as device:
            assert device.spool.tally().waiting == recorded
            deliver(device, platform)
            assert device.spool.tally().receipted == recorded
            disk.make_room()
        with Device.open(folder) as device:
            device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=OBSERVED_AT_MS)
            deliver(device, platform)
            assert (folder / RESERVE).exists()
            assert len(platform.held) == recorded + 1
