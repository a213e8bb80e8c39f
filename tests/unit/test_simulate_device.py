"""A device: its folder, its places in the streams, what it refuses to sign, and its spool for one process."""

import stat
from decimal import Decimal
from pathlib import Path

import pytest

from support.device_platform import (
    LOG_ID,
    OBSERVED_AT_MS,
    RECEIPT_SPKI,
    Platform,
    assert_unbroken,
    by_place,
    provisioned,
    walk,
)
from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.identity import Algorithm
from wayproof.simulate.pack import by_stream, records
from wayproof.simulate.spool import SpooledMessage
from wayproof_verifier.telemetry import Message, PublicKey, Reading, TextReading, decode, verify
from wayproof_verifier.telemetry.message import NO_MESSAGE

COLD = records({"temperature": 4.5})
STREAMS = ("conditions", "position")


def record(device: Device, *, stream: str = "conditions", at_ms: int = OBSERVED_AT_MS) -> SpooledMessage:
    return device.record(stream, measured=COLD, observed_at_ms=at_ms)


def read(device: Device, message: SpooledMessage) -> Message:
    decoded = decode(message.payload, topic=device.identity.messages_topic)
    assert isinstance(decoded, Message)
    return decoded


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_what_a_device_signs_verifies_under_its_public_key(tmp_path: Path, algorithm: Algorithm) -> None:
    with provisioned(tmp_path / "device", algorithm=algorithm) as device:
        message = read(device, record(device))
        key = PublicKey.from_spki(device.public_key)
        assert key.algorithm == algorithm
        assert verify(message, key=key) is None


def test_all_measurements_come_back_as_they_were_measured(tmp_path: Path) -> None:
    values = {
        "temperature": -18.5,
        "humidity": 61.25,
        "battery": 97,
        "shock": 0.1,
        "light": 0,
        "door": True,
    }
    with provisioned(tmp_path / "device") as device:
        message = device.record("conditions", measured=records(values), observed_at_ms=OBSERVED_AT_MS + 123)
        readings = read(device, message).readings
    units = {"temperature": "CEL", "humidity": "P1", "battery": "P1", "shock": "MSK", "light": "LUX"}
    numbers = {it.name: (Decimal(it.value).scaleb(-it.scale), it.unit) for it in readings if isinstance(it, Reading)}
    assert numbers == {name: (Decimal(str(values[name])), unit) for name, unit in units.items()}
    assert [(it.name, it.text) for it in readings if isinstance(it, TextReading)] == [("door", "true")]
    assert {it.observed_at_ms for it in readings} == {OBSERVED_AT_MS + 123}


def test_position_has_messages_of_its_own() -> None:
    streams = by_stream({"temperature": 4.5, "latitude": 40.64, "longitude": -73.78, "door": False})
    assert {stream: [it["n"] for it in measured] for stream, measured in streams.items()} == {
        "conditions": ["temperature", "door"],
        "position": ["latitude", "longitude"],
    }


def test_a_message_carries_readings_of_many_instants(tmp_path: Path) -> None:
    measured = [{"n": "temperature", "u": "Cel", "v": 4.5, "t": -60 * step} for step in range(100)]
    with provisioned(tmp_path / "device") as device:
        message = device.record("conditions", measured=measured, observed_at_ms=OBSERVED_AT_MS)
        readings = read(device, message).readings
    assert [it.observed_at_ms for it in readings] == [OBSERVED_AT_MS - 60_000 * step for step in range(100)]


def test_streams_are_numbered_and_chained_over_boots(tmp_path: Path) -> None:
    messages: list[Message] = []
    for boot in range(1, 4):
        with provisioned(tmp_path / "device") if boot == 1 else Device.open(tmp_path / "device") as device:
            messages += [
                read(device, record(device, stream=stream)) for _ in range(5) for stream in ("conditions", "position")
            ]
    for stream in ("conditions", "position"):
        ours = [message for message in messages if message.stream == stream]
        assert [(it.boot, it.sequence) for it in ours] == [
            (boot, number) for boot in (1, 2, 3) for number in range(1, 6)
        ]
        assert [it.after for it in ours if it.sequence == 1] == [None, (1, 5), (2, 5)]
        assert [it.previous for it in ours] == [NO_MESSAGE, *(it.message_hash for it in ours[:-1])]
        assert_unbroken(walk(ours))


def test_a_stream_that_begins_in_a_later_boot_has_no_message_before_it(tmp_path: Path) -> None:
    with provisioned(tmp_path / "device") as device:
        record(device)
    with Device.open(tmp_path / "device") as device:
        first = read(device, record(device, stream="position"))
    assert (first.boot, first.sequence, first.previous, first.after) == (2, 1, NO_MESSAGE, None)


def test_a_boot_without_a_message_leaves_no_break(tmp_path: Path) -> None:
    with provisioned(tmp_path / "device") as device:
        messages = [read(device, record(device))]
    for _ in range(3):
        Device.open(tmp_path / "device").close()
    with Device.open(tmp_path / "device") as device:
        messages.append(read(device, record(device)))
    assert (messages[1].boot, messages[1].after) == (5, (1, 1))
    assert_unbroken(walk(messages))


def test_the_position_is_the_last_message_of_the_stream(tmp_path: Path) -> None:
    with provisioned(tmp_path / "device") as device:
        before = device.position("conditions")
        last = [record(device) for _ in range(3)][-1]
        after = device.position("conditions")
    assert before == {"device_id": "reefer-7", "stream": "conditions", "boot": 0, "sequence": 0, "hash": "00" * 32}
    assert after == before | {"boot": 1, "sequence": 3, "hash": last.message_hash.hex()}
    with Device.open(tmp_path / "device") as device:
        assert device.position("conditions") == after


@pytest.mark.parametrize(
    ("stream", "measured"),
    [
        ("conditions", []),
        ("conditions", [{"n": "temperature", "u": "Cel", "v": float("nan")}]),
        ("conditions", [{"n": "temperature", "u": "Cel", "v": b"4.5"}]),
        ("conditions", [{"n": "temperature", "u": "furlong", "v": 4.5}]),
        ("conditions", [{"n": "temperature"}]),
        ("conditions", [{"n": "temperature", "v": 4.5}] * 1001),
        ("conditions", [{"n": "remark", "vs": "x" * 300_000}]),
        ("Conditions", COLD),
    ],
)
def test_what_no_platform_would_accept_is_not_signed(
    tmp_path: Path, stream: str, measured: list[dict[str, object]]
) -> None:
    with provisioned(tmp_path / "device") as device:
        before = record(device)
        with pytest.raises(DeviceError) as refusal:
            device.record(stream, measured=measured, observed_at_ms=OBSERVED_AT_MS)
        after = record(device)
        assert refusal.value.code == "device_reading"
        assert (before.sequence, after.sequence) == (1, 2)
        assert_unbroken(walk([read(device, before), read(device, after)]))


def test_thousands_of_messages_wait_through_a_restart(tmp_path: Path) -> None:
    with provisioned(tmp_path / "device") as device:
        for number in range(2_000):
            record(device, at_ms=OBSERVED_AT_MS + number)
    with Device.open(tmp_path / "device") as device:
        numbers = device.spool.waiting(5_000)
        assert numbers == list(range(1, 2_001))
        assert device.spool.waiting(10) == numbers[:10]
        platform = Platform.of(device)
        for number in numbers:
            message = device.spool.message(number)
            assert message is not None
            platform.receive(message.payload)
        assert platform.hashes() == by_place(device.spool.send_log())
        assert_unbroken(platform.walk("conditions"))


def test_a_second_process_is_told_that_the_device_is_in_use(tmp_path: Path) -> None:
    with provisioned(tmp_path / "device") as device:
        with pytest.raises(DeviceError) as refusal:
            Device.open(tmp_path / "device")
        assert refusal.value.code == "device_in_use"
        assert record(device).sequence == 1


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    provisioned(tmp_path / "device").close()
    assert stat.S_IMODE((tmp_path / "device" / "device.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "device").stat().st_mode) == 0o700


def test_the_description_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = 'logger "δ-7" \\ 😀\x7f'
    with Device.provision(
        tmp_path / "device",
        organisation="ShipperMSP",
        device_id="reefer-7",
        broker_host="broker.example",
        broker_port=8883,
        log_id=LOG_ID,
        receipt_keys=[RECEIPT_SPKI],
        model=model,
    ) as device:
        identity, public_key = device.identity, device.public_key
    with Device.open(tmp_path / "device") as device:
        assert (device.identity, device.public_key) == (identity, public_key)
        assert device.identity.receipt_keys == (RECEIPT_SPKI,)
        assert device.identity.model == model


def test_no_device_is_made_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(DeviceError) as refusal:
        provisioned(tmp_path)
    assert refusal.value.code == "device_exists"


@pytest.mark.parametrize("part", ["device.toml", "device.key", "spool.sqlite"])
def test_a_device_with_a_part_missing_does_not_begin_anew(tmp_path: Path, part: str) -> None:
    with provisioned(tmp_path / "device") as device:
        record(device)
    (tmp_path / "device" / part).unlink()
    with pytest.raises(DeviceError) as refusal:
        Device.open(tmp_path / "device")
    assert refusal.value.code == "device_incomplete"


@pytest.mark.parametrize(
    "damage", [("ES256", "EdDSA"), ("ShipperMSP", "Shipper MSP"), ("log_id", "id_log"), ("[", ""), ('"M', '"!')]
)
def test_an_unusable_description_is_refused(tmp_path: Path, damage: tuple[str, str]) -> None:
    provisioned(tmp_path / "device").close()
    description = tmp_path / "device" / "device.toml"
    text = description.read_text("utf-8")
    assert damage[0] in text
    description.write_text(text.replace(*damage), "utf-8")
    with pytest.raises(DeviceError) as refusal:
        Device.open(tmp_path / "device")
    assert refusal.value.code == "device_incomplete"


def test_a_damaged_spool_is_an_error_and_not_a_new_beginning(tmp_path: Path) -> None:
    provisioned(tmp_path / "device").close()
    (tmp_path / "device" / "spool.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DeviceError) as refusal:
        Device.open(tmp_path / "device")
    assert refusal.value.code == "device_spool"
