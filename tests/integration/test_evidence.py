"""Evidence that the platform makes from a real ledger, judged by the verifier: what a journey can bring with it."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiofabric.embedded import DevelopmentLedgerWarning
from support.journey import CARRIER, CONSIGNEE, SHIPPER, ErasableLog, Journey, journey, judge
from support.ledger_follower import CHANNEL, LedgerFollower
from support.memory_device import Device
from wayproof.errors import ContractRefusal, EvidenceError
from wayproof.evidence.assemble import StoredErasure, StoredMessage
from wayproof.evidence.collect import collect_evidence
from wayproof_verifier.report import Exit, Report
from wayproof_verifier.telemetry import Message, decode

pytestmark = pytest.mark.filterwarnings(f"ignore::{DevelopmentLedgerWarning.__module__}.DevelopmentLedgerWarning")


@pytest.fixture
async def shipped(tmp_path: Path) -> AsyncIterator[Journey]:
    """A shipment with its device attached, six messages sealed and anchored, in the shipper's custody."""
    async with journey(tmp_path) as story:
        ledger = story.ledger(SHIPPER)
        await ledger.submit("create_shipment", story._shipment())
        await attach(story, story.device)
        story.publish(6)
        await story.anchor()
        yield story


async def attach(story: Journey, device: Device) -> None:
    await story.ledger(SHIPPER).submit(
        "attach_device",
        {"gsin": story.gsin, "position": device.position("conditions"), "anchor": story.log.reference()},
    )


def condition(story: Journey, *devices: Device) -> dict[str, object]:
    positions = [device.position("conditions") for device in devices or (story.device,)]
    return {"positions": positions, "anchors": [story.log.reference()], "latest": [], "remark": "as seen"}


async def hand_over(story: Journey, custodian: str, taker: str, *devices: Device) -> None:
    offered = await story.ledger(custodian).submit(
        "offer_custody", {"gsin": story.gsin, "to": taker, "condition": condition(story, *devices)}
    )
    await story.ledger(taker).submit(
        "accept_custody",
        {"gsin": story.gsin, "offer": offered["offer"]["version"], "condition": condition(story, *devices)},
    )


async def close(story: Journey) -> None:
    await story.ledger(CONSIGNEE).submit("close_shipment", {"gsin": story.gsin, "condition": condition(story)})


def assert_verified(report: Report) -> None:
    assert report.exit_status is Exit.VERIFIED, [check for check in report.checks if check.problems]


async def test_an_open_shipment_is_verified_and_said_to_be_open(shipped: Journey) -> None:
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert "open" in {finding.kind for finding in report.findings}
    assert judge(*await shipped.evidence(), require_closed=True).failed == ("closed",)


async def test_a_closed_shipment_with_every_block(shipped: Journey) -> None:
    await hand_over(shipped, SHIPPER, CONSIGNEE)
    await close(shipped)
    await shipped.anchor()
    evidence, trust = await shipped.evidence(with_blocks=True)
    report = judge(evidence, trust, require_closed=True)
    assert_verified(report)
    assert report.check("blocks.chain") is not None
    assert report.as_of_block is not None
    assert judge(evidence, trust, min_height=report.as_of_block + 1).failed == ("height",)


async def test_endorsed_state_may_come_in_pages(shipped: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wayproof.ledger.READ_RECORDS_LIMIT", 3)
    evidence, trust = await shipped.evidence()
    assert evidence.count(b'"type":"state"') > 2
    assert_verified(judge(evidence, trust))


async def test_a_rotated_key_counts_up_to_the_position_that_its_ending_names(shipped: Journey) -> None:
    shipped.publish(2)  # sealed, but not anchored before the rotation
    last = shipped.device.position("conditions")
    renewed = Device(SHIPPER, shipped.device.device_id, streams=shipped.device.streams)
    await shipped.ledger(SHIPPER, "registrar").submit(
        "rotate_device_key",
        {
            "device_id": renewed.device_id,
            "algorithm": "ES256",
            "public_key": _base64(renewed.public_key),
            "last_positions": [last],
        },
    )
    shipped.publish(3, device=renewed)
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert report.shipment is not None
    assert report.shipment.intervals[0].messages == 11


async def test_what_a_thief_signs_with_a_rotated_key_before_ingest_knows_of_it_fails_the_evidence(
    shipped: Journey,
) -> None:
    """The window between the ledger and ingest (docs/adr/0025): the honest chain is whole, and yet no evidence is."""
    thief = Device(SHIPPER, shipped.device.device_id, shipped.device.key, dict(shipped.device.streams))
    renewed = Device(SHIPPER, shipped.device.device_id, streams=shipped.device.streams)
    rotation = {"device_id": renewed.device_id, "algorithm": "ES256", "public_key": _base64(renewed.public_key)}
    last = [shipped.device.position("conditions")]
    await shipped.ledger(SHIPPER, "registrar").submit("rotate_device_key", {**rotation, "last_positions": last})
    shipped.publish(2, device=renewed)
    await shipped.anchor()
    assert_verified(judge(*await shipped.evidence()))
    shipped.publish(1, device=thief)
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert report.failed == ("messages.signatures",)
    assert "equivocation" in {finding.kind for finding in report.findings}


async def test_messages_of_a_revoked_key_after_its_last_anchor_do_not_count(shipped: Journey) -> None:
    shipped.publish(2)
    await shipped.ledger(SHIPPER, "registrar").submit(
        "revoke_device", {"device_id": shipped.device.device_id, "reason": "stolen", "last_positions": []}
    )
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert report.failed == ("messages.signatures",)


async def test_a_logger_attached_afterwards_is_called_retrospective(shipped: Journey) -> None:
    late = Device(SHIPPER, "logger-8")
    await shipped.ledger(SHIPPER, "registrar").submit(
        "register_device",
        {
            "device_id": late.device_id,
            "algorithm": "ES256",
            "public_key": _base64(late.public_key),
            "home_log": shipped.log.log_id,
            "model": "demo logger",
        },
    )
    beginning = late.position("conditions")
    shipped.publish(4, device=late)
    await shipped.anchor()
    await shipped.ledger(SHIPPER).submit(
        "attach_device", {"gsin": shipped.gsin, "position": beginning, "anchor": shipped.log.reference()}
    )
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert any(finding.kind == "retrospective" and "logger-8" in str(finding.where) for finding in report.findings)


async def test_a_device_detached_with_the_counterparty_ends_its_interval(shipped: Journey) -> None:
    detachment = {
        "gsin": shipped.gsin,
        "position": shipped.device.position("conditions"),
        "anchor": shipped.log.reference(),
    }
    await shipped.ledger(SHIPPER).submit("detach_device", detachment)
    await shipped.ledger(CONSIGNEE).submit("detach_device", detachment)
    shipped.publish(3)
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert report.shipment is not None
    assert report.shipment.intervals[0].messages == 6


async def test_messages_that_come_after_close_are_added_by_an_amendment(shipped: Journey) -> None:
    await hand_over(shipped, SHIPPER, CONSIGNEE)
    await close(shipped)
    shipped.publish(2)
    await shipped.anchor()
    await shipped.ledger(SHIPPER).submit(
        "amend_shipment",
        {"gsin": shipped.gsin, "remark": "two more", "late": [shipped.device.position("conditions")]},
    )
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert report.shipment is not None
    assert report.shipment.intervals[0].messages == 8


async def test_an_erased_message_is_named_and_the_chain_stays_whole(shipped: Journey) -> None:
    log = shipped.log
    assert isinstance(log, ErasableLog)
    stored = list(log.leaves(6))[2]
    assert isinstance(stored, StoredMessage)
    message = decode(stored.payload, topic=stored.topic)
    assert isinstance(message, Message)
    log.erased[2] = StoredErasure(
        index=2,
        entry=log._sealed[2].entry,
        device_id=message.device_id,
        stream=message.stream,
        position=(message.boot, message.sequence),
        hash=message.message_hash,
        previous=message.previous,
    )
    await shipped.ledger(SHIPPER, "privacy").submit(
        "record_erasure",
        {
            **log.reference(),
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
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert [finding.kind for finding in report.findings].count("erased") == 1


async def test_an_equivocation_is_shown_and_named(shipped: Journey) -> None:
    forked = Device(SHIPPER, shipped.device.device_id, key=shipped.device.key)
    forked.streams["conditions"] = (5, _hash_of(shipped, 5))
    [payload] = [
        forked.publish(
            "conditions", observed_at_s=shipped.start_s, measured=[{"n": "temperature", "u": "Cel", "v": 2.5}]
        )
    ]
    shipped.receive(payload)
    shipped.log.seal()
    shipped.publish(2)
    await shipped.anchor()
    report = judge(*await shipped.evidence())
    assert_verified(report)
    assert "equivocation" in {finding.kind for finding in report.findings}


async def test_evidence_of_a_stranger_is_refused_and_unknown_shipments_are_named(shipped: Journey) -> None:
    follower = LedgerFollower(shipped.network(), SHIPPER)
    with pytest.raises(ContractRefusal, match="there is no shipment") as refused:
        await collect_evidence(shipped.ledger(SHIPPER), source=follower, gsin="09506000111111116", channel=CHANNEL)
    assert refused.value.code == "not_found"
    with pytest.raises(EvidenceError, match="are not kept here"):
        await collect_evidence(shipped.ledger(SHIPPER), source=follower, gsin=shipped.gsin, channel=CHANNEL)


async def test_only_the_shippers_device_can_be_attached_by_the_shipper(shipped: Journey) -> None:
    with pytest.raises(ContractRefusal) as refused:
        await shipped.ledger(CARRIER).submit(
            "detach_device",
            {
                "gsin": shipped.gsin,
                "position": {**shipped.device.position("conditions"), "device_id": "nobody"},
                "anchor": shipped.log.reference(),
            },
        )
    assert (refused.value.code, refused.value.status) == ("not_attached", 409)


def _hash_of(story: Journey, sequence: int) -> bytes:
    for leaf in story.log.leaves(story.log.subtrees.size):
        assert isinstance(leaf, StoredMessage)
        message = decode(leaf.payload, topic=leaf.topic)
        if isinstance(message, Message) and message.sequence == sequence:
            return message.message_hash
    raise AssertionError(sequence)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
