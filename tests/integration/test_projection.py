"""The projection on a real ledger and a real database: the same rows whenever and however it runs."""

import asyncio
import base64
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aiofabric.embedded import DevelopmentLedgerWarning, Organisation
from support.database import RunningCluster, running_cluster
from support.embedded_network import running_ledger
from support.journey import CARRIER, CONSIGNEE, SHIPPER
from support.ledger_follower import LedgerFollower, Tables
from support.memory_log import spki
from support.world import World, new_database, projecting, settings_of, world
from wayproof import ledger
from wayproof.errors import ContractRefusal
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS
from wayproof.projected import KEYS, ProjectionError
from wayproof.settings import Settings
from wayproof.store.connection import connect
from wayproof.store.ledger_view import checkpoint, rows, wait_until_height

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

SEED = 4
KILLS = 4


@pytest.fixture
async def trade(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[World]:
    async with world(tmp_path, postgres=postgres) as made:
        yield made


def stored(trade: World, msp_id: str = SHIPPER) -> Tables:
    """Return the rows of every projected table by their keys."""
    with trade.connect(msp_id) as connection, connection.transaction():
        return {
            table: {tuple(row[name] for name in key): row for row in rows(connection, table)}
            for table, key in KEYS.items()
        }


async def replayed(trade: World, msp_id: str = SHIPPER) -> Tables:
    """Return the same, computed from block 0 in memory."""
    follower = LedgerFollower(trade.journey.network_of(msp_id, "operator"), msp_id)
    await follower.reach(await follower.newest_block())
    return {table: follower.replay.tables.get(table, {}) for table in KEYS}


async def test_what_is_projected_block_by_block_is_what_a_replay_gives(trade: World) -> None:
    async with projecting(trade.settings[SHIPPER]):
        await trade.journey.ship()
        await trade.projected(SHIPPER)
        await trade.journey.hand_over()
        await trade.journey.close()
        device = trade.journey.device
        revoked = {"device_id": device.device_id, "reason": "lost", "last_positions": [device.position("conditions")]}
        await trade.journey.ledger(SHIPPER, "registrar").submit("revoke_device", revoked)
        await trade.projected(SHIPPER)
    tables = stored(trade)
    assert tables == await replayed(trade)
    assert all(tables.values())
    [shipment] = tables["shipment"].values()
    assert (shipment["status"], shipment["custodian"]) == ("closed", CONSIGNEE)
    assert [row["end_boot"] for row in tables["attachment"].values()] == [1, 1]
    assert [row["resolution"] for row in tables["excursion"].values()] == ["product_rejected"]


async def test_texts_that_the_database_cannot_hold_stop_nothing(trade: World) -> None:
    story = trade.journey
    await story.ledger(SHIPPER).submit("create_shipment", story._shipment())
    await story.ledger(CARRIER).submit("amend_shipment", {"gsin": story.gsin, "remark": "nul \x00 and \ud7ff"})
    async with projecting(trade.settings[SHIPPER]):
        await trade.projected(SHIPPER)
    tables = stored(trade)
    assert tables == await replayed(trade)
    [shipment] = tables["shipment"].values()
    assert [amendment["remark"] for amendment in shipment["head"]["amendments"]] == ["nul \ufffd and \ud7ff"]
    assert b"nul \\u0000 and" in tables["ledger_record"][f"shipment/{story.gsin}",]["value"]


async def test_catching_up_gives_the_same_rows_in_few_transactions(trade: World) -> None:
    await trade.journey.ship()
    await trade.journey.hand_over()
    async with projecting(trade.settings[SHIPPER]):
        height = await trade.projected(SHIPPER)
    assert stored(trade) == await replayed(trade)
    with trade.connect(SHIPPER) as connection:
        transactions = connection.execute("SELECT count(DISTINCT xmin::text) AS count FROM ledger_record").fetchone()
    assert height > 5
    assert transactions == {"count": 1}


async def test_an_organisation_sees_its_shipments_and_everybodys_devices_and_anchors(
    tmp_path: Path, postgres: RunningCluster
) -> None:
    async with world(tmp_path, postgres=postgres, members=(SHIPPER, CARRIER)) as made:
        shipment = made.journey._shipment()
        shipment["parties"] = [party for party in shipment["parties"] if party["msp_id"] != CARRIER]
        await made.journey.ledger(SHIPPER).submit("create_shipment", shipment)
        made.journey.publish(2)
        await made.journey.anchor()
        async with projecting(made.settings[SHIPPER]), projecting(made.settings[CARRIER]):
            await made.projected(SHIPPER)
            await made.projected(CARRIER)
        seen, hidden = stored(made, SHIPPER), stored(made, CARRIER)
        assert len(seen["shipment"]) == 1
        for table in ("shipment", "shipment_event", "attachment", "excursion"):
            assert not hidden[table]
        for table in ("device", "device_key", "log_record", "anchor", "ledger_config_block"):
            assert hidden[table] == seen[table]
            assert hidden[table]
        gsin = made.journey.gsin.encode()
        assert not any(gsin in row["value"] or gsin in row["key"].encode() for row in hidden["ledger_record"].values())
        assert not any(gsin in row["envelope"] for row in hidden["ledger_transaction"].values())
        with pytest.raises(ContractRefusal) as refused:
            await made.journey.ledger(CARRIER).query("get_shipment", {"gsin": made.journey.gsin})
        assert refused.value.code == "not_a_party"


async def test_it_waits_for_its_turn_while_another_one_projects(trade: World) -> None:
    async with projecting(trade.settings[SHIPPER]):
        await trade.projected(SHIPPER)
        async with projecting(trade.settings[SHIPPER]) as second:
            await trade.journey.ship()
            await trade.projected(SHIPPER)
            assert not second.done()
    assert stored(trade) == await replayed(trade)


async def test_another_ledger_is_refused(trade: World, tmp_path: Path, postgres: RunningCluster) -> None:
    async with projecting(trade.settings[SHIPPER]):
        await trade.projected(SHIPPER)
    before = stored(trade)
    async with world(tmp_path, postgres=postgres) as other:
        elsewhere = other.settings[SHIPPER].model_copy(update={"database": trade.settings[SHIPPER].database})
        with pytest.raises(ProjectionError) as refused:
            async with projecting(elsewhere) as task:
                await task
    assert refused.value.code == "ledger_other_genesis"
    assert stored(trade) == before


async def test_a_forked_ledger_is_refused(trade: World) -> None:
    async with projecting(trade.settings[SHIPPER]):
        await trade.projected(SHIPPER)
    with trade.connect(SHIPPER) as connection:
        connection.execute("UPDATE ledger_checkpoint SET last_block_hash = %s", [bytes(32)])
    await trade.journey.ship()
    before = stored(trade)
    with pytest.raises(ProjectionError) as refused:
        async with projecting(trade.settings[SHIPPER]) as task:
            await task
    assert refused.value.code == "ledger_forked"
    assert stored(trade) == before


async def test_waiting_ends_with_the_block_or_with_its_time(trade: World) -> None:
    height = await trade.height()
    with trade.connect(SHIPPER) as connection:
        assert not wait_until_height(connection, 1, 0.05)
        async with projecting(trade.settings[SHIPPER]):
            waiting = asyncio.to_thread(wait_until_height, connection, height, 60.0)
            assert await waiting
            assert not wait_until_height(connection, height + 1, 0.0)


async def test_it_goes_on_when_the_database_was_away(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as cluster:
        async with world(tmp_path, postgres=cluster) as made:
            async with projecting(made.settings[SHIPPER]):
                await made.projected(SHIPPER)
                cluster.kill()
                story = made.journey
                await story.ledger(SHIPPER).submit("create_shipment", story._shipment())
                cluster.start()
                await made.projected(SHIPPER)
            assert stored(made) == await replayed(made)


async def test_it_goes_on_when_the_ledger_was_away(tmp_path: Path, postgres: RunningCluster) -> None:
    organisations = [Organisation(SHIPPER, USERS)]
    home = tmp_path / "ledger"
    served = running_ledger(home, organisations=organisations, chaincodes={CONTRACT: ENTRY_POINT}, channel=CONTRACT)
    async with served as running:
        database = new_database(postgres)
        settings = settings_of(SHIPPER, database, home=home, endpoint=running.address)
        with connect(database, application="test") as connection:
            async with projecting(settings):
                assert await asyncio.to_thread(wait_until_height, connection, 1, 60.0)
                await running.kill()
                await running.start()
                await _register_log(settings)
                assert await asyncio.to_thread(wait_until_height, connection, 2, 60.0)
            with connection.transaction():
                assert [row["log_id"] for row in rows(connection, "log_record")] == ["a-log"]


async def _register_log(settings: Settings) -> None:
    key = base64.b64encode(spki(Ed25519PrivateKey.generate())).decode()
    async with ledger.connect(settings.ledger, msp_id=SHIPPER, user="anchor") as (_, contract):
        await contract.submit(
            "register_log",
            {"log_id": "a-log", "origin": "shipper.example/log", "checkpoint_key": key, "receipt_key": key},
        )


@asynccontextmanager
async def process(trade: World, path: Path, *, failpoint: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the projection in a process of its own."""
    await asyncio.to_thread(path.write_text, trade.settings_toml(SHIPPER, failpoint=failpoint))
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wayproof", "projection", "--settings", str(path),
        env={**os.environ},
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


async def test_killed_again_and_again_it_leaves_what_a_replay_gives(trade: World, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a test's choices, the same each time
    path = tmp_path / "settings.toml"
    anchoring = asyncio.create_task(_keep_anchoring(trade))
    try:
        for _ in range(KILLS):
            place = chance.choice(("projection.before_commit", "projection.after_commit"))
            async with process(trade, path, failpoint=f"{place}:{chance.randint(1, 4)}") as killed:
                assert await killed.wait() == -signal.SIGKILL
    finally:
        anchoring.cancel()
        await asyncio.wait([anchoring])
    async with process(trade, path) as last:
        height = await trade.projected(SHIPPER)
        last.terminate()
        assert await last.wait() == 0
    assert stored(trade) == await replayed(trade)
    with trade.connect(SHIPPER) as connection:
        reached = checkpoint(connection)
    assert reached is not None
    assert reached.height == height


async def _keep_anchoring(trade: World) -> None:
    while True:
        trade.journey.publish(1)
        await trade.journey.anchor()
        await asyncio.sleep(0.05)
