"""Ingest against a real broker and a real database: what is kept, acknowledged and receipted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import RunningBroker, running_broker
from support.database import RunningCluster
from support.ingest_world import LOG_ID, IngestWorld, ingest_world, until
from support.telemetry_device import Device
from wayproof_verifier.entry import entry_hash


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
    assert world.rows("SELECT ingest_id FROM log_waiting") == [{"ingest_id": message["ingest_id"]}]
    (receipt,) = world.receipts
    assert (receipt.log_id, receipt.epoch) == (LOG_ID, 1)
    assert receipt.anchored_by_ms == receipt.issued_at_ms + 60_000
    (held,) = receipt.held
    assert (held.first, held.last, held.last_hash) == (1, 1, message["message_hash"])
