"""Evidence that was recorded from each kind of ledger verifies for ever; touched, it is refused by name."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from support.evidence_builder import Json, finished, text, write
from support.evidence_forging import changed, of, swapped, without
from support.fabric_tampering import (
    Bend,
    high_s,
    with_forged_endorsement,
    with_high_s_endorsement,
    with_one_endorsement,
    with_one_endorsement_twice,
    with_other_answer,
)
from support.recorded import LEDGERS, Recorded, read
from support.recorded_channel import channel
from wayproof_verifier import cli
from wayproof_verifier.options import Options
from wayproof_verifier.report import CHECKS, Exit, Report, Status
from wayproof_verifier.verify import verify

FABRIC = ("bft", "raft", "raft-2.5")
SMALLEST = {"bft": 3}
_recorded = cache(read)


@pytest.fixture(params=LEDGERS)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    return _recorded(request.param)


@pytest.fixture(params=["bft", "raft"])
def fabric(request: pytest.FixtureRequest) -> Recorded:
    return _recorded(request.param)


# --- genuine ------------------------------------------------------------------------------------------------


def test_recorded_evidence_verifies_for_ever(recorded: Recorded) -> None:
    for evidence in (recorded.evidence, recorded.evidence_with_blocks):
        report = judge(evidence, recorded, receipts=recorded.receipts, min_height=10, require_closed=True)
        assert [check for check in report.checks if check.status is not Status.PASSED] == []
        assert report.exit_status is Exit.VERIFIED
        with_blocks = {"blocks.chain"} if evidence is recorded.evidence_with_blocks else set()
        assert {check.name for check in report.checks} == set(CHECKS) - {"blocks.chain"} | with_blocks
        assert report.ledger == ("embedded" if recorded.ledger == "embedded" else "fabric")
        assert report.shipment is not None
        assert (report.shipment.is_closed, len(report.shipment.intervals)) == (True, 2)
        kinds = {finding.kind for finding in report.findings}
        assert kinds == {"unmonitored", "gap"}


@pytest.mark.parametrize("ledger", FABRIC)
def test_a_certificate_that_expired_later_is_a_finding_and_no_more(ledger: str) -> None:
    recorded = _recorded(ledger)
    [(creator, ended_ms)] = {
        (certificate.parsed.subject.rfc4514_string(), int(certificate.not_after.timestamp() * 1000))
        for certificate in _creators(ledger)
        if (certificate.not_after - certificate.not_before).days < 1
    }
    assert creator == "CN=visitor@ShipperMSP,OU=client"
    before, after = (judge(recorded.evidence, recorded, at_ms=ended_ms + offset) for offset in (-1, 1))
    assert "certificate_expired" not in {finding.kind for finding in before.findings}
    [finding] = [finding for finding in after.findings if finding.kind == "certificate_expired"]
    assert "visitor@ShipperMSP of ShipperMSP was valid then and is not now" in finding.text
    assert after.exit_status is Exit.VERIFIED


@pytest.mark.parametrize("ledger", ["bft", "raft"])
def test_the_program_says_so(ledger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = _recorded(ledger)
    evidence, trust = tmp_path / "shipment.jsonl", tmp_path / "trust.json"
    evidence.write_bytes(recorded.evidence_with_blocks)
    trust.write_bytes(recorded.trust.encode())
    assert cli.main([str(evidence), "--trust-root", str(trust), "--require-closed"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("VERIFIED, as of block")
    assert "the certificate of visitor@ShipperMSP of ShipperMSP was valid then" in " ".join(text.split())
    assert "one machine holds all keys" not in text


# --- the trust root -----------------------------------------------------------------------------------------


def test_another_genesis_block_is_refused(recorded: Recorded) -> None:
    stranger = replace(recorded.trust, genesis=bytes(32))
    assert judge(recorded.evidence, recorded, trust=stranger).failed == ("trust.root",)


def test_evidence_of_one_channel_is_none_of_another(fabric: Recorded) -> None:
    other = _recorded("raft-2.5")
    assert judge(fabric.evidence, fabric, trust=other.trust).failed == ("trust.root",)


def test_organisations_outside_the_trust_root_do_not_count(fabric: Recorded) -> None:
    alone = replace(fabric.trust, organisations=("ShipperMSP",))
    report = judge(fabric.evidence, fabric, trust=alone)
    assert report.failed == ("state.endorsements",)
    assert "/Channel/Application/Endorsement is not satisfied by ShipperMSP" in why(report, "state.endorsements")


# --- endorsements -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (with_one_endorsement, "/Channel/Application/Endorsement is not satisfied by"),
        (with_one_endorsement_twice, "an endorser has signed twice"),
        (with_forged_endorsement, "the signature does not fit its message and key"),
        (with_high_s_endorsement, "the signature has high S"),
        (with_other_answer, "the signature does not fit its message and key"),
    ],
)
def test_bent_endorsements_are_refused(fabric: Recorded, bend: Bend, reason: str) -> None:
    """On the state, which its client does not sign, and on a transaction, whose client's signature then fails too."""
    lines = _lines(fabric.evidence)
    state = base64.b64decode(of(lines, "state")[0]["payload"])
    report = judge(write(changed(lines, "state", payload=text(bend(state)))), fabric)
    assert "state.endorsements" in report.failed
    assert reason in why(report, "state.endorsements")

    envelope = common_pb2.Envelope.FromString(base64.b64decode(of(lines, "transaction")[3]["envelope"]))
    envelope.payload = bend(envelope.payload)
    report = judge(write(changed(lines, "transaction", 3, envelope=text(envelope.SerializeToString()))), fabric)
    assert set(report.failed) >= {"transactions.creator", "transactions.endorsements"}
    assert reason in why(report, "transactions.endorsements")


def test_a_clients_signature_in_its_second_form_is_refused(fabric: Recorded) -> None:
    lines = _lines(fabric.evidence)
    envelope = common_pb2.Envelope.FromString(base64.b64decode(of(lines, "transaction")[3]["envelope"]))
    envelope.signature = high_s(envelope.signature)
    report = judge(write(changed(lines, "transaction", 3, envelope=text(envelope.SerializeToString()))), fabric)
    assert report.failed == ("transactions.creator",)
    assert "high S" in why(report, "transactions.creator")


# --- replays ------------------------------------------------------------------------------------------------


def test_a_transaction_cannot_come_twice(fabric: Recorded) -> None:
    lines = _lines(fabric.evidence)
    target = of(lines, "transaction")[3]
    place = lines.index(target)
    report = judge(write(finished([*lines[:place], target, *lines[place:]])), fabric)
    assert report.failed == ("file.format", "transactions.id")
    assert "is there twice" in why(report, "transactions.id")


def test_an_answer_cannot_be_put_under_another_proposal(fabric: Recorded) -> None:
    """Endorsers sign the proposal's hash: headers with another nonce make another proposal."""
    lines = _lines(fabric.evidence)
    one, two = (
        common_pb2.Envelope.FromString(base64.b64decode(line["envelope"])) for line in of(lines, "transaction")[3:5]
    )
    forged, fresh = common_pb2.Payload.FromString(one.payload), common_pb2.Payload.FromString(two.payload)
    forged.header.CopyFrom(fresh.header)
    transaction = transaction_pb2.Transaction.FromString(forged.data)
    transaction.actions[0].header = fresh.header.signature_header
    forged.data = transaction.SerializeToString()
    envelope = common_pb2.Envelope(payload=forged.SerializeToString(), signature=one.signature)
    replayed = changed(lines, "transaction", 4, envelope=text(envelope.SerializeToString()))
    report = judge(write(replayed), fabric)
    assert "transactions.endorsements" in report.failed
    assert "the endorsers answered another proposal" in why(report, "transactions.endorsements")


# --- blocks -------------------------------------------------------------------------------------------------


def _data(block: Any) -> None:  # noqa: ANN401 - a protobuf message
    envelope = bytearray(block.data.data[0])
    envelope[200] ^= 1
    block.data.data[0] = bytes(envelope)


def _header(block: Any) -> None:  # noqa: ANN401 - a protobuf message
    block.header.previous_hash = bytes(32)


def _fewer_orderers(block: Any) -> None:  # noqa: ANN401 - a protobuf message
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
    del metadata.signatures[-1]
    block.metadata.metadata[0] = metadata.SerializeToString()


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (_data, "the data hash is not that of its envelopes"),
        (_header, "it does not follow block 7"),
        (_fewer_orderers, "/Channel/Orderer/BlockValidation is not satisfied"),
    ],
)
def test_a_touched_block_is_refused(recorded: Recorded, bend: Callable[[Any], None], reason: str) -> None:
    lines = _lines(recorded.evidence_with_blocks)
    block = _smallest(of(lines, "block")[8]["block"], recorded)
    bend(block)
    report = judge(write(changed(lines, "block", 8, block=text(block.SerializeToString()))), recorded)
    assert report.failed == ("blocks.chain",)
    assert reason in why(report, "blocks.chain")


@pytest.mark.parametrize("change", [without, swapped])
def test_a_block_that_is_missing_or_moved_is_refused(
    recorded: Recorded, change: Callable[[list[Json], str, int], list[Json]]
) -> None:
    lines = _lines(recorded.evidence_with_blocks)
    assert judge(write(change(lines, "block", 8)), recorded).failed == ("blocks.chain",)


def test_a_config_block_needs_its_orderers_and_its_predecessor(fabric: Recorded) -> None:
    lines = _lines(fabric.evidence)
    block = _smallest(of(lines, "config")[1]["block"], fabric)
    genuine = changed(lines, "config", 1, block=text(block.SerializeToString()))
    assert judge(write(genuine), fabric).exit_status is Exit.VERIFIED
    _fewer_orderers(block)
    report = judge(write(changed(lines, "config", 1, block=text(block.SerializeToString()))), fabric)
    assert report.failed == ("config.chain",)
    assert "/Channel/Orderer/BlockValidation is not satisfied" in why(report, "config.chain")
    report = judge(write(without(lines, "config", 1)), fabric)
    assert report.failed == ("config.chain",)
    assert "config sequence 2 after 0" in why(report, "config.chain")


def test_the_newest_configuration_cannot_be_kept_back_from_blocks(fabric: Recorded) -> None:
    lines = _lines(fabric.evidence_with_blocks)
    report = judge(write(without(lines, "config", 2)), fabric)
    assert report.failed == ("blocks.chain",)
    assert "a different one" in why(report, "blocks.chain")


def judge(evidence: bytes, recorded: Recorded, *, receipts: bytes | None = None, **options: Any) -> Report:  # noqa: ANN401
    trust = options.pop("trust", recorded.trust)
    promised = None if receipts is None else io.BytesIO(receipts)
    return verify(io.BytesIO(evidence), trust=trust, options=Options(**options), receipts=promised)


def why(report: Report, name: str) -> str:
    check = report.check(name)
    assert check is not None
    return "\n".join(problem.reason for problem in check.problems)


def _lines(evidence: bytes) -> list[Json]:
    return [json.loads(line) for line in evidence.splitlines()]


def _smallest(encoded: str, recorded: Recorded) -> Any:  # noqa: ANN401 - a protobuf message
    """Return a block with as few orderers' signatures as its policy allows."""
    block = common_pb2.Block.FromString(base64.b64decode(encoded))
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
    del metadata.signatures[SMALLEST.get(recorded.ledger, 1) :]
    block.metadata.metadata[0] = metadata.SerializeToString()
    return block


def _creators(ledger: str) -> set[Any]:
    read = channel(ledger)
    return {
        read.chain.in_force(item.block).membership.identity(item.transaction.creator).certificate
        for item in read.transactions()
    }
