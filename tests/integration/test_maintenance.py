"""Looking after the store: weeks ahead, numbers by the hour, weeks that are let go of; fsck finds it right."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from support.plausibility_world import BEGIN_MS, LOG_ID, MINUTE_MS, PlausibilityWorld, pack
from support.timescaledb import TimescaleServer
from wayproof import settings
from wayproof.flags.follow import Follower
from wayproof.fsck import report
from wayproof.fsck.check import Scope, check
from wayproof.fsck.finding import Findings
from wayproof.fsck.progress import Progress
from wayproof.maintenance import worker
from wayproof.maintenance.rounds import Done, Rounds
from wayproof.plausibility.profile import rule_set
from wayproof.store import flags, log, retention, rollups, storage
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import StoreBusy, StoreError
from wayproof.store.log_messages import Place
from wayproof.store.messages import NewMessage
from wayproof.store.weeks import AHEAD, WEEK_MS, week_of

PATIENCE_S = 30.0
WEEK_MIN = WEEK_MS // MINUTE_MS
FIRST = week_of(BEGIN_MS)
"""The week that the devices' time begins in, long ago."""


SERVERS = {"partitions": "postgres", "hypertable": "timescaledb", "licensed": "timescaledb_licensed"}


@pytest.fixture(params=["partitions", "hypertable"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlausibilityWorld]:
    """Return a database whose tables were made when the devices' time began."""
    server = request.getfixturevalue(SERVERS[request.param])
    with monkeypatch.context() as begun:
        begun.setattr(time, "time_ns", lambda: BEGIN_MS * 1_000_000)
        made = PlausibilityWorld(server)
    yield made
    made.close()
    if isinstance(server, TimescaleServer):
        server.drop(made.database.dsn.get_secret_value())


@pytest.fixture
def keeper(world: PlausibilityWorld) -> Iterator[Connection]:
    """Return a connection with the rights of the process, and no others."""
    with connect(world.database, application="test") as connection:
        connection.execute("SET ROLE wayproof_maintain")
        yield connection


def rounds(
    keeper: Connection, *, keep_weeks: int | None = None, compress_after: int | None = None, group_size: int = 10
) -> Rounds:
    return Rounds(keeper, keep_weeks=keep_weeks, compress_after=compress_after, group_size=group_size, pause_s=0.01)


def wandering(count: int, *, device_id: str = "logger-7", begin: int = 1, every_min: int = 10) -> list[NewMessage]:
    """Make messages with a temperature of changing scale, negative ones too, a humidity, and a text."""
    numbers = random.Random(device_id)  # noqa: S311 - a walk, no secret
    return [
        pack(
            sequence,
            {
                "temperature": str(Decimal(numbers.randint(-9_999, 9_999)).scaleb(-numbers.randint(0, 3))),
                "humidity": str(numbers.randint(0, 100)),
                "door": "true",
            },
            device_id=device_id,
            minute=sequence * every_min,
        )
        for sequence in range(begin, begin + count)
    ]


def hours(world: PlausibilityWorld) -> list[dict[str, Any]]:
    return list(
        world.connection.execute(
            "SELECT stream_id, quantity_id, hour_ms, count, sum, minimum, maximum FROM reading_hour ORDER BY 1, 2, 3"
        )
    )


def summed(world: PlausibilityWorld) -> list[dict[str, Any]]:
    """Sum all readings up by the hour with Python's exact decimals."""
    found: dict[tuple[int, int, int], list[Decimal]] = {}
    for row in world.connection.execute("SELECT * FROM reading WHERE value IS NOT NULL"):
        it: dict[str, Any] = dict(row)
        hour = it["observed_at_ms"] // 3_600_000 * 3_600_000
        value = Decimal(it["value"]).scaleb(-it["scale"])
        found.setdefault((it["stream_id"], it["quantity_id"], hour), []).append(value)
    return [
        {
            "stream_id": stream_id, "quantity_id": quantity_id, "hour_ms": hour, "count": len(values),
            "sum": sum(values), "minimum": min(values), "maximum": max(values),
        }
        for (stream_id, quantity_id, hour), values in sorted(found.items())
    ]  # fmt: skip


def readings(world: PlausibilityWorld) -> int:
    row = world.connection.execute("SELECT count(*) AS count FROM reading").fetchone()
    return int(str(row["count"])) if row else 0


# --- weeks ahead ------------------------------------------------------------------------------------------------------


def test_weeks_are_made_as_time_goes_on_by_who_may_do_nothing_else(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    last = max(storage.weeks(keeper))
    later = (last - AHEAD + 2) * WEEK_MS
    done = rounds(keeper).run(now_ms=later)
    assert done.made == [last + 1, last + 2]
    assert max(storage.weeks(keeper)) == week_of(later) + AHEAD
    assert rounds(keeper).run(now_ms=later) == Done()
    assert not world.connection.closed


def test_who_uses_the_table_is_not_waited_for_and_the_rest_is_done(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    world.hold(*wandering(5))
    later = (max(storage.weeks(keeper)) + 1) * WEEK_MS
    with connect(world.database, application="test") as reader:
        with reader.transaction():
            reader.execute("LOCK TABLE reading IN ACCESS SHARE MODE")
            done = rounds(keeper).run(now_ms=later)
        assert done.made == []
        assert done.is_busy
        assert done.leaves == 5
        again = rounds(keeper).run(now_ms=later)
    assert not again.is_busy
    assert week_of(later) + AHEAD in again.made


def test_spans_of_weeks_lie_within_the_time_that_is_asked_for() -> None:
    weeks = [4, 5, 7, 9]
    assert retention.spans(weeks, from_ms=4 * WEEK_MS + 5, until_ms=8 * WEEK_MS) == [
        (4 * WEEK_MS + 5, 6 * WEEK_MS - 1),
        (7 * WEEK_MS, 8 * WEEK_MS - 1),
    ]
    assert retention.spans(weeks, from_ms=0, until_ms=-1) == []


# --- numbers by the hour ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group_size", [1, 7, 1000])
def test_each_reading_is_in_its_hour_once_late_or_not(
    world: PlausibilityWorld, keeper: Connection, group_size: int
) -> None:
    first, late = wandering(40), wandering(40, device_id="logger-8")
    world.hold(*first[:20], *late[30:])
    rounds(keeper, group_size=group_size).run()
    assert hours(world) == summed(world) != []
    world.hold(*late[:30], *first[20:], seal=False)
    before = hours(world)
    assert rounds(keeper, group_size=group_size).run().leaves == 0  # only what is sealed
    assert hours(world) == before
    world.seal()
    assert rounds(keeper, group_size=group_size).run().leaves == 50
    assert hours(world) == summed(world)
    assert rollups.waiting(keeper) == 0


def test_the_largest_numbers_and_the_finest_stay_exact(world: PlausibilityWorld, keeper: Connection) -> None:
    world.hold(
        pack(1, {"temperature": "9223372036854775807"}, minute=0),
        pack(2, {"temperature": "9223372036854775807"}, minute=1),
        pack(3, {"temperature": "0.000000000000001"}, minute=2),
        pack(4, {"temperature": "-9223372036854775807"}, minute=3),
    )
    rounds(keeper).run()
    (row,) = hours(world)
    assert row["sum"] == Decimal("9223372036854775807.000000000000001")
    assert (row["minimum"], row["maximum"]) == (-9223372036854775807, 9223372036854775807)


def test_an_erasure_takes_its_hours_along_and_what_is_left_of_them_comes_again(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    world.hold(*wandering(30))
    rounds(keeper).run()
    erased = world.connection.execute("SELECT ingest_id FROM message WHERE sequence = 7").fetchone()
    erase(world, erased)
    assert len(hours(world)) == len(summed(world)) - 2  # of both quantities, at once
    rounds(keeper).run()
    assert hours(world) == summed(world)
    world.hold(*wandering(1, begin=31))
    rounds(keeper).run()
    assert hours(world) == summed(world)


def erase(world: PlausibilityWorld, row: Any) -> None:  # noqa: ANN401 - a row
    """Do what an erasure does, with the rights of its role."""
    run = world.connection.execute
    with world.connection.transaction():
        run("SET LOCAL ROLE wayproof_erasure")
        run("DELETE FROM reading WHERE ingest_id = %(ingest_id)s", row)
        run(
            "UPDATE message SET topic = NULL, payload = NULL, salt = NULL, first_observed_at_ms = NULL,"
            " last_observed_at_ms = NULL WHERE ingest_id = %(ingest_id)s",
            row,
        )


def test_a_log_that_was_cut_is_summed_up_again(world: PlausibilityWorld, keeper: Connection) -> None:
    world.hold(*wandering(30))
    rounds(keeper).run()
    with world.connection.transaction():
        log.cut(world.connection, epoch=1, size=10)
        log.begin_epoch(world.connection, log_id=LOG_ID, epoch=2)
    world.seal()
    assert rounds(keeper).run().leaves == 30
    assert hours(world) == summed(world)


# --- weeks that are let go of -----------------------------------------------------------------------------------------


def three_weeks(world: PlausibilityWorld) -> None:
    """Let a device send for three weeks, long ago."""
    world.hold(*wandering(40, every_min=WEEK_MIN // 13))


def test_old_weeks_go_whole_with_a_note_and_their_hours_stay(world: PlausibilityWorld, keeper: Connection) -> None:
    three_weeks(world)
    rounds(keeper).run()
    before, whole = hours(world), readings(world)
    now_ms = (FIRST + 11) * WEEK_MS
    done = rounds(keeper, keep_weeks=9).run(now_ms=now_ms)
    assert done.dropped == [FIRST - 1, FIRST, FIRST + 1]
    noted = retention.dropped_weeks(keeper)
    assert [it.week for it in noted] == done.dropped
    assert sum(it.rows for it in noted) == done.rows == whole - readings(world) > 0
    assert readings(world) > 0
    assert hours(world) == before
    assert not set(storage.weeks(keeper)) & set(done.dropped)
    assert rounds(keeper, keep_weeks=9).run(now_ms=now_ms) == Done()


def test_what_is_needed_is_kept_whoever_asks(world: PlausibilityWorld, keeper: Connection) -> None:
    three_weeks(world)
    present = week_of(time.time_ns() // 1_000_000)
    assert retention.needed_by(keeper, FIRST) == "the rollups"
    rounds(keeper).run()
    assert retention.needed_by(keeper, FIRST) == ""
    assert retention.needed_by(keeper, present - 5) == ""
    assert retention.needed_by(keeper, present - 4) == "the present"
    Follower(world.connection, rule_set())
    assert retention.needed_by(keeper, FIRST) == "the flags"
    world.judge()
    open_shipment(world, created_at_ms=(FIRST + 1) * WEEK_MS)
    assert retention.needed_by(keeper, FIRST) == ""
    assert retention.needed_by(keeper, FIRST + 1) == "an open shipment"
    with pytest.raises(StoreBusy, match="needed by an open shipment"):
        retention.drop_week(keeper, FIRST + 1)
    done = rounds(keeper, keep_weeks=5).run()
    assert done.dropped == [FIRST - 1, FIRST]
    assert done.left == [f"weeks from {FIRST + 1} on: needed by an open shipment"]
    assert not done.is_busy


def test_a_shipment_needs_what_its_device_measured_before_it_was_opened(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    three_weeks(world)
    rounds(keeper).run()
    open_shipment(world, created_at_ms=(FIRST + 20) * WEEK_MS)
    assert retention.needed_by(keeper, FIRST + 1) == ""
    world.connection.execute(
        "INSERT INTO attachment VALUES ('g', 2, 'logger-7', 'conditions', 'ShipperMSP', 1, 20, '')"
    )
    row = world.connection.execute("SELECT first_observed_at_ms AS at FROM message WHERE sequence = 21").fetchone()
    begins = week_of(int(str(row["at"]))) if row else 0
    assert retention.needed_by(keeper, begins) == "an open shipment"
    assert retention.needed_by(keeper, begins - 1) == ""
    world.connection.execute("UPDATE shipment SET status = 'closed'")
    assert retention.needed_by(keeper, begins) == ""


def open_shipment(world: PlausibilityWorld, *, created_at_ms: int) -> None:
    world.connection.execute(
        "INSERT INTO shipment (gsin, status, custodian, due_at_ms, created_at_ms, changed_block, head)"
        " VALUES ('g', 'open', '', 0, %s, 1, '{}')",
        [created_at_ms],
    )


def test_what_comes_late_for_a_dropped_week_is_taken_read_and_let_go_of_with_the_next_one(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    three_weeks(world)
    rounds(keeper, keep_weeks=10).run(now_ms=(FIRST + 11) * WEEK_MS)
    before, left = hours(world), readings(world)
    world.hold(pack(1, {"temperature": "4"}, device_id="logger-8"))
    world.judge()
    assert readings(world) == left + 1
    rounds(keeper, keep_weeks=10).run(now_ms=(FIRST + 12) * WEEK_MS)
    rows = {it.week: it.rows for it in retention.dropped_weeks(keeper)}
    late = world.connection.execute("SELECT FROM reading WHERE observed_at_ms < %s", [(FIRST + 1) * WEEK_MS])
    assert late.fetchall() == []
    assert sum(rows.values()) + readings(world) == 40 * 3 + 1
    assert hours(world) == before  # they stay as they were


# --- weeks that are compressed ----------------------------------------------------------------------------------------


def test_what_cannot_be_compressed_is_said(world: PlausibilityWorld, keeper: Connection) -> None:
    row = keeper.execute("SELECT current_setting('timescaledb.license', true) = 'timescale' AS can").fetchone()
    if row == {"can": True}:
        pytest.skip("the server that WAYPROOF_TIMESCALEDB names can compress")
    three_weeks(world)
    done = rounds(keeper, compress_after=2).run()
    assert done.compressed == []
    assert done.left == ["compression: it needs a hypertable, and TimescaleDB under its own licence"]


@pytest.mark.parametrize("world", ["licensed"], indirect=True)
async def test_compressed_weeks_hold_the_same_take_what_is_late_and_give_back_what_is_erased(
    world: PlausibilityWorld, keeper: Connection
) -> None:
    world.hold(*troubled())
    world.judge()
    before = summed(world)
    now_ms = (FIRST + 4) * WEEK_MS
    done = rounds(keeper, compress_after=2).run(now_ms=now_ms)
    assert done.compressed == [FIRST - 1, FIRST, FIRST + 1]
    assert done.left == []
    assert hours(world) == summed(world) == before
    assert (await fsck(world)).first == {}
    late = [signed_nothing(n, "5.5", minute=(n - 40) * 100 + 7) for n in range(41, 60)]
    world.hold(*late)
    world.judge()
    assert rounds(keeper, compress_after=2).run(now_ms=now_ms).leaves == 19
    erase(world, world.connection.execute("SELECT ingest_id FROM message WHERE sequence = 3").fetchone())
    world.connection.execute("DELETE FROM reading_flag WHERE ingest_id = 3")
    rounds(keeper, compress_after=2).run(now_ms=now_ms)
    assert hours(world) == summed(world) != before
    assert readings(world) == 40 + 19 - 1
    assert (await fsck(world)).first == {}
    dropped = rounds(keeper, keep_weeks=9, compress_after=2).run(now_ms=(FIRST + 11) * WEEK_MS)
    assert dropped.dropped == [FIRST - 1, FIRST, FIRST + 1]
    assert dropped.rows == 40 + 19 - 1 - readings(world)
    assert (await fsck(world)).first == {}


# --- the process ------------------------------------------------------------------------------------------------------


def settings_file(world: PlausibilityWorld, folder: Path, *, keep: str = "keep_readings_weeks = 5") -> Path:
    file = folder / "settings.toml"
    file.write_text(
        f"""
organisation = "ShipperMSP"
[database]
dsn = "{world.database.dsn.get_secret_value()}"
{keep}
[ledger]
kind = "embedded"
endpoint = "127.0.0.1:1"
tls_ca = "unused.pem"
channel = "wayproof"
contract = "wayproof"
users = "unused"
[maintenance]
interval_s = 0.05
group_size = 10
""",
        "utf-8",
    )
    return file


def store(file: Path, *arguments: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wayproof", "store", *arguments, "--settings", str(file)],
        env={**os.environ, "WAYPROOF_FAILPOINT": failpoint}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["rollups.before_commit:3", "rollups.after_commit:2", "retention.before_commit:2"])
def test_killed_around_a_commit_it_has_every_reading_once(world: PlausibilityWorld, tmp_path: Path, place: str) -> None:
    three_weeks(world)
    whole, total = summed(world), readings(world)
    file = settings_file(world, tmp_path)
    assert store(file, "maintain", "--once", failpoint=place).returncode == -signal.SIGKILL
    killed = rollups.checkpoint(world.connection)
    assert killed is not None
    assert killed.leaf_index == (40 if place.startswith("retention") else 20)
    noted = retention.dropped_weeks(world.connection)
    assert readings(world) + sum(it.rows for it in noted) == total
    again = store(file, "maintain", "--once")
    assert again.returncode == 0, again.stderr
    assert "looked after the store" in again.stderr
    assert "weeks dropped: " in again.stdout
    assert hours(world) == whole
    assert sum(it.rows for it in retention.dropped_weeks(world.connection)) == total
    assert readings(world) == 0


async def test_it_goes_on_and_there_is_one_only(world: PlausibilityWorld, tmp_path: Path) -> None:
    read = settings.load(settings_file(world, tmp_path, keep=""))
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(read, stop=stop))
    try:
        for count in (3, 6):
            world.hold(*wandering(3, begin=count - 2))
            deadline = time.monotonic() + PATIENCE_S
            while sum(row["count"] for row in hours(world)) < 2 * count:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        with pytest.raises(StoreError, match="another process looks after this database") as refused:
            await asyncio.to_thread(worker.once, read)
        assert refused.value.code == "keeper_running"
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


async def test_stopped_within_a_round_it_ends_after_its_step(world: PlausibilityWorld, tmp_path: Path) -> None:
    world.hold(*wandering(30))
    read = settings.load(settings_file(world, tmp_path, keep=""))
    stop = asyncio.Event()
    with world.connection.transaction():
        world.connection.execute("LOCK TABLE reading_hour IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(worker.run(read, stop=stop))
        deadline = time.monotonic() + PATIENCE_S
        waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'reading_hour'::regclass"
        while not world.connection.execute(waits.encode()).fetchall():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.sleep(0)
    await asyncio.wait_for(task, PATIENCE_S)
    assert rollups.checkpoint(world.connection) == Place(1, 10)


# --- fsck -------------------------------------------------------------------------------------------------------------


def signed_nothing(sequence: int, measured: str, *, minute: int) -> NewMessage:
    """Make an unsigned message whose payload says what is stored of it."""
    made = pack(sequence, {"temperature": measured}, minute=minute)
    at_s = (BEGIN_MS + minute * MINUTE_MS) // 1000
    payload = f'[{{"bt":{at_s},"n":"temperature","u":"Cel","v":{measured}}}]'.encode()
    return made._replace(
        payload=payload, topic="wayproof/v1/ShipperMSP/logger-7/messages", message_hash=sha256(payload).digest()
    )


async def fsck(world: PlausibilityWorld) -> Findings:
    """Return what fsck says of readings, flags and hours; the messages of these tests were never signed."""
    found = await check(world.settings, scope=Scope(ledger=False), progress=Progress(is_shown=False))
    for table in found.first.keys() - {"reading", "reading_hour", "reading_flag", "plausibility_memory"}:
        del found.first[table]
    return found


def troubled() -> list[NewMessage]:
    """Make three weeks of temperatures with jumps in them, which rules remember from week to week."""
    step = WEEK_MIN // 13
    return [
        signed_nothing(n, "104.5" if n in (5, 13, 14, 30) else f"4.{n % 9 + 1}", minute=n * step) for n in range(1, 41)
    ]


async def test_fsck_finds_everything_right_after_weeks_are_gone(world: PlausibilityWorld, keeper: Connection) -> None:
    world.hold(*troubled())
    world.judge()
    rounds(keeper).run()
    assert (await fsck(world)).first == {}
    done = rounds(keeper, keep_weeks=9).run(now_ms=(FIRST + 11) * WEEK_MS)
    assert len(done.dropped) == 3
    found = await fsck(world)
    assert found.first == {}
    assert found.counts["dropped readings"] == done.rows
    assert found.counts["flags"] == len(world.flags()) >= 4
    assert any("hours are of weeks whose readings were dropped" in note for note in found.notes)
    with pytest.raises(StoreError, match="weeks of readings were dropped") as refused, world.connection.transaction():
        flags.forget(world.connection)
    assert refused.value.code == "readings_dropped"


TOUCHED: Sequence[tuple[str, str]] = (
    ("UPDATE reading_hour SET sum = sum + 1 WHERE hour_ms = (SELECT max(hour_ms) FROM reading_hour)", "should be 1 4"),
    ("DELETE FROM reading_hour WHERE hour_ms = (SELECT max(hour_ms) FROM reading_hour)", "stored no row; should be 1"),
    ("UPDATE reading_hour SET quantity_id = quantity_id + 1", "stored no row"),
    ("UPDATE reading_hour_checkpoint SET leaf_index = leaf_index - 1", "should be no row"),
)


async def test_hours_that_somebody_touched_are_named(world: PlausibilityWorld, keeper: Connection) -> None:
    world.hold(*troubled())
    rounds(keeper).run()
    for statement, says in TOUCHED:
        with world.connection.transaction():
            copied = hours(world)
            place = rollups.checkpoint(world.connection)
            world.connection.execute(statement.encode())
        found = await fsck(world)
        assert report.status(replace(found, unchecked=[])) == report.MISMATCH, statement
        assert says in str(found.first["reading_hour"]), statement
        with world.connection.transaction():
            restore(world, copied, place)
    assert "reading_hour" not in (await fsck(world)).first


def restore(world: PlausibilityWorld, rows: Sequence[dict[str, Any]], place: Any) -> None:  # noqa: ANN401 - a place
    run = world.connection.execute
    run("DELETE FROM reading_hour")
    for row in rows:
        run(
            "INSERT INTO reading_hour VALUES (%(stream_id)s, %(quantity_id)s, %(hour_ms)s, %(count)s, %(sum)s,"
            " %(minimum)s, %(maximum)s)",
            row,
        )
    run("UPDATE reading_hour_checkpoint SET leaf_index = %s", [place.leaf_index])


async def test_a_dropped_week_comes_back_from_its_messages(
    world: PlausibilityWorld, keeper: Connection, tmp_path: Path
) -> None:
    world.hold(*troubled())
    world.judge()
    rounds(keeper).run()
    before = everything(world)
    rounds(keeper, keep_weeks=9).run(now_ms=(FIRST + 11) * WEEK_MS)
    world.hold(signed_nothing(41, "7.5", minute=3))  # late
    rounds(keeper).run()
    for keep, week, code in (("keep_readings_weeks = 5", FIRST, "week_not_kept"), ("", FIRST + 3, "week_not_dropped")):
        file = settings_file(world, tmp_path, keep=keep)
        refused = await asyncio.to_thread(store, file, "restore-week", str(week))
        assert refused.returncode == 1
        assert code in refused.stderr
    for week in (FIRST, FIRST - 1, FIRST + 1):
        done = await asyncio.to_thread(store, file, "restore-week", str(week))
        assert done.returncode == 0, done.stderr
        assert "readings are back" in done.stdout
    assert retention.dropped(keeper) == frozenset()
    rounds(keeper).run()
    assert [row for row in everything(world) if row["ingest_id"] != 41] == before
    assert hours(world) == summed(world)
    assert (await fsck(world)).first == {}


def everything(world: PlausibilityWorld) -> list[dict[str, Any]]:
    return list(world.connection.execute("SELECT * FROM reading ORDER BY ingest_id, ordinal"))
