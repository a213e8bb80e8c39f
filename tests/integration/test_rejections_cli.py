"""`wayproof rejections`: what was refused is seen, and judged again by the only way in."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from support.broker import RunningBroker, running_broker
from support.database import RunningCluster
from support.ingest_world import IngestWorld, ingest_world, until
from support.root_log import kept_root_log
from support.telemetry_device import Device
from wayproof.cli import main
from wayproof.ingest.refusal import PlatformCode
from wayproof.replay.replaying import MAY_CHANGE
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.telemetry import RejectionCode
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


@pytest.fixture
def world(postgres: RunningCluster, broker: RunningBroker, tmp_path: Path) -> Iterator[IngestWorld]:
    with ingest_world(postgres, broker, tmp_path) as made:
        yield made


class Desk:
    """An operator at the command line."""

    def __init__(self, world: IngestWorld, capsys: pytest.CaptureFixture[str]) -> None:
        self._world, self._capsys = world, capsys

    def says(self, verb: str, *arguments: str, status: int = 0) -> str:
        self._capsys.readouterr()
        done = main(["rejections", verb, "--settings", str(self._world.settings_file), *arguments])
        said = self._capsys.readouterr()
        assert done == status, said.out + said.err
        return said.out + said.err

    def ids(self, *arguments: str) -> list[str]:
        return [line.split()[0] for line in self.says("list", *arguments).splitlines()]


@pytest.fixture
def desk(world: IngestWorld, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    with kept_root_log():
        yield Desk(world, capsys)


def test_what_a_device_sent_before_it_was_registered_is_accepted_when_it_is_replayed(
    world: IngestWorld, desk: Desk
) -> None:
    device = Device("reefer-1")
    payload = device.next()
    with world.running():
        world.send(device, payload)
        until(lambda: world.count("rejection"))
    (refused_at,) = [it["last_received_at_ms"] for it in world.rows("SELECT last_received_at_ms FROM rejection")]
    (rejection_id,) = desk.ids()
    world.register(device)
    with world.running():
        assert "accepted as message" in desk.says("replay", rejection_id, "--operator", "ada")
        until(lambda: world.held(device))
    (message,) = world.rows("SELECT * FROM message")
    assert message["payload"] == payload
    assert message["received_at_ms"] > refused_at, "its arrival is that of the replay"
    assert message["entry"] == entry_hash(
        message["salt"], topic=device.topic, payload=payload, received_at_ms=message["received_at_ms"]
    )
    assert desk.says("list").rstrip().endswith(f'"{device.topic}"  replayed')
    shown = json.loads(desk.says("show", rejection_id))
    assert (shown["code"], shown["times"], bytes.fromhex(shown["payload_hex"])) == ("unknown_device", 1, payload)
    assert [(it["operator"], it["code"]) for it in shown["replays"]] == [("ada", "unknown_device")]
    assert refused_at < shown["replays"][0]["replayed_at_ms"] <= message["received_at_ms"]


def test_an_entry_that_was_refused_for_its_key_stays_and_is_accepted_as_another_entry(
    world: IngestWorld, desk: Desk
) -> None:
    device = Device("reefer-1")
    world.register(device, signs=False)
    payload = device.next()
    with world.running():
        world.send(device, payload)
        until(lambda: world.count("message"))
    (rejection_id,) = desk.ids("--code", "wrong_key")
    assert rejection_id.startswith("log:")
    world.add_key(device, ordinal=1)
    with world.running():
        assert "accepted as message" in desk.says("replay", rejection_id)
    rows = world.rows("SELECT rejection, stream_id IS NULL AS is_refused FROM message ORDER BY ingest_id")
    assert rows == [{"rejection": "wrong_key", "is_refused": True}, {"rejection": None, "is_refused": False}]
    assert len(world.waiting()) == 2


def test_what_is_refused_again_is_told_and_counted(world: IngestWorld, desk: Desk) -> None:
    stranger = Device("nobody")
    with world.running():
        world.send(stranger, stranger.next())
        until(lambda: world.count("rejection"))
        (rejection_id,) = desk.ids()
        assert "refused again: unknown_device" in desk.says("replay", rejection_id, status=1)
    assert [it["times"] for it in world.rows("SELECT times FROM rejection")] == [2]


def test_what_nobody_takes_in_is_told(world: IngestWorld, desk: Desk) -> None:
    stranger = Device("nobody")
    with world.running():
        world.send(stranger, stranger.next())
        until(lambda: world.count("rejection"))
    (rejection_id,) = desk.ids()
    assert "does `wayproof ingest` run" in desk.says("replay", rejection_id, "--wait", "0.5", status=1)


def test_what_the_bytes_alone_decided_is_not_replayed_unless_asked(world: IngestWorld, desk: Desk) -> None:
    device = Device("reefer-7")
    world.register(device)
    with world.running():
        world.send(device, b"not SenML")
        world.publish(device.topic, bytes(MAX_PAYLOAD_BYTES + 1))
        until(lambda: world.count("message") == world.count("rejection") == 1)
        over_long, malformed = sorted(desk.ids(), reverse=True)
        assert "--anyway" in desk.says("replay", malformed, status=1)
        assert "not kept" in desk.says("replay", over_long, "--anyway", status=1)
        assert "no such rejection" in desk.says("replay", "other:999", status=1)
        assert "no such rejection" in desk.says("show", "nonsense", status=1)
    assert world.count("rejection_replay") == 0, "nothing is published where one of them cannot be"


def test_the_list_goes_on_past_a_page_and_no_topic_steers_the_terminal(world: IngestWorld, desk: Desk) -> None:
    topic = "wayproof/v1/\x1b[2J/odd\n/messages"
    world.connection.execute(
        "INSERT INTO rejection (topic, payload_hash, payload_size, code, detail, first_received_at_ms,"
        " last_received_at_ms) SELECT %s, sha256(n::text::bytea), 1, 'invalid_topic', '', n, n"
        " FROM generate_series(1, 450) AS n",
        [topic],
    )
    said = desk.says("list", "--limit", "430")
    assert len(said.splitlines()) == 430
    assert "\x1b" not in said
    assert len(set(desk.ids("--limit", "430"))) == 430
    assert desk.ids("--code", "unknown_device") == []


def test_a_payload_is_written_to_a_file_that_is_new(world: IngestWorld, desk: Desk, tmp_path: Path) -> None:
    device, target = Device("nobody"), tmp_path / "payload"
    payload = device.next()
    with world.running():
        world.send(device, payload)
        until(lambda: world.count("rejection"))
    (rejection_id,) = desk.ids()
    desk.says("show", rejection_id, "--payload", str(target))
    assert sha256(target.read_bytes()).digest() == sha256(payload).digest()
    assert str(target) in desk.says("show", rejection_id, "--payload", str(target), status=1)


def test_ingest_itself_keeps_to_the_limit(world: IngestWorld) -> None:
    world.settings_file.write_text(f"{world.settings_file.read_text()}[rejections]\nkeep_bytes = 0\n")
    device, stranger = Device("reefer-1"), Device("nobody")
    world.register(device)
    with world.running():
        world.send(stranger, stranger.next())
        until(lambda: world.rows("SELECT payloads FROM rejection_cut WHERE code = 'unknown_device'"))
        world.send(device, device.next())
        until(lambda: world.held(device))
    assert world.rows("SELECT payload, times FROM rejection") in ([], [{"payload": None, "times": 1}])
    assert world.count("message") == 1


def test_what_may_change_is_what_the_register_decides() -> None:
    for_good = {PlatformCode.KEY_ENDED}  # the ledger takes nothing back
    assert {*map(str, set(PlatformCode) - for_good), str(RejectionCode.WRONG_KEY)} == MAY_CHANGE
