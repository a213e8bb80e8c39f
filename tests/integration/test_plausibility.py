"""Flags on a real database: found once, whatever happens to the process, and found again by fsck."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from support.database import RunningCluster
from support.plausibility_world import MODEL, PlausibilityWorld, pack
from support.tampering import restored
from wayproof.flags import worker
from wayproof.flags.follow import Follower
from wayproof.fsck import report
from wayproof.fsck.check import Scope, check
from wayproof.fsck.finding import Findings
from wayproof.fsck.progress import Progress
from wayproof.plausibility.profile import Expected, Profile, rule_set
from wayproof.plausibility.series import Range
from wayproof.settings import SettingsError
from wayproof.store import flags as stored
from wayproof.store import log
from wayproof.store.log_messages import Place
from wayproof.store.messages import NewMessage

PATIENCE_S = 30.0
JUDGED = ("reading_flag", "plausibility_memory", "plausibility_run", "plausibility_rules", "plausibility_checkpoint")
WARM = {"temperature": "104.5"}


@pytest.fixture
def world(postgres: RunningCluster) -> Iterator[PlausibilityWorld]:
    made = PlausibilityWorld(postgres)
    made.register("logger-7")
    made.register("logger-8", model="another")
    yield made
    made.close()


def steady(count: int, *, begin: int = 1, device_id: str = "logger-7", seed: int = 1) -> list[NewMessage]:
    """Make messages of a device with nothing wrong about them: a temperature that wanders."""
    made, value = [], Decimal("4.00")
    numbers = random.Random(seed)  # noqa: S311 - a walk, no secret
    for sequence in range(begin, begin + count):
        value += Decimal(numbers.randint(-30, 30)) / 100
        made.append(pack(sequence, {"temperature": f"{value:.2f}", "door": "false"}, device_id=device_id))
    return made


def troubled() -> list[NewMessage]:
    """Make a stream in which something goes wrong: a spike, a jump of the clock, two devices with one name."""
    messages = steady(120)
    messages[30] = pack(31, {"temperature": "104.5", "door": "true"})
    messages[60] = pack(61, {"temperature": "4", "door": "true"}, minute=51, received_minute=61)
    messages.insert(90, pack(80, {"temperature": "5", "door": "false"}, minute=90.5))
    return messages


EXPECTED = [
    (1, 31, "out_of_range"),
    (1, 31, "rate_of_change"),
    (1, 32, "rate_of_change"),
    (1, 61, "clock_jump"),
    (1, 80, "two_places"),
]


def in_order(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    return sorted(found)


def test_what_is_wrong_is_flagged_and_nothing_else(world: PlausibilityWorld) -> None:
    world.hold(*troubled())
    assert world.judge() == 121
    assert in_order(world.flags()) == EXPECTED
    assert world.judge() == 0
    assert in_order(world.flags()) == EXPECTED


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_how_messages_are_grouped_and_how_often_the_process_begins_changes_nothing(
    world: PlausibilityWorld, postgres: RunningCluster, limit: int
) -> None:
    world.hold(*troubled(), *steady(60, device_id="logger-8"))
    world.judge(limit=50)
    other = PlausibilityWorld(postgres)
    other.hold(*troubled(), *steady(60, device_id="logger-8"))
    begun = 0
    while Follower(other.connection, rule_set()).follow(limit=limit)[0]:
        begun += 1
    assert begun == -(-181 // limit)
    assert other.contents() == world.contents()
    assert {it[2] for it in world.flags()} >= {"copied_series"}  # logger-8 tells what logger-7 told
    other.close()


def test_only_what_is_sealed_is_judged(world: PlausibilityWorld) -> None:
    world.hold(pack(1, WARM), seal=False)
    assert world.judge() == 0
    world.seal()
    assert world.judge() == 1
    assert world.flags() == [(1, 1, "out_of_range")]


def test_refused_messages_are_passed_over(world: PlausibilityWorld) -> None:
    refused = pack(1, {})._replace(stream=None, boot=0, sequence=0, previous=None, rejection="malformed_json")
    world.hold(refused, pack(2, WARM))
    assert world.judge() == 2
    assert world.flags() == [(1, 2, "out_of_range")]


def test_other_rules_hold_from_their_leaf_on_and_old_flags_stay(world: PlausibilityWorld) -> None:
    world.hold(*[pack(sequence, {"temperature": "70"}) for sequence in range(1, 4)])
    world.judge()
    assert world.flags() == []
    narrow = Expected("temperature", "CEL", within=Range(high=Decimal(60)))
    world.profiles = (Profile(models=(MODEL,), expected=(narrow,)),)
    world.hold(pack(4, {"temperature": "70"}), pack(4, {"temperature": "70"}, device_id="logger-8"))
    world.judge()
    assert world.flags() == [(1, 4, "out_of_range")]  # of the one model, and of what came since
    assert [place for place, _ in stored.rules(world.connection)] == [Place(1, 0), Place(1, 3)]


def test_all_of_it_can_be_removed_and_comes_again(world: PlausibilityWorld) -> None:
    world.hold(*troubled())
    world.judge()
    before = world.contents()
    with world.connection.transaction():
        stored.forget(world.connection)
    assert world.flags() == []
    world.judge()
    assert world.contents() == before


def test_a_log_that_was_cut_is_judged_again(world: PlausibilityWorld) -> None:
    world.hold(*troubled())
    world.judge()
    with world.connection.transaction():
        log.cut(world.connection, epoch=1, size=40)
        log.begin_epoch(world.connection, log_id="shipper-log", epoch=2)
    world.seal()
    assert world.judge() == 121
    assert in_order(world.flags()) == EXPECTED


# --- the process ------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.05)


async def test_the_process_follows_the_log(world: PlausibilityWorld) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(world.settings, stop=stop))
    try:
        world.hold(pack(1, WARM))
        await until(lambda: len(world.flags()) == 1)
        world.hold(pack(2, WARM))
        await until(lambda: len(world.flags()) == 2)
        assert not stored.become_flagger(world.connection)  # there is one only
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


async def test_an_organisation_without_a_log_has_nothing_to_judge(world: PlausibilityWorld) -> None:
    with pytest.raises(SettingsError, match="keeps no log"):
        await worker.run(world.settings.model_copy(update={"log": None}), stop=asyncio.Event())


@pytest.mark.parametrize("place", ["flags.before_commit:2", "flags.after_commit:2"])
async def test_a_process_killed_around_a_commit_judges_each_message_once(
    world: PlausibilityWorld, postgres: RunningCluster, tmp_path: Path, place: str
) -> None:
    world.hold(*troubled())
    await process(world, tmp_path, "--again", failpoint=place)
    done = 50 * (1 if place.startswith("flags.before") else 2)
    assert stored.checkpoint(world.connection) == Place(1, done)
    world.judge()
    whole = PlausibilityWorld(postgres)
    whole.register("logger-7")
    whole.hold(*troubled())
    whole.judge()
    assert world.contents() == whole.contents()
    whole.close()


async def process(world: PlausibilityWorld, folder: Path, *arguments: str, failpoint: str) -> None:
    """Run the command until its fail point ends it."""
    file = folder / "settings.toml"
    file.write_text(
        f"""
organisation = "ShipperMSP"
[database]
dsn = "{world.database.dsn.get_secret_value()}"
[ledger]
kind = "embedded"
endpoint = "127.0.0.1:1"
tls_ca = "unused.pem"
channel = "wayproof"
contract = "wayproof"
users = "unused"
[log]
log_id = "shipper-log"
origin = "shipper.example"
checkpoint_key = "unused.pem"
receipt_key = "unused.pem"
[plausibility]
group_size = 50
""",
        "utf-8",
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wayproof", "plausibility", "--settings", str(file), *arguments,
        env={**os.environ, "WAYPROOF_FAILPOINT": failpoint},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert await asyncio.wait_for(running.wait(), PATIENCE_S) == -signal.SIGKILL
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()


# --- fsck -------------------------------------------------------------------------------------------------------------


async def fsck(world: PlausibilityWorld) -> Findings:
    """Return what fsck says of the flags; the messages of these tests were never signed."""
    found = await check(world.settings, scope=Scope(ledger=False), progress=Progress(is_shown=False))
    for table in found.first.keys() - set(JUDGED):
        del found.first[table]
    return found


async def test_flags_that_nobody_touched_are_found_again(world: PlausibilityWorld) -> None:
    world.hold(*troubled())
    world.judge()
    world.profiles = (Profile(off=("two_places",)),)
    world.hold(*steady(100, begin=121), *steady(60, device_id="logger-8"))
    world.judge()
    world.hold(pack(999, WARM))  # and not judged yet
    found = await fsck(world)
    assert found.first == {}
    assert found.counts["flags"] > len(EXPECTED)


ADDED = """
    INSERT INTO reading_flag SELECT stream_id, observed_at_ms, {}, ordinal, {}, 1, '' FROM reading_flag WHERE {} LIMIT 1
"""
TOUCHED = [
    ("reading_flag", "DELETE FROM reading_flag WHERE code = 'clock_jump'", "should be clock_jump: set back by 9 min"),
    ("reading_flag", "UPDATE reading_flag SET detail = '' WHERE code = 'clock_jump'", "detail"),
    ("reading_flag", "UPDATE reading_flag SET rule_version = 7", "rule_version: stored 7; should be 1"),
    ("reading_flag", "UPDATE reading_flag SET code = 'x' WHERE code = 'clock_jump'", "clock_jump"),
    ("reading_flag", "UPDATE reading_flag SET stream_id = stream_id + 7", "stream_id"),
    ("reading_flag", ADDED.format("999999", "code", "true"), "its message is not judged yet"),
    ("reading_flag", ADDED.format("ingest_id", "'gap'", "code = 'clock_jump'"), "the reading is plausible"),
    ("plausibility_memory", "UPDATE plausibility_memory SET memory = '{}'", "stream_id"),
    ("plausibility_memory", "DELETE FROM plausibility_memory", "stored nothing"),
    ("plausibility_run", "UPDATE plausibility_run SET observed_at_ms = 1", "fingerprint"),
    ("plausibility_rules", "UPDATE plausibility_rules SET leaf_index = 7", "rules from the first leaf on"),
    ("reading_flag", "UPDATE plausibility_checkpoint SET leaf_index = 20", "its message is not judged yet"),
]


async def test_flags_that_somebody_touched_are_named(world: PlausibilityWorld) -> None:
    world.hold(*troubled(), *steady(200, begin=121))
    world.judge()
    for table, statement, says in TOUCHED:
        with restored(world.connection, *JUDGED):
            world.connection.execute(statement.encode())
            found = await fsck(world)
        assert report.status(found) == report.MISMATCH, statement
        assert says in str(found.first[table])
    assert report.status(await fsck(world)) == report.CONSISTENT


async def test_flags_by_rules_of_another_version_are_not_compared(world: PlausibilityWorld) -> None:
    world.hold(*troubled())
    world.judge()
    world.connection.execute("UPDATE plausibility_rules SET rules = jsonb_set(rules, '{versions,gap}', '9')")
    found = await fsck(world)
    assert found.first == {}
    assert "wayproof plausibility --again" in found.unchecked[0]


async def test_a_stream_is_compared_up_to_what_was_erased_of_it(world: PlausibilityWorld) -> None:
    world.hold(*troubled(), *steady(60, device_id="logger-8", seed=2))
    world.judge()
    run = world.connection.execute
    run("UPDATE message SET topic = NULL, payload = NULL, salt = NULL WHERE sequence = 31 AND device_id = 'logger-7'")
    for table in (b"reading", b"reading_flag"):
        run(b"DELETE FROM %b WHERE ingest_id IN (SELECT ingest_id FROM message WHERE topic IS NULL)" % table)
    found = await fsck(world)
    assert found.first == {}
    assert any("up to what was erased" in note for note in found.notes)


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_runs_are_known_up_to_their_number_whatever_the_groups_and_fsck_finds_the_same(
    world: PlausibilityWorld, limit: int
) -> None:
    world.most_runs = 5
    world.hold(*steady(200), *steady(200, device_id="logger-8", seed=2), *steady(200, begin=201, seed=1))
    world.judge(limit=limit)
    numbers = [it[2] for it in stored.all_runs(world.connection).values()]
    assert len(numbers) == 5
    assert min(numbers) > 20  # many were forgotten, and what logger-7 told before among them
    assert "copied_series" not in {it[2] for it in world.flags()}
    world.hold(*steady(60, begin=401, seed=3), *steady(60, begin=1, device_id="logger-9", seed=3))
    world.most_runs = 50
    world.judge(limit=limit)
    assert "copied_series" in {it[2] for it in world.flags()}
    assert 5 < len(stored.all_runs(world.connection)) <= 50
    world.most_runs = 3
    world.hold(*steady(60, begin=501, seed=4))
    world.judge(limit=limit)
    assert len(stored.all_runs(world.connection)) == 3
    found = await fsck(world)
    assert found.first == {}
    assert found.counts["flags"] > 0
