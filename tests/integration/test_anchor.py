"""The anchor process on a real ledger and a real database: each head once, nothing left out, never a silent loss."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.database import RunningCluster
from support.journey import SHIPPER
from support.log_store import add, noise
from support.world import World, projecting, world
from wayproof.anchor import worker
from wayproof.anchor.anchoring import Head, anchor, ledger_head
from wayproof.anchor.errors import LogBehindLedger, NotRegistered
from wayproof.anchor.register import register_log, retire_log
from wayproof.errors import OutcomeUnknown
from wayproof.ledger import Ledger
from wayproof.log import LogError, VerifierKey, epoch_origin, verify_checkpoint
from wayproof.log.keys import generate_key, read_checkpoint_key, sign_head
from wayproof.settings import AnchorSettings, LogSettings, Settings
from wayproof.store import log
from wayproof.store.connection import Connection

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

LOG_ID = "shipper-log"
PATIENCE_S = 30.0


@pytest.fixture
async def made(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[World]:
    async with world(tmp_path, postgres=postgres) as it:
        yield it


@pytest.fixture
def ledger(made: World) -> Ledger:
    return made.journey.ledger(SHIPPER, "anchor")


@pytest.fixture
def connection(made: World) -> Connection:
    return made.log.connection


def settings_of(made: World, directory: Path, *, log_id: str = LOG_ID, endpoint: str = "") -> Settings:
    for name in ("checkpoint", "receipt"):
        if not (directory / f"{name}.pem").exists():
            generate_key(directory / f"{name}.pem")
    read = made.settings[SHIPPER]
    own = LogSettings(
        log_id=log_id,
        origin="shipper.example/wayproof",
        checkpoint_key=directory / "checkpoint.pem",
        receipt_key=directory / "receipt.pem",
    )
    changes = {"log": own, "anchor": AnchorSettings(interval_s=0.05, heartbeat_s=60.0)}
    if endpoint:
        changes["ledger"] = read.ledger.model_copy(update={"endpoint": endpoint})
    return read.model_copy(update=changes)


def seal(connection: Connection, *, count: int, epoch: int = 1) -> None:
    add(connection, noise(count))
    with connection.transaction():
        log.seal(connection, epoch=epoch, limit=10_000)


async def record(ledger: Any, connection: Connection, *, heartbeat_s: float = 600.0) -> Head | None:  # noqa: ANN401 - or a wrapped one
    now_ms = time.time_ns() // 1_000_000
    return await anchor(ledger, connection, log_id=LOG_ID, heartbeat_s=heartbeat_s, now_ms=now_ms)


async def running_until(settings: Settings, is_so: Any) -> None:  # noqa: ANN401 - a function, blocking or not
    """Run the process until something is so, and stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop=stop))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await is_so():
                assert not task.done(), task.exception()
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await asyncio.wait([task])
    await task


@dataclass
class Unreliable:
    """A ledger whose answers get lost, or that shows an old head first."""

    ledger: Ledger
    lost: int = 0
    old_heads: list[dict[str, Any]] = field(default_factory=list)
    submitted: int = 0

    async def query(self, name: str, argument: dict[str, object]) -> dict[str, Any]:
        return self.old_heads.pop() if self.old_heads else await self.ledger.query(name, argument)

    async def submit(self, name: str, argument: dict[str, object]) -> dict[str, Any]:
        self.submitted += 1
        answer = await self.ledger.submit(name, argument)
        if self.lost:
            self.lost -= 1
            raise OutcomeUnknown("sent, and nothing was heard")
        return answer


async def test_what_waits_is_sealed_and_its_head_anchored(made: World, ledger: Ledger, tmp_path: Path) -> None:
    add(made.log.connection, noise(300))

    async def is_anchored() -> bool:
        return (await ledger_head(ledger, log_id=LOG_ID)).size == 300

    await running_until(settings_of(made, tmp_path), is_anchored)
    head = await ledger_head(ledger, log_id=LOG_ID)
    assert head.root == log.tree(made.log.connection, epoch=1).root()
    assert head.counter <= 2


async def test_what_comes_is_sealed_though_the_next_anchor_is_an_hour_away(made: World, tmp_path: Path) -> None:
    settings = settings_of(made, tmp_path)
    settings = settings.model_copy(update={"anchor": AnchorSettings(interval_s=3600.0)})
    connection = made.log.connection
    add(connection, noise(3))
    came = False

    async def is_sealed() -> bool:
        nonlocal came
        size = log.epochs(connection)[-1].size
        if size == 3 and not came:
            add(connection, noise(4))
            came = True
        return size == 7

    await running_until(settings, is_sealed)


async def test_nothing_new_is_not_anchored_again_until_the_heartbeat(ledger: Ledger, connection: Connection) -> None:
    seal(connection, count=3)
    first = await record(ledger, connection)
    assert first is not None
    assert (first.counter, first.size) == (1, 3)
    assert await record(ledger, connection) is None
    beat = await record(ledger, connection, heartbeat_s=0.0)
    assert beat is not None
    assert (beat.counter, beat.size, beat.root) == (2, 3, first.root)


async def test_an_anchor_whose_outcome_is_unknown_is_found_and_not_sent_again(
    ledger: Ledger, connection: Connection
) -> None:
    seal(connection, count=3)
    unreliable = Unreliable(ledger, lost=1)
    found = await record(unreliable, connection)
    assert found == await ledger_head(ledger, log_id=LOG_ID)
    assert (found.counter, unreliable.submitted) == (1, 1)


async def test_another_counter_is_asked_for_and_the_backlog_is_one_anchor(
    ledger: Ledger, connection: Connection
) -> None:
    old = await ledger.query("get_anchor_head", {"log_id": LOG_ID})
    seal(connection, count=2)
    await record(ledger, connection)
    for _ in range(3):
        seal(connection, count=400)
    unreliable = Unreliable(ledger, old_heads=[old])
    found = await record(unreliable, connection)
    assert found is not None
    assert (found.counter, found.size, unreliable.submitted) == (2, 1202, 2)


async def test_sealing_goes_on_while_the_ledger_is_away(made: World, tmp_path: Path, ledger: Ledger) -> None:
    add(made.log.connection, noise(5))

    async def is_sealed() -> bool:
        return log.epochs(made.log.connection)[-1].size == 5

    await running_until(settings_of(made, tmp_path, endpoint="127.0.0.1:1"), is_sealed)
    assert (await ledger_head(ledger, log_id=LOG_ID)).size == 0


async def test_a_restored_database_stops_anchoring_loudly_and_goes_on_in_the_next_epoch(
    made: World, ledger: Ledger, connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(made, tmp_path)
    seal(connection, count=4)
    await record(ledger, connection)
    seal(connection, count=3)
    anchored = await record(ledger, connection)
    with connection.transaction():  # what a backup from before the last three would hold
        log.cut(connection, epoch=1, size=4)
    connection.execute("DELETE FROM log_waiting")
    seal(connection, count=1)
    with pytest.raises(LogBehindLedger, match="wayproof log retire"):
        await record(ledger, connection)

    async def has_said() -> bool:
        return any(getattr(it, "code", "") == "log_behind_ledger" for it in caplog.records)

    await running_until(settings, has_said)
    assert [it.levelno for it in caplog.records if getattr(it, "code", "") == "log_behind_ledger"] == [logging.ERROR]
    assert await ledger_head(ledger, log_id=LOG_ID) == anchored

    next_keys = tmp_path / "next-checkpoint.pem", tmp_path / "next-receipt.pem"
    for path in next_keys:
        generate_key(path)
    for is_new in (True, False):  # once more, as after a crash in between
        done = await retire_log(settings, epoch=1, reason="restored too old: 3 leaves", next_keys=next_keys)
        assert (done.epoch, done.status, done.is_new) == (2, "open", is_new)
    assert [(it.epoch, it.size) for it in log.epochs(connection)] == [(1, 4), (2, 0)]
    with connection.transaction():
        log.seal(connection, epoch=2, limit=10)
    found = await record(ledger, connection)
    assert found is not None
    assert (found.epoch, found.counter, found.size) == (2, 1, 1)


async def test_changed_leaves_are_never_anchored(ledger: Ledger, connection: Connection) -> None:
    seal(connection, count=4)
    await record(ledger, connection)
    connection.execute("UPDATE log_tile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))")
    seal(connection, count=1)
    with pytest.raises(LogBehindLedger, match="not those"):
        await record(ledger, connection)
    assert (await ledger_head(ledger, log_id=LOG_ID)).counter == 1


async def test_a_log_is_registered_once_and_only_with_its_keys(made: World, tmp_path: Path) -> None:
    made.log.connection.execute("DELETE FROM log_epoch")
    settings = settings_of(made, tmp_path, log_id="second-log")
    with pytest.raises(NotRegistered, match="wayproof log register"):
        await ledger_head(made.journey.ledger(SHIPPER, "anchor"), log_id="second-log")
    first, again = await register_log(settings), await register_log(settings)
    assert (first.epoch, first.is_new, again.is_new) == (1, True, False)
    assert [(it.epoch, it.log_id, it.size) for it in log.epochs(made.log.connection)] == [(1, "second-log", 0)]
    (tmp_path / "keys").mkdir()
    with pytest.raises(LogError, match="checkpoint_key, receipt_key"):
        await register_log(settings_of(made, tmp_path / "keys", log_id="second-log"))


async def test_a_checkpoint_is_signed_of_what_the_ledger_has_and_no_more(
    made: World, ledger: Ledger, connection: Connection, tmp_path: Path
) -> None:
    settings = settings_of(made, tmp_path)
    assert log.published_head(connection, log_id=LOG_ID) is None
    seal(connection, count=3)
    await record(ledger, connection)
    seal(connection, count=2)
    async with projecting(made.settings[SHIPPER]):
        await made.projected(SHIPPER)
    head = log.published_head(connection, log_id=LOG_ID)
    assert head is not None
    key = read_checkpoint_key(settings.require_log().checkpoint_key)
    note = sign_head(key, origin="shipper.example/wayproof", epoch=head.epoch, size=head.size, root=head.root)
    name = epoch_origin("shipper.example/wayproof", epoch=1)
    read = verify_checkpoint(note, key=VerifierKey(name, key.public_key().public_bytes_raw()))
    assert (read.origin, read.size, read.root) == (name, 3, log.tree(connection, epoch=1, size=3).root())


async def test_only_the_present_epoch_can_be_retired(made: World, tmp_path: Path) -> None:
    settings = settings_of(made, tmp_path)
    for epoch in (2, 7):
        with pytest.raises(LogError, match="name that epoch"):
            await retire_log(settings, epoch=epoch, reason="a mistake", next_keys=None)
    final = await retire_log(settings, epoch=1, reason="merged", next_keys=None)
    assert (final.epoch, final.status) == (1, "retired")
