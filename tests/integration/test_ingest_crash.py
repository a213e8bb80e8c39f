"""Ingest killed at every named place, its database and its broker taken away: nothing receipted is lost or doubled."""

import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import RunningBroker, running_broker
from support.database import RunningCluster, running_cluster
from support.ingest_world import PATIENCE_S, IngestWorld, ingest_world, until
from support.telemetry_device import Device
from wayproof.ingest import worker
from wayproof.ingest.mqtt import Reader
from wayproof.ingest.subscription import SubscriberEnded
from wayproof.observability.health import HEALTH

FAIL_POINTS = (
    "before_insert",
    "before_commit",
    "after_commit",
    "before_ack",
    "mid_ack",
    "after_ack",
    "before_receipt",
)


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


def audit(world: IngestWorld, devices: list[Device]) -> None:
    """What receipts name is there exactly once, and so is everything else; each row waits for, or has, one index."""
    rows = world.rows(
        "SELECT device_id, name, boot, sequence, message_hash, ingest_id"
        " FROM message JOIN stream USING (device_id, stream_id)"
    )
    stored = Counter((row["device_id"], row["name"], row["boot"], row["sequence"]) for row in rows)
    receipted = {(device.device_id, *place) for device in devices for place in world.held(device)}
    assert receipted <= stored.keys()
    assert set(stored.values()) <= {1}
    waiting = world.waiting()
    assert waiting == sorted(row["ingest_id"] for row in rows)
    assert {row["ingest_id"] for row in world.rows("SELECT ingest_id FROM reading")} == set(waiting)
    hashes = {bytes(row["message_hash"]) for row in rows}
    assert {held.last_hash for receipt in world.receipts for held in receipt.held} <= hashes


@pytest.mark.parametrize("seed", [1])
def test_killed_at_every_place_it_loses_and_doubles_nothing(
    seed: int, postgres: RunningCluster, broker: RunningBroker, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed makes it the same each time
    with ingest_world(postgres, broker, tmp_path) as world:
        devices = [Device(f"reefer-{number}") for number in range(3)]
        sent: list[tuple[Device, bytes]] = []
        for device in devices:
            world.register(device)
        for place in chance.sample(FAIL_POINTS, k=len(FAIL_POINTS)):
            batch = [(device, device.next()) for device in chance.choices(devices, k=chance.randint(40, 80))]
            for device, payload in batch + chance.choices(batch, k=5):
                world.send(device, payload)
            sent += batch
            process = world.process(failpoint=f"ingest.{place}:{chance.randint(1, 3) if place == 'mid_ack' else 1}")
            assert process.wait(PATIENCE_S) == -signal.SIGKILL
            audit(world, devices)
        with world.running():
            for device in devices:
                _insist(world, device, [payload for of, payload in sent if of is device])
        audit(world, devices)
        assert world.count("message") == len(sent)


def _insist(world: IngestWorld, device: Device, payloads: list[bytes]) -> None:
    world.insist(device, *payloads, condition=lambda: len(world.held(device)) == len(payloads))


def test_what_was_not_acknowledged_comes_again_by_itself(
    postgres: RunningCluster, broker: RunningBroker, tmp_path: Path
) -> None:
    with ingest_world(postgres, broker, tmp_path) as world:
        device = Device("reefer-1")
        world.register(device)
        world.send(device, *[device.next() for _ in range(50)])
        assert world.process(failpoint="ingest.before_commit").wait(PATIENCE_S) == -signal.SIGKILL
        assert world.count("message") == 0
        with world.running():
            until(lambda: len(world.held(device)) == 50)
        audit(world, [device])


def test_a_broker_that_is_killed_and_comes_back_empty_costs_nothing(postgres: RunningCluster, tmp_path: Path) -> None:
    with running_broker() as broker, ingest_world(postgres, broker, tmp_path) as world:
        device = Device("reefer-1")
        world.register(device)
        payloads = [device.next() for _ in range(20)]
        with world.running():
            world.send(device, *payloads[:10])
            until(lambda: len(world.held(device)) == 10)
            assert HEALTH.missing() == []
            broker.kill()
            until(lambda: [it.partition(":")[0] for it in HEALTH.missing()] == ["broker"])
            assert HEALTH.is_live  # there is nothing that a restart would mend
            broker.start()
            until(lambda: HEALTH.missing() == [])
            until(world.publisher.is_connected)
            world.insist(device, *payloads, condition=lambda: len(world.held(device)) == 20)
        audit(world, [device])


def test_while_the_database_is_away_nothing_is_acknowledged_and_then_all_is_taken_in(
    broker: RunningBroker, tmp_path: Path
) -> None:
    with running_cluster(tmp_path / "cluster") as postgres, ingest_world(postgres, broker, tmp_path) as world:
        device = Device("reefer-1")
        world.register(device)
        with world.running() as thread:
            world.send(device, device.next())
            until(lambda: world.held(device))
            postgres.kill()
            world.send(device, *[device.next() for _ in range(3_000)])
            assert thread.is_alive()
            beaten_at_s = HEALTH._beat_at_s
            until(lambda: HEALTH._beat_at_s != beaten_at_s)  # away is not stuck
            assert len(world.held(device)) == 1
            postgres.start()
            until(lambda: len(world.held(device)) == 3_001)
        world.reconnect()
        audit(world, [device])


def test_it_ends_at_once_when_told_though_the_database_is_away(broker: RunningBroker, tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as postgres, ingest_world(postgres, broker, tmp_path) as world:
        device = Device("reefer-1")
        world.register(device)
        with world.running():
            world.send(device, device.next())
            until(lambda: world.held(device))
            postgres.kill()
            world.send(device, device.next())
        postgres.start()
        world.reconnect()
        assert world.count("message") == 1
        with world.running():
            until(lambda: len(world.held(device)) == 2)
        audit(world, [device])


def test_a_network_thread_that_ended_ends_the_process(
    postgres: RunningCluster, broker: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "_run", lambda _: None)
    with ingest_world(postgres, broker, tmp_path) as world, pytest.raises(SubscriberEnded):
        worker.run(world.settings, stop=threading.Event())
