"""Ingest against a real broker and a real database: what is kept, acknowledged and receipted."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from support.broker import RunningBroker, running_broker
from support.database import RunningCluster
from support.ingest_world import LOG_ID, IngestWorld, ingest_world, register_log, until
from support.telemetry_cases import ACCEPTED_PACKS, REFUSED_PACKS
from support.telemetry_device import Device
from support.telemetry_envelopes import PACK
from support.telemetry_inputs import HOSTILE
from wayproof.ingest.arrivals import Arrival, OverLong
from wayproof.ingest.group import assemble
from wayproof.ingest.refusal import Refused
from wayproof.store.rejections import count_rejections
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.telemetry import Message, RejectionCode, decode
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

REJECTIONS_BY_CODE = "SELECT code, count(*) AS kept FROM rejection GROUP BY code ORDER BY code"


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def world(postgres: RunningCluster, broker: RunningBroker, tmp_path: Path) -> Iterator[IngestWorld]:
    with ingest_world(postgres, broker, tmp_path) as made:
        yield made


def places(device: Device, last: int) -> set[tuple[str, int, int]]:
    return {(device.stream, device.boot, sequence) for sequence in range(1, last + 1)}


def decoded(payload: bytes) -> Message:
    message = decode(payload, topic=Device("reefer-7").topic)
    assert isinstance(message, Message)
    return message


def test_what_is_receipted_is_in_the_store_with_its_readings_and_waits_for_the_log(world: IngestWorld) -> None:
    device = Device("reefer-1")
    world.register(device)
    payload = device.next({"temperature": "-18.50", "humidity": "61", "door": True})
    with world.running():
        world.send(device, payload)
        until(lambda: world.held(device))
    (message,) = world.rows("SELECT * FROM message JOIN stream USING (stream_id)")
    assert (message["device_id"], message["name"], message["boot"], message["sequence"]) == (
        "reefer-1",
        "conditions",
        1,
        1,
    )
    assert message["payload"] == payload
    assert message["message_hash"] == device.last["conditions"].message_hash
    assert message["previous"] == bytes(32)
    assert message["entry"] == entry_hash(
        message["salt"], topic=message["topic"], payload=payload, received_at_ms=message["received_at_ms"]
    )
    readings = world.rows("SELECT * FROM reading JOIN quantity USING (quantity_id) ORDER BY ordinal")
    assert [(it["name"], it["unit"], it["kind"], it["value"], it["scale"], it["text"]) for it in readings] == [
        ("temperature", "CEL", "v", -185, 1, None),
        ("humidity", "P1", "v", 61, 0, None),
        ("door", "", "vb", None, None, "true"),
    ]
    assert world.waiting() == [message["ingest_id"]]
    (receipt,) = world.receipts
    assert (receipt.log_id, receipt.epoch) == (LOG_ID, 1)
    assert receipt.anchored_by_ms == receipt.issued_at_ms + 60_000
    (held,) = receipt.held
    assert (held.first, held.last, held.last_hash) == (1, 1, message["message_hash"])


def test_a_message_that_comes_again_is_kept_once_and_receipted_again(world: IngestWorld) -> None:
    device = Device("reefer-1")
    world.register(device)
    payloads = [device.next() for _ in range(5)]
    with world.running():
        world.send(device, *payloads)
        until(lambda: world.held(device) == places(device, 5))
        world.receipts.clear()
        world.send(device, *payloads, *payloads)
        until(lambda: world.held(device) == places(device, 5))
    assert world.count("message") == len(world.waiting()) == world.count("reading") == 5


def test_both_messages_at_one_place_are_kept_and_receipted(world: IngestWorld) -> None:
    device = Device("reefer-1")
    world.register(device)
    first = device.next()
    with world.running():
        world.send(device, first)
        until(lambda: world.held(device))
        world.send(device, device.equivocate({"humidity": "50"}))
        until(lambda: len({held.last_hash for receipt in world.receipts for held in receipt.held}) == 2)
    rows = world.rows("SELECT boot, sequence FROM message")
    assert [(row["boot"], row["sequence"]) for row in rows] == [(1, 1), (1, 1)]


def test_an_unsigned_device_is_taken_in_without_a_stream_and_without_a_receipt(world: IngestWorld) -> None:
    device, signing = Device("bare-1"), Device("reefer-1")
    world.register(device, signs=False)
    world.register(signing)
    with world.running():
        world.send(device, PACK, PACK)
        world.send(signing, signing.next())
        until(lambda: world.held(signing))
    rows = world.rows("SELECT name, boot, sequence, previous, message_hash FROM message JOIN stream USING (stream_id)")
    assert {"name": "", "boot": 0, "sequence": 0, "previous": None, "message_hash": sha256(PACK).digest()} in rows
    assert len(rows) == 2
    assert {receipt.device_id for receipt in world.receipts} == {"reefer-1"}


def test_bad_input_is_refused_with_its_code_and_its_neighbours_are_taken_in(world: IngestWorld) -> None:
    device = Device("reefer-7")
    world.register(device)
    bad = {payload: code for code, payload in HOSTILE.values() if len(payload) <= MAX_PAYLOAD_BYTES}
    bad |= {pack.encode(): code for code, pack in REFUSED_PACKS}
    with world.running():
        for payload in bad:
            world.send(device, payload, device.next())
        until(lambda: len(world.held(device)) == len(bad) and len(world.refused(device)) == len(bad))
    assert world.held(device) == places(device, len(bad))
    assert world.refused(device) == {sha256(payload).digest(): code for payload, code in bad.items()}
    rows = world.rows("SELECT payload, message_hash, rejection, stream_id FROM message WHERE rejection IS NOT NULL")
    assert {row["payload"]: row["rejection"] for row in rows} == bad
    assert len(rows) == len(bad)
    assert all(row["message_hash"] == sha256(row["payload"]).digest() and row["stream_id"] is None for row in rows)
    assert len(world.waiting()) == 2 * len(bad)
    assert world.count("rejection") == 0


def test_everything_that_decodes_can_be_stored(world: IngestWorld) -> None:
    device = Device("reefer-7")
    world.register(device)
    extreme = '[{"bt":1750000000,"n":"low","v":-9223372036854775807},{"n":"small","v":1e-15},{"n":"t","t":7e12,"v":1}]'
    packs = [*ACCEPTED_PACKS, extreme, '[{"n":"long","t":1750000000,"vs":"' + "é" * 100_000 + '"}]']
    with world.running():
        world.send(device, *[device.next(pack.encode()) for pack in packs])
        until(lambda: world.held(device) == places(device, len(packs)))
    assert world.count("reading") == sum(
        len(it.readings) for it in map(decoded, [row["payload"] for row in world.rows("SELECT payload FROM message")])
    )


def test_whoever_is_not_the_device_is_refused_and_none_of_it_is_final_but_a_forged_signature(
    world: IngestWorld,
) -> None:
    device, other, stranger = Device("reefer-1"), Device("reefer-2"), Device("nobody")
    foreign, elsewhere = Device("foreign"), Device("elsewhere")
    forger = Device("reefer-1")
    forger.sign = Device("a-thief").sign
    for known in (device, other):
        world.register(known)
    world.register(foreign, organisation="CarrierMSP")
    world.register(elsewhere, home_log="another-log")
    captured, forged = other.next(), forger.next()
    with world.running():
        world.send(device, captured, forged, PACK)
        for unknown in (stranger, foreign, elsewhere):
            world.send(unknown, unknown.next(), unknown.next())
        world.publish("wayproof/v1/ShipperMSP/a b/messages", b"hello")
        world.send(device, device.next())
        until(lambda: world.held(device))
    kept = {row["payload"]: row["rejection"] for row in world.rows("SELECT payload, rejection FROM message")}
    assert (kept[captured], kept[forged], kept[PACK]) == ("wrong_key", "bad_signature", "not_signed")
    assert world.refused(device) == {sha256(forged).digest(): "bad_signature"}
    assert [(row["code"], row["kept"]) for row in world.rows(REJECTIONS_BY_CODE)] == [
        ("invalid_topic", 1),
        ("other_log", 2),
        ("other_organisation", 2),
        ("unknown_device", 2),
    ]
    assert {receipt.device_id for receipt in world.receipts} == {"reefer-1"}


def test_the_same_unwelcome_payload_is_counted_and_kept_once(world: IngestWorld) -> None:
    device, stranger = Device("reefer-1"), Device("nobody")
    world.register(device)
    payload = stranger.next()
    with world.running():
        for _ in range(3):
            world.send(stranger, payload, payload)
        world.send(device, device.next())
        until(lambda: world.held(device))
        world.send(stranger, payload)
        until(lambda: world.rows("SELECT times FROM rejection") == [{"times": 7}])
    (row,) = world.rows("SELECT * FROM rejection")
    assert (row["payload"], row["payload_hash"], row["payload_size"]) == (
        payload,
        sha256(payload).digest(),
        len(payload),
    )
    assert row["first_received_at_ms"] <= row["last_received_at_ms"]


def test_a_device_that_is_registered_while_it_is_sending_is_taken_in(world: IngestWorld) -> None:
    device = Device("reefer-1")
    payload = device.next()
    with world.running():
        world.send(device, payload)
        until(lambda: world.count("rejection"))
        world.register(device)
        world.insist(device, payload, condition=lambda: world.held(device))
    assert world.held(device) == places(device, 1)


def test_a_key_that_is_rotated_in_between_is_known_at_once_and_the_old_one_still_counts(world: IngestWorld) -> None:
    device, successor = Device("reefer-1"), Device("reefer-1")
    world.register(device)
    successor.sign, successor.key, successor.spki = (
        Device("next-key").sign,
        Device("next-key").key,
        Device("next-key").spki,
    )
    with world.running():
        world.send(device, device.next())
        until(lambda: world.held(device) == places(device, 1))
        world.add_key(successor, ordinal=1)
        successor.last = dict(device.last)
        payload = successor.next()
        late = device.next(stream="position")
        world.insist(device, payload, late, condition=lambda: len(world.held(device)) == 3)
    assert world.held(device) == {*places(device, 2), ("position", 1, 1)}


def test_beyond_where_a_key_ended_it_signs_nothing_that_is_accepted_and_what_is_late_is(world: IngestWorld) -> None:
    device, other = Device("reefer-1"), Device("next-key")
    world.register(device)
    first, late, beyond, elsewhere = device.next(), device.next(), device.next(), device.next(stream="position")
    with world.running():
        world.send(device, first)
        until(lambda: world.held(device) == places(device, 1))
    successor = Device("reefer-1")
    successor.sign, successor.key, successor.spki = other.sign, other.key, other.spki
    world.add_key(successor, ordinal=1)
    last = [{"stream": "conditions", "boot": 1, "sequence": 2}]
    world.connection.execute("INSERT INTO device_key_end VALUES ('reefer-1', 2, %s)", [Jsonb(last)])
    with world.running():
        world.send(device, beyond, elsewhere, late)
        until(lambda: world.held(device) == places(device, 2))
        until(lambda: len(world.rows("SELECT FROM message WHERE rejection = 'key_ended'")) == 2)
    assert world.refused(device) == {}  # it is not final: the device is told nothing, and keeps them


def test_ingest_waits_until_the_log_is_registered(
    postgres: RunningCluster, broker: RunningBroker, tmp_path: Path
) -> None:
    with ingest_world(postgres, broker, tmp_path, log_is_registered=False) as world:
        device = Device("reefer-1")
        world.register(device)
        with world.running():
            world.send(device, device.next())
            register_log(world.connection, epoch=3)
            until(lambda: world.held(device))
        assert {receipt.epoch for receipt in world.receipts} == {3}


def test_of_an_over_long_payload_digest_and_size_are_kept_and_hostile_topics_are_made_storable(
    world: IngestWorld,
) -> None:
    long = Refused(RejectionCode.PAYLOAD_TOO_LARGE, "too \ud800 long", "reefer-1", is_final=True)
    topics = ["wayproof/v1/ShipperMSP/reefer-1/messages", "a\0b" + "c" * 1000]
    arrivals = [Arrival(topic, OverLong(bytes(32), 10**12), 5, connection=1, packet_id=1, qos=1) for topic in topics]
    group = assemble((arrival, long) for arrival in arrivals)
    count_rejections(world.connection, group.rejections)
    rows = world.rows("SELECT topic, payload, payload_size, detail FROM rejection ORDER BY topic")
    assert [(row["payload"], row["payload_size"], row["detail"]) for row in rows] == [(None, 10**12, "too ? long")] * 2
    assert [row["topic"] for row in rows] == ["a?b" + "c" * 197, topics[0]]
    assert [it.reason for it in group.told["reefer-1"].refused] == ["payload_too_large"] * 2


def test_a_payload_far_over_the_limit_is_kept_by_its_digest_and_its_neighbours_are_taken_in(world: IngestWorld) -> None:
    device = Device("reefer-1")
    world.register(device)
    long = bytes(3 * MAX_PAYLOAD_BYTES)
    with world.running():
        world.send(device, device.next(), long, device.next())
        until(lambda: world.held(device) == places(device, 2))
        until(lambda: world.count("rejection"))
    (row,) = world.rows("SELECT code, payload, payload_hash, payload_size FROM rejection")
    assert row == {
        "code": "payload_too_large",
        "payload": None,
        "payload_hash": sha256(long).digest(),
        "payload_size": len(long),
    }
