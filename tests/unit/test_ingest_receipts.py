"""Receipts: which ranges they name, and that a device can check them."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_device import Device, published_key
from wayproof.ingest.receipts import MOST_LINES, ReceiptKey, Told, ranges, receipts
from wayproof.settings import SettingsError
from wayproof_verifier.telemetry import Held, Message, Receipt, Refused, decode, decode_receipt, verify_receipt
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

BLANK = Receipt("shipper-log", 1, "device-1", 5, 6, ())


def messages(device: Device, payloads: Iterable[bytes]) -> list[Message]:
    decoded = [decode(payload, topic=device.topic) for payload in payloads]
    return [it for it in decoded if isinstance(it, Message)]


def sent(device: Device, count: int) -> list[Message]:
    return messages(device, [device.next() for _ in range(count)])


def test_neighbours_that_chain_are_one_range_whatever_order_they_came_in() -> None:
    held = sent(Device(), 5)
    assert ranges([held[3], held[0], held[4], held[2], held[1], held[2]]) == (
        Held("conditions", 1, 1, 5, held[4].message_hash),
    )


def test_a_gap_ends_a_range() -> None:
    held = sent(Device(), 5)
    assert ranges([*held[:2], *held[3:]]) == (
        Held("conditions", 1, 1, 2, held[1].message_hash),
        Held("conditions", 1, 4, 5, held[4].message_hash),
    )


def test_streams_and_boots_have_ranges_of_their_own() -> None:
    device = Device()
    before = sent(device, 2)
    device.restart()
    after = sent(device, 2)
    position = messages(device, [device.next(stream="position")])
    assert ranges(before + after + position) == (
        Held("conditions", 1, 1, 2, before[1].message_hash),
        Held("conditions", 2, 1, 2, after[1].message_hash),
        Held("position", 2, 1, 1, position[0].message_hash),
    )


def test_neighbours_that_do_not_chain_are_two_ranges() -> None:
    device = Device()
    (first,) = sent(device, 1)
    (stray,) = messages(device, [device.displaced(previous=bytes(31) + b"\x01")])
    assert [(it.first, it.last) for it in ranges([first, stray])] == [(1, 1), (2, 2)]


def test_each_variant_of_an_equivocation_has_a_range_that_names_its_hash() -> None:
    device = Device()
    held = sent(device, 2)
    (variant,) = messages(device, [device.equivocate({"humidity": "1"})])
    held += sent(device, 1)
    named = ranges([*held, variant])
    assert {it.last_hash for it in named} == {held[2].message_hash, variant.message_hash}
    assert {(it.first, it.last) for it in named} in ({(1, 3), (2, 2)}, {(1, 2), (2, 3)})


@given(st.lists(st.sampled_from(range(12))))
def test_ranges_name_exactly_what_is_held(chosen: list[int]) -> None:
    held = [ALL[place] for place in chosen]
    named = {(it.stream, it.boot, sequence) for it in ranges(held) for sequence in range(it.first, it.last + 1)}
    assert named == {(it.stream, it.boot, it.sequence) for it in held}
    by_place = {(it.stream, it.boot, it.sequence): it.message_hash for it in held}
    assert all(by_place[it.stream, it.boot, it.last] == it.last_hash for it in ranges(held))


ALL = sent(Device(), 12)


def test_unsigned_messages_are_named_by_no_receipt() -> None:
    device = Device()
    unsigned = messages(device, [b'[{"n":"a","t":1750000000,"v":1}]'])
    assert ranges(unsigned) == ()
    assert list(receipts(Told(held=[*unsigned]), blank=BLANK)) == []


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_device_can_check_what_it_is_told(algorithm: str) -> None:
    key = ReceiptKey.of(published_key("receipts", algorithm=algorithm))
    held, refused = sent(Device(), 3), [Refused(bytes(32), "bad_signature")] * 2
    (receipt,) = receipts(Told([*held], refused), blank=BLANK)
    read = decode_receipt(key.encode(receipt))
    assert isinstance(read, Receipt)
    assert verify_receipt(read, key=key.public) is None
    assert (read.held, read.refused) == (ranges(held), (Refused(bytes(32), "bad_signature"),))


def test_what_one_receipt_cannot_hold_is_said_in_several() -> None:
    device = Device(stream="s" * 32)
    longest = [Held("s" * 32, 2**53 - 1, 2**53 - 1, 2**53 - 1, bytes(32))] * MOST_LINES
    key = ReceiptKey.of(published_key("receipts"))
    full = Receipt("l" * 64, 1, "d" * 64, 5, 6, tuple(longest))
    assert len(key.encode(full)) <= MAX_PAYLOAD_BYTES
    apart = sent(device, 2 * 1500)[::2]
    refused = [Refused(number.to_bytes(32), "bad_signature") for number in range(1000)]
    said = list(receipts(Told([*apart], refused), blank=BLANK))
    assert [(len(it.held), len(it.refused)) for it in said] == [(1000, 0), (500, 500), (0, 500)]


def test_a_receipt_key_that_does_not_do_is_refused_with_its_file(tmp_path: Path) -> None:
    key = published_key("receipts")
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    curve = ec.generate_private_key(ec.SECP384R1())
    other = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in {"none": None, "empty": b"", "encrypted": encrypted, "other": other}.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SettingsError, match=name):
            ReceiptKey.read(path)
