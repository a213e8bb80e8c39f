"""What devices and time bring: ended keys, gaps, equivocations, erasures, receipts; and what readers insist on."""

from typing import Any

import pytest

from support.evidence_builder import LOG, Journey, finished, network, small_journey, text, whole_journey
from support.evidence_device import Device, spki
from support.evidence_forging import changed, left_out, report_of, swapped
from wayproof_verifier.report import Exit


@pytest.fixture(scope="module")
def journey() -> Journey:
    return whole_journey()


def test_a_message_signed_by_another_key_is_refused() -> None:
    journey = small_journey()
    true, journey.device.key = journey.device.key, Device("x").key
    journey.send(1)
    journey.device.key = true
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.failed == ("messages.signatures",)


def test_a_message_of_a_revoked_key_after_its_head_is_refused() -> None:
    journey = small_journey()
    journey.submit("revoke_device", {"device_id": "logger-1", "reason": "stolen", "last_positions": []})
    journey.send(1)
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.failed == ("messages.signatures",)
    assert "key_ended" in {finding.kind for finding in report.findings}


def test_a_late_message_counts_on_the_chain_that_the_revocation_names() -> None:
    journey = small_journey()
    sent = [journey.device.send() for _ in range(3)]
    journey.submit(
        "revoke_device", {"device_id": "logger-1", "reason": "retired", "last_positions": [journey.device.position()]}
    )
    journey.log(*sent)
    journey.anchor()
    assert report_of(journey, journey.lines()).exit_status is Exit.VERIFIED
    beyond = journey.device.send()
    journey.log(beyond)
    journey.anchor()
    assert report_of(journey, journey.lines()).failed == ("messages.signatures",)


def test_a_rotated_key_counts_before_and_the_new_one_after() -> None:
    journey = small_journey()
    position = journey.device.position()
    journey.device.key = Device("x").key
    journey.submit(
        "rotate_device_key",
        {
            "device_id": "logger-1",
            "algorithm": "EdDSA",
            "last_positions": [position],
            "public_key": text(spki(journey.device.key)),
        },
    )
    journey.device.boot = 2
    journey.send(2)
    journey.anchor()
    assert report_of(journey, journey.lines()).exit_status is Exit.VERIFIED


def test_a_gap_is_a_finding_when_declared_and_a_failure_when_not() -> None:
    journey = small_journey()
    journey.device.send()
    journey.send(1)
    journey.anchor()
    assert report_of(journey, journey.lines()).failed == ("intervals.complete",)
    journey.gaps = [[1, 3, 3]]
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert "gap" in {finding.kind for finding in report.findings}


def test_a_break_is_refused() -> None:
    journey = small_journey()
    boot, sequence, _ = journey.device.last["conditions"]
    journey.device.last["conditions"] = (boot, sequence, b"x" * 32)
    journey.send(1)
    journey.anchor()
    assert report_of(journey, journey.lines()).failed == ("intervals.complete",)


@pytest.mark.parametrize("false_first", [True, False])
def test_equivocations_are_named_and_fail_nothing(false_first: bool) -> None:  # noqa: FBT001
    journey = small_journey()
    false = journey.device.send("7.5", remember=False)
    true = journey.device.send("4.5")
    journey.log(*([false, true] if false_first else [true, false]))
    journey.send(1)
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert [finding.kind for finding in report.findings].count("equivocation") == 1


def test_a_message_logged_twice_is_named() -> None:
    journey = small_journey()
    (sent,) = journey.send(1)
    journey.log(sent)
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert "duplicate" in {finding.kind for finding in report.findings}


def test_retrospective_messages_are_named_even_if_the_attachment_names_an_old_anchor() -> None:
    journey = Journey(network(), Device("logger-1"))
    journey.prepare()
    position = journey.device.position()
    journey.send(2)
    journey.anchor()
    old = {"log_id": LOG, "epoch": 1, "counter": 0}
    journey.submit("attach_device", {"gsin": journey.gsin, "position": position, "anchor": old})
    journey.send(1)
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert {"retrospective", "older_anchor"} <= {finding.kind for finding in report.findings}
    assert report.shipment is not None
    assert report.shipment.intervals[0].retrospective == 2


def erased_journey() -> Journey:
    journey = small_journey()
    sent = journey.leaves[1].sent
    assert sent is not None
    position = {
        "device_id": "logger-1",
        "stream": "conditions",
        "boot": 1,
        "sequence": 2,
        "hash": sent.hash.hex(),
    }
    erasure = {"log_id": LOG, "epoch": 1, "counter": 1, "index": 1, "position": position}
    reasons = {"previous_hash": sent.previous.hex(), "reason": "a person asked", "authority": "GDPR Art. 17"}
    journey.submit("record_erasure", {**erasure, **reasons})
    journey.erased = {1}
    journey.send(2)
    journey.anchor()
    return journey


def test_an_erased_message_is_named_and_the_chain_stays_whole() -> None:
    report = report_of(erased := erased_journey(), erased.lines())
    assert report.exit_status is Exit.VERIFIED
    (finding,) = [finding for finding in report.findings if finding.kind == "erased"]
    assert finding.text == "cannot be checked, erased by MakerMSP: a person asked (GDPR Art. 17)"


def test_an_erased_leaf_without_its_record_is_refused() -> None:
    journey = small_journey()
    journey.erased = {1}
    assert "erasures" in report_of(journey, journey.lines()).failed


def test_an_erasure_that_is_not_shown_is_left_over() -> None:
    journey = erased_journey()
    journey.erased, journey.hidden = set(), {1}
    assert "file.format" in report_of(journey, journey.lines()).failed


def test_a_stream_in_two_attachments_belongs_to_both_in_turn() -> None:
    journey = small_journey()
    detach = {"gsin": journey.gsin, "position": journey.device.position(), "anchor": journey.anchor_reference}
    journey.submit("detach_device", detach)
    journey.submit("detach_device", detach, by=1)
    journey.attach()
    journey.send(3)
    journey.anchor()
    lines = journey.lines()
    lines = changed(changed(lines, "interval", 0, messages=2), "interval", 1, messages=3)
    assert report_of(journey, lines).exit_status is Exit.VERIFIED
    assert "intervals.complete" in report_of(journey, swapped(lines, "interval")).failed


def test_late_messages_move_the_end_of_a_closed_interval() -> None:
    journey = whole_journey(before=0)
    journey.send(2)
    journey.anchor()
    assert "messages.scope" in report_of(journey, journey.lines()).failed
    journey.submit("amend_shipment", {"gsin": journey.gsin, "remark": "late", "late": [journey.device.position()]})
    assert report_of(journey, journey.lines()).exit_status is Exit.VERIFIED


# --- what the reader insists on ------------------------------------------------------------


def test_the_reader_can_insist_on_height_and_close() -> None:
    journey = small_journey()
    report = report_of(journey, journey.lines(), min_height=5)
    assert report.exit_status is Exit.VERIFIED
    assert report_of(journey, journey.lines(), min_height=6).failed == ("height",)
    assert report_of(journey, journey.lines(), require_closed=True).failed == ("closed",)


def test_a_truncated_history_is_older_than_asked_for(journey: Journey) -> None:
    older = small_journey()
    earlier = older.lines()
    older.hand_over()
    assert report_of(older, earlier).exit_status is Exit.VERIFIED
    assert report_of(older, earlier, min_height=len(older.network.blocks) - 1).failed == ("height",)
    assert report_of(journey, journey.lines(), min_height=11).exit_status is Exit.VERIFIED


def test_receipts_hold_the_platform_to_what_it_promised(journey: Journey) -> None:
    sent = [item.sent for item in journey.leaves[3:9] if item.sent]
    good = journey.receipt(sent[:3]) + journey.receipt(sent)
    assert report_of(journey, journey.lines(), receipts=good).exit_status is Exit.VERIFIED
    assert report_of(journey, left_out(journey), receipts=good).failed == ("intervals.complete", "receipts")


def test_a_receipted_message_that_is_missing_is_found() -> None:
    journey = small_journey()
    dropped = [journey.device.send()]
    journey.send(1)
    journey.anchor()
    journey.gaps = [[1, 3, 3]]
    receipt = journey.receipt(dropped)
    assert report_of(journey, journey.lines()).exit_status is Exit.VERIFIED
    assert report_of(journey, journey.lines(), receipts=receipt).failed == ("receipts",)
    later = journey.receipt(dropped, anchored_by_ms=journey.network.clock_ms + 1)
    report = report_of(journey, journey.lines(), receipts=later)
    assert report.exit_status is Exit.VERIFIED
    assert "receipt_not_due" in {finding.kind for finding in report.findings}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"device_id": "logger-2"}, "never attached"),
        ({"log_id": "other"}, "home log"),
        ({"epoch": 2}, "no epoch 2"),
        ({"key": Device("x").key}, "key"),
        ({"held": [{"stream": "conditions", "boot": 1, "first": 4, "last": 5, "last_hash": "11" * 32}]}, "not there"),
    ],
)
def test_a_receipt_of_something_else_is_refused(journey: Journey, changes: dict[str, Any], why: str) -> None:
    sent = [item.sent for item in journey.leaves[3:6] if item.sent]
    report = report_of(journey, journey.lines(), receipts=journey.receipt(sent, **changes))
    assert report.failed == ("receipts",)
    check = report.check("receipts")
    assert check is not None
    assert why in check.problems[0].reason


def test_a_replayed_receipt_promises_nothing_here(journey: Journey) -> None:
    before = [item.sent for item in journey.leaves[:3] if item.sent]
    report = report_of(journey, journey.lines(), receipts=journey.receipt(before))
    assert report.exit_status is Exit.VERIFIED
    assert "receipt_elsewhere" in {finding.kind for finding in report.findings}
    stranger_receipt = whole_journey().receipt([item.sent for item in whole_journey().leaves[3:6] if item.sent])
    assert report_of(journey, journey.lines(), receipts=stranger_receipt).failed == ("receipts",)


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b'{"receipt":"AAAA"}\n', b'{"receipt":1}\n', b"\xff\n"])
def test_receipts_that_are_none_fail_their_check(journey: Journey, line: bytes) -> None:
    report = report_of(journey, journey.lines(), receipts=line)
    assert report.failed == (("receipts",) if line else ())


def test_an_attachment_before_anything_was_anchored_is_whole_and_empty() -> None:
    journey = Journey(network(), Device("logger-1"))
    journey.prepare()
    journey.attach()
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert report.shipment is not None
    assert report.shipment.intervals[0].messages == 0


def test_a_shipment_without_devices_is_unmonitored_from_begin_to_end() -> None:
    journey = Journey(network(), Device("logger-1"))
    journey.prepare()
    keys = [key for key in journey.state_keys() if key.startswith("shipment")]
    journey.state_keys = lambda: keys  # type: ignore[method-assign]
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert [finding.kind for finding in report.findings] == ["unmonitored"]


def test_a_log_that_went_on_in_another_epoch_is_followed() -> None:
    journey = small_journey()
    keys = {"checkpoint_key": text(spki(journey.checkpoint_key)), "receipt_key": text(spki(journey.receipt_key))}
    journey.submit("retire_log", {"log_id": LOG, "epoch": 1, "reason": "restored from a copy", "next": keys})
    first = journey.log_lines()
    journey.epoch, journey.counter, journey.leaves = 2, 0, []
    journey.send(2)
    journey.anchor()
    lines = journey.lines()
    place = next(number for number, line in enumerate(lines) if line["type"] == "log")
    lines = changed(finished([*lines[:place], *first, *lines[place:]]), "interval", messages=4)
    report = report_of(journey, lines)
    assert report.exit_status is Exit.VERIFIED
    assert "log_retired" in {finding.kind for finding in report.findings}
    forged = finished(
        [
            *lines[:place],
            *lines[place + len(first) :],
        ]
    )
    assert "anchors.consistency" in report_of(journey, forged).failed
    assert "file.format" in report_of(journey, swapped(lines, "log")).failed


def test_more_findings_than_anybody_reads_are_counted() -> None:
    journey = small_journey()
    journey.gaps = []
    for _ in range(250):
        journey.device.send()
        last = journey.send(1)[0].sequence
        journey.gaps.append([1, last - 1, last - 1])
    journey.anchor()
    report = report_of(journey, journey.lines())
    assert report.exit_status is Exit.VERIFIED
    assert len(report.findings) == 201
    assert "more findings are not listed" in report.findings[-1].text


def test_an_old_page_of_state_does_not_borrow_a_newer_one_s_height() -> None:
    journey = small_journey()
    stale = journey.network.endorsed([key for key in journey.state_keys() if key.startswith("shipment")])
    journey.hand_over()
    journey.anchor()
    fresh = journey.network.endorsed([key for key in journey.state_keys() if not key.startswith("shipment")])
    lines = [line for line in journey.lines() if line["type"] != "state"]
    states = [{"type": "state", "payload": text(page)} for page in (fresh, stale)]
    events = {tx_id for tx_id, (version, _) in journey.network.envelopes.items() if version[0] in {6, 7}}
    kept = [line for line in lines if line.get("envelope") not in {envelope(journey, tx_id) for tx_id in events}]
    lines = finished([*kept[:2], *states, *kept[2:]])
    assert report_of(journey, lines).exit_status is Exit.VERIFIED
    assert report_of(journey, lines).as_of_block == 4
    assert report_of(journey, lines, min_height=6).failed == ("height",)


def envelope(journey: Journey, tx_id: str) -> str:
    return text(journey.network.envelopes[tx_id][1])
