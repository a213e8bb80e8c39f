"""Evidence out of an organisation's real database and ledger, judged by the verifier."""

import asyncio
import base64
import io
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.database import RunningCluster
from support.journey import CARRIER, CONSIGNEE, ORGANISATIONS, SHIPPER, judge
from support.memory_device import Device
from support.world import World, projecting, world
from wayproof import ledger
from wayproof.errors import ContractRefusal, EvidenceError
from wayproof.evidence import stored
from wayproof.evidence.assemble import StoredMessage
from wayproof.evidence.write import write_evidence
from wayproof.ledger import CONTRACT
from wayproof.store.ledger_view import checkpoint
from wayproof_contract import canonical
from wayproof_verifier.options import Options
from wayproof_verifier.report import Exit, Report
from wayproof_verifier.telemetry import Message, decode
from wayproof_verifier.trust import TrustRoot
from wayproof_verifier.verify import verify

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")

STREAM = "conditions"


@pytest.fixture
async def trade(tmp_path: Path, postgres: RunningCluster) -> AsyncIterator[World]:
    """A world with the shipper's projection running."""
    async with world(tmp_path, postgres=postgres) as made, projecting(made.settings[SHIPPER]):
        yield made


async def export(trade: World, *, gsin: str = "", msp_id: str = SHIPPER, with_blocks: bool = False) -> bytes:
    settings, out = trade.settings[msp_id], io.BytesIO()
    connected = ledger.connect(settings.ledger, msp_id=msp_id, user="operator")
    with trade.connect(msp_id) as connection:
        async with connected as (network, contract):
            await write_evidence(
                settings.ledger,
                network=network,
                ledger=contract,
                connection=connection,
                gsin=gsin or trade.journey.gsin,
                out=out,
                with_blocks=with_blocks,
            )
    return out.getvalue()


def trust(trade: World) -> TrustRoot:
    with trade.connect(SHIPPER) as connection:
        reached = checkpoint(connection)
    assert reached is not None
    return TrustRoot(channel=CONTRACT, genesis=reached.genesis_hash, contract=CONTRACT, organisations=ORGANISATIONS)


def assert_verified(report: Report) -> None:
    assert report.exit_status is Exit.VERIFIED, [check for check in report.checks if check.problems]


async def begin(trade: World) -> None:
    story = trade.journey
    await story.ledger(SHIPPER).submit("create_shipment", story._shipment())
    await attach(trade)
    story.publish(6)
    await story.anchor()


async def attach(trade: World, device: Device | None = None) -> None:
    story = trade.journey
    position = (device or story.device).position(STREAM)
    await story.ledger(SHIPPER).submit(
        "attach_device", {"gsin": story.gsin, "position": position, "anchor": story.log.reference()}
    )


async def detach(trade: World) -> None:
    story = trade.journey
    detachment = {"gsin": story.gsin, "position": story.device.position(STREAM), "anchor": story.log.reference()}
    await story.ledger(SHIPPER).submit("detach_device", detachment)
    await story.ledger(CONSIGNEE).submit("detach_device", detachment)


async def test_the_whole_story_is_verified_with_every_block_and_with_the_receipts(trade: World) -> None:
    story = trade.journey
    await story.ship()
    await story.hand_over()
    await story.close()
    receipt = story.log.receipt(story.device.device_id, issued_at_ms=time.time_ns() // 1_000_000)
    receipts = io.BytesIO(canonical.encode({"receipt": base64.b64encode(receipt).decode()}) + b"\n")
    evidence = await export(trade, with_blocks=True)
    report = verify(io.BytesIO(evidence), trust=trust(trade), options=Options(require_closed=True), receipts=receipts)
    assert_verified(report)
    assert evidence.count(b'"type":"block"') == await trade.height()
    assert report.shipment is not None
    assert sum(interval.messages for interval in report.shipment.intervals) == 70
    assert evidence.count(b'"type":"message"') == 70


async def test_messages_of_others_in_the_same_log_are_only_hashes(trade: World) -> None:
    story = trade.journey
    other = Device(SHIPPER, "logger-of-somebody-else")
    await begin(trade)
    for _ in range(5):
        story.publish(30, device=other)
        story.publish(1)
    await story.anchor()
    evidence = await export(trade)
    assert_verified(judge(evidence, trust(trade)))
    assert b"logger-of-somebody-else" not in evidence
    assert evidence.count(b'"type":"message"') == 11
    assert story.log.subtrees.size == 161


async def test_only_the_anchors_near_to_what_happened_are_carried(trade: World) -> None:
    story = trade.journey
    await begin(trade)
    for _ in range(12):
        await story.anchor()
    await detach(trade)
    for _ in range(4):
        await story.anchor()
    evidence = await export(trade)
    assert_verified(judge(evidence, trust(trade)))
    [log] = [json.loads(line) for line in evidence.splitlines() if b'"type":"log"' in line]
    assert [[old, new] for old, new, _ in log["consistency"]] == [[1, 13], [13, 14], [14, 17]]


async def test_a_device_attached_twice_shows_its_two_intervals_and_nothing_between(trade: World) -> None:
    story = trade.journey
    await begin(trade)
    await detach(trade)
    story.publish(4)
    await story.anchor()
    await attach(trade)
    story.publish(3)
    await story.anchor()
    report = judge(await export(trade), trust(trade))
    assert_verified(report)
    assert report.shipment is not None
    assert [interval.messages for interval in report.shipment.intervals] == [6, 3]


@pytest.mark.parametrize("is_erased_here", [True, False])
async def test_an_erased_message_is_never_shown_again(trade: World, *, is_erased_here: bool) -> None:
    story = trade.journey
    await begin(trade)
    leaf = list(story.log.leaves(6))[2]
    assert isinstance(leaf, StoredMessage)
    message = decode(leaf.payload, topic=leaf.topic)
    assert isinstance(message, Message)
    await story.ledger(SHIPPER, "privacy").submit(
        "record_erasure",
        {
            **story.log.reference(),
            "index": 2,
            "position": {
                "device_id": message.device_id,
                "stream": message.stream,
                "boot": message.boot,
                "sequence": message.sequence,
                "hash": message.message_hash.hex(),
            },
            "previous_hash": message.previous.hex(),
            "reason": "personal data",
            "authority": "data protection officer",
        },
    )
    if is_erased_here:
        trade.log.erase(2)
    evidence = await export(trade)
    report = judge(evidence, trust(trade))
    assert_verified(report)
    assert [finding.kind for finding in report.findings].count("erased") == 1
    assert evidence.count(b'"type":"message"') == 5


async def test_a_message_that_vanished_without_an_erasure_makes_no_evidence(trade: World) -> None:
    await begin(trade)
    trade.log.erase(2)
    with pytest.raises(EvidenceError, match="leaf 2") as refused:
        await export(trade)
    assert refused.value.code == "evidence_outrun"


async def test_a_log_that_is_shorter_than_what_was_anchored_makes_no_evidence(trade: World) -> None:
    await begin(trade)
    trade.log.connection.execute("UPDATE log_epoch SET size = 5")
    with pytest.raises(EvidenceError, match="shorter here") as refused:
        await export(trade)
    assert refused.value.code == "log_shortened"


async def test_an_organisation_without_the_log_is_told_whom_to_ask(tmp_path: Path, postgres: RunningCluster) -> None:
    async with world(tmp_path, postgres=postgres, members=(SHIPPER, CARRIER)) as made:
        await begin(made)
        async with projecting(made.settings[CARRIER]):
            with pytest.raises(EvidenceError, match="ask the log's organisation") as refused:
                await export(made, msp_id=CARRIER)
    assert refused.value.code == "messages_elsewhere"


async def test_unknown_shipments_are_refused_by_the_contract(trade: World) -> None:
    with pytest.raises(ContractRefusal) as refused:
        await export(trade, gsin="09506000111111116")
    assert refused.value.code == "not_found"


async def test_a_projection_that_does_not_run_is_named(
    tmp_path: Path, postgres: RunningCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PROJECTED_WITHIN_S", 0.05)
    async with world(tmp_path, postgres=postgres) as made:
        await begin(made)
        with pytest.raises(EvidenceError) as refused:
            await export(made)
        assert refused.value.code == "projection_behind"


async def test_the_command_writes_the_file_to_standard_output(trade: World, tmp_path: Path) -> None:
    await begin(trade)
    settings = tmp_path / "settings.toml"
    settings.write_text(trade.settings_toml(SHIPPER))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wayproof", "evidence", trade.journey.gsin, "--settings", str(settings),
        stdout=asyncio.subprocess.PIPE, env={**os.environ},
    )  # fmt: skip
    evidence, _ = await process.communicate()
    assert process.returncode == 0
    assert_verified(judge(evidence, trust(trade)))
