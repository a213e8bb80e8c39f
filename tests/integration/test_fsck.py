"""fsck on a real small world: consistent as it stands, and every single changed, removed or added row is named."""

import base64
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest
import pytest_asyncio

from aiofabric.embedded import DevelopmentLedgerWarning
from support.database import RunningCluster
from support.journey import SHIPPER, Journey
from support.log_store import add, refused
from support.memory_device import Device
from support.tampering import KEYS, Tamper, apply, columns, count, lift_constraints, restored, run
from support.world import World, projecting, world
from wayproof.anchor.anchoring import anchor
from wayproof.fsck import report
from wayproof.fsck.check import Scope, check
from wayproof.fsck.finding import Findings
from wayproof.fsck.progress import Progress
from wayproof.projected import KEYS as PROJECTED
from wayproof.settings import LogSettings, Settings
from wayproof.store import log
from wayproof.store.connection import Connection
from wayproof_verifier.telemetry import Message, decode

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning"),
    pytest.mark.asyncio(loop_scope="module"),
]

QUIET = Progress(is_shown=False)
LOG_ONLY, LEDGER_ONLY = Scope(ledger=False), Scope(log=False)
OF_LEDGER = tuple(PROJECTED)
OF_LOG = ("message", "reading", "stream", "quantity", "log_waiting", "log_epoch", "log_leaf", "log_tile")


@dataclass(frozen=True, slots=True)
class Case:
    """The world of this module: settings to check by, and a connection that may do anything."""

    settings: Settings
    owner: Connection
    made: World

    async def fsck(self, scope: Scope = Scope()) -> Findings:  # noqa: B008 - a value
        return await check(self.settings, scope=scope, progress=QUIET)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def case(postgres: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Case]:
    directory = tmp_path_factory.mktemp("fsck")
    async with world(directory, postgres=postgres) as made:
        async with projecting(made.settings[SHIPPER]):
            await _live(made)
            await made.projected(SHIPPER)
        with made.connect(SHIPPER) as owner:
            lift_constraints(owner)
            yield Case(_settings(made, directory), owner, made)


async def _live(made: World) -> None:
    """Let everything happen: a journey, text readings, an erasure, refusals of every kind, one that still waits."""
    story = made.journey
    await story.ship()
    await story.hand_over()
    await story.close()
    door = story.device.publish("conditions", observed_at_s=story.start_s, measured=[{"n": "door", "vb": True}])
    story.receive(door)
    story.log.seal()
    await story.anchor()
    await _erase(made, 2)
    await _rotate(story)
    with made.connect(SHIPPER) as connection:
        add(connection, _refusals(story.device))
        with connection.transaction():
            log.seal(connection, epoch=1, limit=100)
        now_ms = time.time_ns() // 1_000_000
        head = await anchor(
            story.ledger(SHIPPER, "anchor"), connection, log_id=story.log.log_id, heartbeat_s=60, now_ms=now_ms
        )
        assert head is not None
        add(connection, [refused(b"{late", "malformed_json", topic=story.device.topic, device_id="logger-7")])


async def _rotate(story: Journey) -> None:
    """End the device's key where it is now."""
    device = story.device
    key = base64.b64encode(Device(SHIPPER, "another").public_key).decode()
    last = [device.position("conditions")]
    argument = {"device_id": device.device_id, "algorithm": "ES256", "public_key": key, "last_positions": last}
    await story.ledger(SHIPPER, "registrar").submit("rotate_device_key", argument)


def _refusals(device: Device) -> list:  # type: ignore[type-arg]  # of NewMessage
    good = device.publish(
        "conditions", observed_at_s=1_760_000_000, measured=[{"n": "temperature", "u": "Cel", "v": 1}]
    )
    forged = good[:-1] + bytes([good[-1] ^ 1])
    stranger = Device(SHIPPER, device.device_id)
    strange = stranger.publish("conditions", observed_at_s=1_760_000_000, measured=[{"n": "x", "v": 1}])
    bare = b'[{"bt":1760000000,"n":"temperature","u":"Cel","v":1}]'
    wrong = {
        good: "key_ended",
        forged: "bad_signature",
        strange: "wrong_key",
        bare: "not_signed",
        b"{": "malformed_json",
    }
    now_ms = time.time_ns() // 1_000_000 + 3_600_000  # long after the key was registered
    return [
        refused(payload, code, topic=device.topic, device_id=device.device_id, received_at_ms=now_ms)
        for payload, code in wrong.items()
    ]


async def _erase(made: World, index: int) -> None:
    """Erase a message lawfully: record and removal."""
    story = made.journey
    [leaf] = [leaf for leaf in story.log.leaves(index + 1) if leaf.index == index]
    message = decode(leaf.payload, topic=leaf.topic)
    assert isinstance(message, Message)
    position = {
        "device_id": message.device_id,
        "stream": message.stream,
        "boot": message.boot,
        "sequence": message.sequence,
        "hash": message.message_hash.hex(),
    }
    why = {"previous_hash": message.previous.hex(), "reason": "personal data", "authority": "the officer"}
    record = {**story.log.reference(), "index": index, "position": position, **why}
    await story.ledger(SHIPPER, "privacy").submit("record_erasure", record)
    made.log.erase(index)


def _settings(made: World, directory: Path) -> Settings:
    key = directory / "unused.pem"
    own = LogSettings(log_id="shipper-log", origin="shipper.example/wayproof", checkpoint_key=key, receipt_key=key)
    return made.settings[SHIPPER].model_copy(update={"log": own})


def tampers(connection: Connection, tables: tuple[str, ...]) -> Iterator[Tamper]:
    """Yield a removal and a change of every column, of the first, a middle and the last row of each table."""
    for table in tables:
        number = count(connection, table)
        assert number > 0, f"{table} is empty: nothing would be tested"
        rows = {0, number - 1}
        if table == "message":  # one of each kind: accepted, erased, refused, waiting
            rows |= {2, number - 5, number - 4}
        for row in sorted(rows):
            yield Tamper(table, row)
            for column in columns(connection, table):
                yield Tamper(table, row, column)


async def missed(case: Case, tables: tuple[str, ...], scope: Scope) -> tuple[list[str], int]:
    """Tamper with one row after another; return what was not named, and how many were tried."""
    unseen, tried = [], 0
    waiting = count(case.owner, "message") - 1  # of a message without a leaf, the row that lets it wait is left
    rows = run(case.owner, "SELECT topic FROM message ORDER BY ingest_id")
    erased = next(place for place, row in enumerate(rows) if row["topic"] is None)
    beyond_proof = Tamper("message", erased, "received_at_ms")  # what it committed to is gone
    for tamper in tampers(case.owner, tables):
        if tamper == beyond_proof:
            continue
        with restored(case.owner, tamper.table):
            apply(case.owner, tamper)
            found = await case.fsck(scope)
            tried += 1
        named = {"message", "log_waiting"} if tamper.table == "message" and tamper.row == waiting else {tamper.table}
        if not named & found.first.keys() or report.status(found) != report.MISMATCH:
            unseen.append(f"{tamper}: {[str(it) for it in found.first.values()]}")
    return unseen, tried


async def test_a_world_that_nobody_touched_is_consistent(case: Case) -> None:
    found = await case.fsck()
    assert found.first == {}
    assert report.status(found) == report.CONSISTENT
    for name in ("messages", "readings", "leaves", "tiles", "anchored heads", "erased messages", "projected rows"):
        assert found.counts[name] > 0


async def test_every_changed_or_removed_row_of_the_log_is_named(case: Case) -> None:
    unseen, tried = await missed(case, OF_LOG, LOG_ONLY)
    assert unseen == []
    assert tried > 100


async def test_a_changed_or_removed_checkpoint_is_named(case: Case) -> None:
    unseen, tried = await missed(case, ("ledger_checkpoint",), LEDGER_ONLY)
    assert unseen == []
    assert tried > 0


async def test_every_changed_or_removed_row_of_the_projection_is_named(case: Case) -> None:
    """The tables are compared each for itself, so that one row of every table is changed at once."""
    unseen, tried = [], 0
    for at_once in zip_longest(*(list(tampers(case.owner, (table,))) for table in OF_LEDGER)):
        done = [tamper for tamper in at_once if tamper is not None]
        with restored(case.owner, *(tamper.table for tamper in done)):
            for tamper in done:
                apply(case.owner, tamper)
            found = await case.fsck(LEDGER_ONLY)
        tried += len(done)
        unseen += [str(tamper) for tamper in done if not _is_named(tamper, found)]
    assert unseen == []
    assert tried > 100


def _is_named(tamper: Tamper, found: Findings) -> bool:
    """Tell whether a changed column, or a row that is gone (or moved, where its key changed), is what is said."""
    mismatch = found.first.get(tamper.table)
    if mismatch is None:
        return False
    is_whole_row = not tamper.column or tamper.column in KEYS[tamper.table]
    return mismatch.column == ("" if is_whole_row else tamper.column)


READING = "INSERT INTO reading SELECT {} FROM reading LIMIT 1"
MESSAGE = """
    INSERT INTO message (ingest_id, device_id, received_at_ms, topic, payload, salt, entry, message_hash, rejection)
    OVERRIDING SYSTEM VALUE
    SELECT 999999, device_id, received_at_ms, topic, payload, salt, '\\x00', '\\x01', 'malformed_json'
    FROM message WHERE topic IS NOT NULL LIMIT 1
"""
ANCHOR = """
    INSERT INTO anchor SELECT log_id, epoch, 999, size, root, tx_id, tx_timestamp_ms, block_number, tx_index
    FROM anchor LIMIT 1
"""


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("log_waiting", "INSERT INTO log_waiting SELECT min(ingest_id), min(ingest_id) FROM log_leaf"),
        ("log_waiting", "INSERT INTO log_waiting VALUES (999999, 999999)"),
        ("log_leaf", "INSERT INTO log_leaf SELECT 1, size, 999999 FROM log_epoch"),
        ("log_leaf", "INSERT INTO log_leaf SELECT epoch, size, first_ingest_id FROM log_epoch, log_waiting"),
        ("log_leaf", "INSERT INTO log_leaf VALUES (1, -1, 999999)"),
        ("log_leaf", "INSERT INTO log_leaf VALUES (7, 0, 999999)"),
        ("log_epoch", "INSERT INTO log_epoch VALUES (2, 'shipper-log', 0)"),
        ("log_tile", "INSERT INTO log_tile VALUES (1, 1, 0, '\\x00')"),
        ("log_tile", "INSERT INTO log_tile VALUES (1, 8, 0, '\\x00')"),
        ("log_tile", "INSERT INTO log_tile VALUES (3, 0, 0, '\\x00')"),
        ("log_waiting", MESSAGE),
        ("reading", READING.format("stream_id, observed_at_ms, ingest_id, 99, quantity_id, value, scale, text")),
        ("reading", READING.format("stream_id, 1, ingest_id, ordinal, quantity_id, value, scale, text")),
        ("reading", READING.format("stream_id, observed_at_ms, 999999, ordinal, quantity_id, value, scale, text")),
        ("shipment", "INSERT INTO shipment SELECT gsin || '1', status, custodian, 1, 1, 1, head FROM shipment"),
        ("anchor", ANCHOR),
    ],
)
async def test_an_added_row_is_named(case: Case, table: str, statement: str) -> None:
    changed = statement.split()[2]
    with restored(case.owner, changed):
        run(case.owner, statement)
        found = await case.fsck()
    assert table in found.first
    assert report.status(found) == report.MISMATCH


async def test_two_messages_that_changed_places_in_the_log_are_named(case: Case) -> None:
    with restored(case.owner, "log_leaf"):
        run(case.owner, "UPDATE log_leaf SET ingest_id = -ingest_id WHERE leaf_index IN (3, 4)")
        run(
            case.owner,
            "UPDATE log_leaf SET ingest_id = -other.ingest_id FROM log_leaf AS other"
            " WHERE log_leaf.leaf_index IN (3, 4) AND other.leaf_index = 7 - log_leaf.leaf_index",
        )
        found = await case.fsck(LOG_ONLY)
    assert list(found.first) == ["log_leaf"]
    assert "index 3" in str(found.first["log_leaf"])


async def test_a_message_rewritten_with_its_entry_is_named_by_its_leaf(case: Case) -> None:
    with restored(case.owner, "message"):
        run(case.owner, "UPDATE message SET message_hash = message_hash || '\\x00' WHERE payload = '{late'")
        run(
            case.owner,
            "UPDATE message SET salt = other.salt, topic = other.topic, payload = other.payload, entry = other.entry,"
            " received_at_ms = other.received_at_ms, message_hash = sha256(other.payload), boot = other.boot,"
            " sequence = other.sequence, previous = other.previous, after_boot = other.after_boot,"
            " after_sequence = other.after_sequence, rejection = other.rejection, stream_id = other.stream_id"
            " FROM message AS other WHERE message.payload = '{' AND other.payload = '{late'",
        )
        found = await case.fsck(LOG_ONLY)
    assert "log_leaf" in found.first


async def test_a_ledger_that_is_away_leaves_the_projection_unchecked(case: Case) -> None:
    ledger = case.settings.ledger.model_copy(update={"endpoint": "127.0.0.1:1"})
    away = case.settings.model_copy(update={"ledger": ledger})
    found = await check(away, scope=Scope(), progress=QUIET)
    assert report.status(found) == report.UNCHECKED
    assert "ledger_unavailable" in found.unchecked[0]
    assert found.counts["leaves"] > 0


async def test_what_is_wrong_comes_first_in_the_report(case: Case) -> None:
    with restored(case.owner, "reading"):
        run(case.owner, "UPDATE reading SET value = 1085 WHERE value IS NOT NULL AND ordinal = 0")
        found = await case.fsck(LOG_ONLY)
    first, *_, last = report.as_text(found, duration_s=1.25).splitlines()
    assert first.startswith("reading (ingest_id ")
    assert "value: stored 1085; should be" in first
    assert "more in reading" in first
    assert last.startswith("mismatch: ")
    assert '"status": "mismatch"' in report.as_json(found, duration_s=1.25)
