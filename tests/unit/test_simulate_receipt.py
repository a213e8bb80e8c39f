"""Receipts: which ones a device believes, what they free, and what it keeps of it."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from support.device_platform import OBSERVED_AT_MS, Platform, provisioned, receipt_for, signed
from wayproof.simulate.device import Device
from wayproof.simulate.pack import records
from wayproof.simulate.receipt import ReceiptRejection
from wayproof.simulate.spool import SpooledMessage, Taken
from wayproof_verifier.telemetry import Held, Refused

DEVICE_ID = "reefer-7"


def record(device: Device, *, count: int, stream: str = "conditions") -> list[SpooledMessage]:
    measured = records({"temperature": 4.5})
    return [device.record(stream, measured=measured, observed_at_ms=OBSERVED_AT_MS + number) for number in range(count)]


def held(messages: list[SpooledMessage]) -> Held:
    last = messages[-1]
    return Held(last.stream, last.boot, messages[0].sequence, last.sequence, last.message_hash)


def waiting(device: Device) -> list[tuple[str, int, int]]:
    messages = [device.spool.message(number) for number in device.spool.waiting(10_000)]
    return [(it.stream, it.boot, it.sequence) for it in messages if it is not None]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with provisioned(tmp_path / "device") as opened:
        yield opened


def test_a_receipt_frees_exactly_its_ranges(device: Device) -> None:
    conditions, positions = record(device, count=10), record(device, count=10, stream="position")
    receipt = receipt_for(DEVICE_ID, held=[held(conditions[2:5]), held(conditions[8:9]), held(positions[:7])])
    assert device.take_receipt(signed(receipt)) == Taken(11, 0, ())
    rest = [*conditions[:2], *conditions[5:8], conditions[9], *positions[7:]]
    assert waiting(device) == [(it.stream, it.boot, it.sequence) for it in rest]


def test_the_payload_goes_and_the_send_log_stays(device: Device) -> None:
    messages = record(device, count=3)
    device.take_receipt(signed(receipt_for(DEVICE_ID, held=[held(messages[:2])])))
    assert [device.spool.message(it.number) for it in messages] == [None, None, messages[2]]
    log = device.spool.send_log()
    assert [(it.boot, it.sequence, it.message_hash) for it in log] == [
        (it.boot, it.sequence, it.message_hash) for it in messages
    ]
    assert [it.receipted_at_ms is not None for it in log] == [True, True, False]


def test_ranges_of_earlier_boots_free_what_was_recorded_then(tmp_path: Path) -> None:
    directory = tmp_path / "device"
    with provisioned(directory) as device:
        first = record(device, count=4)
    with Device.open(directory) as device:
        second = record(device, count=4)
        assert device.take_receipt(signed(receipt_for(DEVICE_ID, held=[held(first)]))) == Taken(4, 0, ())
        assert waiting(device) == [("conditions", 2, it.sequence) for it in second]
        assert device.take_receipt(signed(receipt_for(DEVICE_ID, held=[held(first), held(second)]))) == Taken(4, 0, ())


@pytest.mark.parametrize(
    ("seed", "changes", "code"),
    [
        ("stranger", {}, "wrong_key"),
        ("receipts", {"device_id": "reefer-8"}, "other_device"),
        ("receipts", {"log_id": "carrier-log"}, "other_log"),
    ],
)
def test_a_receipt_that_is_not_ours_frees_nothing(
    device: Device, seed: str, changes: dict[str, str], code: str
) -> None:
    receipt = replace(receipt_for(DEVICE_ID, held=[held(record(device, count=3))]), **changes)  # type: ignore[arg-type] # both are strings
    taken = device.take_receipt(signed(receipt, seed=seed))
    assert isinstance(taken, ReceiptRejection)
    assert taken.code == code
    assert len(waiting(device)) == 3
    assert device.spool.receipts() == []


def test_a_receipt_changed_in_any_one_byte_frees_nothing(device: Device) -> None:
    good = signed(receipt_for(DEVICE_ID, held=[held(record(device, count=3))]))
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1
        assert isinstance(device.take_receipt(bytes(changed)), ReceiptRejection)
    assert len(waiting(device)) == 3


@pytest.mark.parametrize("data", [b"", b"{}", b"\xd2\x84", b"\xff" * 400_000])
def test_what_is_no_receipt_is_answered(device: Device, data: bytes) -> None:
    assert isinstance(device.take_receipt(data), ReceiptRejection)


def test_a_range_that_ends_in_another_hash_frees_nothing_of_it(device: Device) -> None:
    messages = record(device, count=6)
    wrong = replace(held(messages[:3]), last_hash=messages[3].message_hash)
    unknown = replace(held(messages), last=7)
    good = held(messages[4:5])
    taken = device.take_receipt(signed(receipt_for(DEVICE_ID, held=[wrong, unknown, good])))
    assert taken == Taken(1, 0, (wrong, unknown))
    assert [sequence for _, _, sequence in waiting(device)] == [1, 2, 3, 4, 6]


def test_a_receipt_again_changes_nothing_and_is_kept_once(device: Device) -> None:
    messages = record(device, count=3)
    receipt = signed(receipt_for(DEVICE_ID, held=[held(messages)]))
    device.take_receipt(receipt)
    log = device.spool.send_log()
    assert device.take_receipt(receipt) == Taken(0, 0, ())
    assert device.spool.send_log() == log
    assert device.spool.receipts() == [receipt]


def test_refused_messages_are_kept_with_their_reason_and_not_sent_again(device: Device) -> None:
    messages = record(device, count=3)
    refused = [Refused(sha256(messages[1].payload).digest(), "bad_signature"), Refused(bytes(32), "too_deep")]
    assert device.take_receipt(signed(receipt_for(DEVICE_ID, refused=refused))) == Taken(0, 1, ())
    assert [sequence for _, _, sequence in waiting(device)] == [1, 3]
    assert [it.refusal for it in device.spool.send_log()] == [None, "bad_signature", None]
    tally = device.spool.tally()
    assert (tally.recorded, tally.waiting, tally.refused, tally.receipted) == (3, 2, 1, 0)


def test_a_refusal_signed_by_a_stranger_refuses_nothing(device: Device) -> None:
    refused = [Refused(sha256(it.payload).digest(), "bad_signature") for it in record(device, count=3)]
    device.take_receipt(signed(receipt_for(DEVICE_ID, refused=refused), seed="stranger"))
    assert len(waiting(device)) == 3


def test_what_is_refused_and_held_later_is_receipted(device: Device) -> None:
    messages = record(device, count=2)
    refused = [Refused(sha256(messages[0].payload).digest(), "wrong_key")]
    device.take_receipt(signed(receipt_for(DEVICE_ID, refused=refused)))
    assert device.take_receipt(signed(receipt_for(DEVICE_ID, held=[held(messages)]))) == Taken(2, 0, ())
    assert device.spool.tally().receipted == 2


def test_receipts_are_kept_over_boots_as_the_verifier_reads_them(tmp_path: Path) -> None:
    directory = tmp_path / "device"
    kept: list[bytes] = []
    for boot in range(3):
        with provisioned(directory) if boot == 0 else Device.open(directory) as device:
            kept.append(signed(receipt_for(DEVICE_ID, held=[held(record(device, count=2))])))
            device.take_receipt(kept[-1])
            lines = device.receipts_file().splitlines()
    assert [b64decode(json.loads(line)["receipt"]) for line in lines] == kept


def test_a_platform_that_names_all_it_has_frees_thousands(device: Device) -> None:
    messages = record(device, count=1_000)
    platform = Platform.of(device)
    for message in messages:
        platform.receive(message.payload)
    assert device.take_receipt(platform.receipt()) == Taken(1_000, 0, ())
    assert device.spool.tally().waiting == 0
