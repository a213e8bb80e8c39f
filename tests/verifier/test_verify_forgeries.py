"""The forgery drawer: every class of forged evidence is refused, by the check that is there for it."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from fabric_protos.common import common_pb2

from support.evidence_builder import LOG, Journey, Json, Network, canonical, finished, text, whole_journey, write
from support.evidence_fabric import Invocation, Member, Organisation, block, envelope_of, header_hash, raw
from support.evidence_forging import changed, left_out, mutated, of, report_of, swapped, without
from wayproof_verifier.fabric.transaction import read_transaction
from wayproof_verifier.report import Exit
from wayproof_verifier.verify import verify

Forge = Callable[[Journey], list[Json]]


@pytest.fixture(scope="module")
def journey() -> Journey:
    return whole_journey()


def test_the_genuine_file_is_verified(journey: Journey) -> None:
    for states, height in ((1, 11), (3, 5)):
        report = report_of(
            journey, journey.lines(with_blocks=True, states=states), min_height=height, require_closed=True
        )
        assert [check for check in report.checks if check.problems] == []
        assert report.exit_status is Exit.VERIFIED


# --- the messages ------------------------------------------------------------


def retold(member: str, value: object) -> Forge:
    return lambda journey: changed(journey.lines(), "message", 1, **{member: value})


def swapped_indices(journey: Journey) -> list[Json]:
    lines = journey.lines()
    one, two = of(lines, "message")[1:3]
    first, second = {**two, "index": one["index"]}, {**one, "index": two["index"]}
    return [first if line is one else second if line is two else line for line in lines]


def other_shipments_proof(journey: Journey) -> list[Json]:
    """Show another shipment's messages under its own log in place of ours."""
    other = whole_journey()
    kept = [line for line in journey.lines() if line["type"] not in {"log", "message", "node", "interval"}]
    foreign = [line for line in other.lines() if line["type"] in {"log", "message", "node", "interval"}]
    return finished([*kept, *foreign])


def log_under_another_anchor(journey: Journey) -> list[Json]:
    return changed(journey.lines(), "log", counter=2, size=6)


def forked_log(journey: Journey) -> list[Json]:
    lines = journey.lines()
    proofs = json.loads(json.dumps(of(lines, "log")[0]["consistency"]))
    proofs[0][2][0] = "00" * 32
    return changed(lines, "log", consistency=proofs)


def no_consistency(journey: Journey) -> list[Json]:
    return changed(journey.lines(), "log", consistency=[])


def split_node(journey: Journey) -> list[Json]:
    """Write one subtree as its two halves: a second encoding of the same tree."""
    lines = journey.lines()
    target = of(lines, "node")[0]
    assert target["level"] == 1
    halves = [{"type": "node", "level": 0, "hash": digest.hex()} for digest in journey.hashes()[:2]]
    place = lines.index(target)
    return finished([*lines[:place], *halves, *lines[place + 1 :]])


def shown_but_outside(journey: Journey) -> list[Json]:
    """Show a message from before the attachment as if it belonged."""
    lines = journey.lines()
    nodes = of(lines, "node")
    kept = [line for line in lines if line not in nodes]
    place = kept.index(of(kept, "message")[0])
    shown = [journey.leaf_line(index) for index in range(3)]
    return changed(finished([*kept[:place], *shown, *kept[place:]]), "interval", messages=9)


# --- the ledger ------------------------------------------------------------


def made_again(
    journey: Journey,
    *,
    endorsers: Sequence[Member] | None = None,
    high_s: bool = False,
    change: Callable[[Invocation], Invocation] = lambda invocation: invocation,
) -> list[Json]:
    """Make a transaction again with something changed, by those who made it."""
    place = 4
    (_, envelope) = sorted(journey.network.envelopes.values())[place]
    invocation = change(read(journey, envelope))
    again = envelope_of(invocation, journey.network.endorsers if endorsers is None else endorsers, high_s=high_s)
    return changed(journey.lines(), "transaction", place, envelope=text(again))


def read(journey: Journey, envelope: bytes) -> Invocation:
    transaction = read_transaction(envelope)
    creators = {member.serialized: member for member in journey.network.members.values()}
    return Invocation(
        creators[transaction.creator],
        transaction.nonce,
        transaction.args,
        transaction.timestamp_ns // 1_000_000,
        {key: (item.block_num, item.tx_num) if item else None for key, item in transaction.reads.items()},
        {key: value for key, value in transaction.writes.items() if value is not None},
        transaction.response.payload,
    )


def too_few_endorsers(journey: Journey) -> list[Json]:
    return made_again(journey, endorsers=journey.network.endorsers[:1])


def stranger(journey: Journey) -> list[Json]:
    """Let a peer that calls itself the shop's, with an authority of its own, endorse."""
    return made_again(journey, endorsers=[journey.network.endorsers[0], Organisation("ShopMSP").peer])


def client_endorses(journey: Journey) -> list[Json]:
    shop = journey.network.organisations[1].member("clerk")
    return made_again(journey, endorsers=[journey.network.endorsers[0], shop])


def same_endorser_twice(journey: Journey) -> list[Json]:
    return made_again(journey, endorsers=[journey.network.endorsers[0]] * 2)


def other_writes(journey: Journey) -> list[Json]:
    return made_again(journey, change=lambda invocation: replace(invocation, writes={"shipment/x": b"{}"}))


def other_creator(journey: Journey) -> list[Json]:
    return made_again(journey, change=lambda it: replace(it, creator=journey.network.members["ShopMSP"]))


def high_s(journey: Journey) -> list[Json]:
    return made_again(journey, high_s=True)


def endorsed_by(journey: Journey, *members: Member) -> list[Json]:
    return journey.lines(endorsers=members)


def false_record(journey: Journey) -> list[Json]:
    """Let the endorsers state what no transaction wrote (an earlier head's due time)."""
    return with_state(journey, lambda key, value: {**value, "due_at_ms": 1} if key.startswith("shipment/") else value)


def with_state(
    journey: Journey, change: Callable[[str, Json], Json | None], *, keys: list[str] | None = None
) -> list[Json]:
    """Return the evidence with other endorsed records: `change` gives the value, or None to leave a record out."""
    net = journey.network
    values = {}
    for key in keys or journey.state_keys():
        value = change(key, json.loads(net.values[key][0]))
        if value is not None:
            values[key] = (canonical(value), net.values[key][1])
    forged = Network(net.organisations, net.orderer, values=values, clock_ms=net.clock_ms)
    return changed(journey.lines(), "state", payload=text(forged.endorsed(sorted(values))))


def leave_out(*prefixes: str) -> Forge:
    return lambda journey: with_state(journey, lambda key, value: None if key.startswith(prefixes) else value)


def unneeded_record(journey: Journey) -> list[Json]:
    other = next(key for key in journey.network.values if key.startswith("device_key/"))
    return with_state(journey, lambda _, value: value, keys=sorted([*journey.state_keys(), other]))


def unneeded_transaction(journey: Journey) -> list[Json]:
    lines = journey.lines()
    extra = Invocation(journey.network.members["MakerMSP"], b"n" * 24, (b"anchor_log", b"{}"), 1, {}, {"x/y": b"{}"})
    envelope = {"type": "transaction", "envelope": text(envelope_of(extra, journey.network.endorsers))}
    place = lines.index(of(lines, "log")[0])
    return finished([*lines[:place], envelope, *lines[place:]])


def second_encoding(journey: Journey) -> list[Json]:
    """Append an empty unknown field to an envelope: protobuf would read it as the same message."""
    encoded = base64.b64decode(of(journey.lines(), "transaction")[0]["envelope"])
    return changed(journey.lines(), "transaction", envelope=text(encoded + b"\x1a\x00"))


def long_varint(journey: Journey) -> list[Json]:
    """Write an envelope's first length with a byte more than it needs."""
    encoded = base64.b64decode(of(journey.lines(), "transaction")[0]["envelope"])
    assert encoded[0] == 0x0A
    padded = bytes([encoded[0], encoded[1], encoded[2] | 0x80, 0]) + encoded[3:]
    return changed(journey.lines(), "transaction", envelope=text(padded))


def another_channel(_: Journey) -> list[Json]:
    return whole_journey().lines()


def relabelled(member: str, value: str) -> Forge:
    return lambda journey: changed(journey.lines(), "header", 0, **{member: value})


def rebuilt_chain(journey: Journey) -> list[Json]:
    """Build the blocks again with another orderer's key."""
    orderer, rebuilt = Organisation("OrdererMSP").orderer, [journey.network.blocks[0]]
    for old in journey.network.blocks[1:]:
        rebuilt.append(block(len(rebuilt), header_hash(rebuilt[-1].header), list(old.data.data), signer=orderer))
    lines = [line for line in journey.lines(with_blocks=True) if line["type"] != "block"]
    place = lines.index(of(lines, "log")[0])
    blocks = [{"type": "block", "block": text(raw(item))} for item in rebuilt]
    return finished([*lines[:place], *blocks, *lines[place:]])


def with_blocks(change: Callable[[list[Json]], list[Json]]) -> Forge:
    return lambda journey: change(journey.lines(with_blocks=True))


def signatures_forged(journey: Journey) -> list[Json]:
    encoded = of(journey.lines(), "transaction")[2]["envelope"]
    return changed(journey.lines(), "transaction", 2, envelope=mutated(encoded, -1))


def undeclared(journey: Journey) -> list[Json]:
    return changed(journey.lines(), "interval", gaps=[[1, 5, 5]])


def reordered_transactions(journey: Journey) -> list[Json]:
    return swapped(journey.lines(), "transaction", 3)


def reordered_states(journey: Journey) -> list[Json]:
    return swapped(journey.lines(states=3), "state")


def wrong_custodian(journey: Journey) -> list[Json]:
    """Let the endorsers state that the maker closed what the shop had: the fold allows it, the rule does not."""
    closing = max(key for key in journey.state_keys() if key.startswith("shipment_event/"))
    return with_state(journey, lambda key, value: {**value, "organisation": "MakerMSP"} if key == closing else value)


DRAWER: list[tuple[str, Forge]] = [
    ("log.inclusion", swapped_indices),
    ("log.inclusion", retold("salt", text(bytes(16)))),
    ("log.inclusion", retold("received_at_ms", 1)),
    ("log.inclusion", retold("topic", "wayproof/v1/MakerMSP/logger-2/messages")),
    ("log.inclusion", log_under_another_anchor),
    ("log.inclusion", split_node),
    ("log.inclusion", lambda journey: without(journey.lines(), "message", 5)),
    ("log.inclusion", lambda journey: without(journey.lines(), "node")),
    ("log.inclusion", lambda journey: swapped(journey.lines(), "message")),
    ("log.inclusion", other_shipments_proof),
    ("readings.derived", retold("readings", [["temperature", 40, 0, "CEL", 1]])),
    ("readings.derived", retold("readings", [])),
    ("intervals.complete", left_out),
    ("intervals.complete", undeclared),
    ("intervals.complete", lambda journey: changed(journey.lines(), "interval", messages=7)),
    ("intervals.complete", lambda journey: changed(journey.lines(), "interval", device_id="logger-2")),
    ("intervals.complete", lambda journey: without(journey.lines(), "interval")),
    ("messages.scope", shown_but_outside),
    ("messages.scope", retold("topic", "wayproof/v1/MakerMSP/logger-2/messages")),
    ("messages.scope", retold("topic", "wayproof/v1/ShopMSP/logger-1/messages")),
    ("messages.decoding", retold("topic", "elsewhere")),
    ("messages.decoding", retold("payload", text(b"\xd2\x84"))),
    ("anchors.consistency", forked_log),
    ("anchors.consistency", no_consistency),
    ("anchors.consistency", lambda journey: without_log(journey.lines())),
    ("transactions.endorsements", too_few_endorsers),
    ("transactions.endorsements", stranger),
    ("transactions.endorsements", client_endorses),
    ("transactions.endorsements", same_endorser_twice),
    ("transactions.creator", high_s),
    ("transactions.creator", signatures_forged),
    ("transactions.writes", other_writes),
    ("transactions.writes", false_record),
    ("transactions.writes", lambda journey: without(journey.lines(), "transaction", 3)),
    ("transactions.writes", other_creator),
    ("transactions.id", lambda journey: twice(journey.lines())),
    ("state.endorsements", lambda journey: endorsed_by(journey, journey.network.endorsers[0])),
    ("state.endorsements", lambda j: endorsed_by(j, j.network.endorsers[0], Organisation("ShopMSP").peer)),
    ("state.endorsements", endorsed_by),
    ("state.records", leave_out("shipment/")),
    ("state.records", leave_out("device/")),
    ("state.records", leave_out("log/")),
    ("state.records", leave_out("anchor_head/")),
    ("state.records", leave_out("device_event/", "device/")),
    ("state.records", reordered_states),
    ("records.history", leave_out("log_event/")),
    ("records.history", lambda j: leave_out(max(k for k in j.state_keys() if k.startswith("shipment_event/")))(j)),
    ("attachments.anchored", leave_out(f"anchor/{LOG}/000001/000000000001")),
    ("attachments.anchored", leave_out(f"anchor/{LOG}/000001/000000000002")),
    ("custody", wrong_custodian),
    ("file.format", unneeded_record),
    ("file.format", unneeded_transaction),
    ("file.format", reordered_transactions),
    ("file.format", second_encoding),
    ("file.format", long_varint),
    ("file.format", lambda journey: [*journey.lines()[:-1], {"type": "end", "lines": 1}]),
    ("trust.root", another_channel),
    ("trust.root", relabelled("channel", "warm")),
    ("trust.root", relabelled("contract", "other")),
    ("trust.root", relabelled("genesis", "00" * 32)),
    ("config.chain", relabelled("ledger", "fabric")),
    ("state.records", relabelled("gsin", "06141411234567891")),
    ("blocks.chain", rebuilt_chain),
    ("blocks.chain", with_blocks(lambda lines: without(lines, "block", 4))),
    ("blocks.chain", with_blocks(lambda lines: without(lines, "block", 11))),
    ("blocks.chain", with_blocks(lambda lines: without(lines, "block", 0))),
    ("blocks.chain", with_blocks(lambda lines: swapped(lines, "block", 3))),
    (
        "blocks.chain",
        with_blocks(lambda lines: changed(lines, "block", 3, block=mutated(of(lines, "block")[3]["block"], 500))),
    ),
]


def without_log(lines: list[Json]) -> list[Json]:
    return finished([line for line in lines if line["type"] not in {"log", "message", "node"}])


def twice(lines: list[Json]) -> list[Json]:
    place = lines.index(of(lines, "transaction")[1])
    return finished([*lines[:place], lines[place], *lines[place:]])


@pytest.mark.parametrize(
    ("check", "forge"), DRAWER, ids=[f"{number}-{check}" for number, (check, _) in enumerate(DRAWER)]
)
def test_forgeries_are_refused_by_the_check_that_is_there_for_them(journey: Journey, check: str, forge: Forge) -> None:
    report = report_of(journey, forge(journey))
    assert check in report.failed, [(item.name, item.problems) for item in report.checks if item.problems]
    assert report.exit_status is Exit.FAILED


def test_an_endorser_outside_the_trust_root_never_counts(journey: Journey) -> None:
    trust = replace(journey.trust, organisations=("MakerMSP",))
    report = verify(io.BytesIO(write(journey.lines())), trust=trust)
    assert report.failed == ("state.endorsements",)


@pytest.mark.parametrize(
    "forge",
    [
        lambda data: data + b"\n",
        lambda data: data + b"{}\n",
        lambda data: data[:-1],
        lambda data: data.replace(b'{"channel"', b'{"channel":"cold","channel"', 1),
        lambda data: data.replace(b'"gaps":[]', b'"gaps": []', 1),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b'"v":1', b'"v":2', 1),
        lambda _: b"",
    ],
)
def test_bytes_that_say_the_same_in_another_way_are_refused(journey: Journey, forge: Callable[[bytes], bytes]) -> None:
    report = report_of(journey, forge(write(journey.lines())))
    assert report.failed == ("file.format",)
    assert report.exit_status is Exit.FAILED


def test_what_a_library_only_warns_of_is_no_matter_of_its_own(journey: Journey) -> None:
    """A creator's certificate whose unit became a country of six letters: refused, and silently so."""
    lines = journey.lines()
    encoded = base64.b64decode(of(lines, "transaction")[0]["envelope"])
    creator = journey.network.members["MakerMSP"]
    certificate = creator.certificate.public_bytes(Encoding.DER)
    odd = load_der_x509_certificate(certificate.replace(b"\x55\x04\x0b", b"\x55\x04\x06", 1))
    pems = [item.public_bytes(Encoding.PEM) for item in (creator.certificate, odd)]
    assert len(pems[0]) == len(pems[1])
    report = report_of(journey, changed(lines, "transaction", envelope=text(encoded.replace(pems[0], pems[1]))))
    assert set(report.failed) == {"transactions.id", "transactions.creator", "transactions.endorsements"}


def test_a_void_endorsement_beside_enough_good_ones_is_a_finding(journey: Journey) -> None:
    """Fabric passes over it, and whoever submits can add one: it must not spoil the evidence."""
    report = report_of(
        journey, made_again(journey, endorsers=[*journey.network.endorsers, Organisation("ShopMSP").peer])
    )
    assert report.exit_status is Exit.VERIFIED
    [finding] = [finding for finding in report.findings if finding.kind == "void_endorsement"]
    assert "does not lead to a root of its organisation" in finding.text


def test_a_transaction_that_its_client_wrote_as_nobody_does_is_a_finding(journey: Journey) -> None:
    place = 4
    (_, envelope) = sorted(journey.network.envelopes.values())[place]
    invocation = read(journey, envelope)
    unusual = common_pb2.Envelope.FromString(envelope_of(invocation, journey.network.endorsers))
    unusual.payload += b"\xfa\x3e\x01x"  # a field that no version of Fabric has
    unsigned = changed(journey.lines(), "transaction", place, envelope=text(raw(unusual)))
    assert report_of(journey, unsigned).failed == ("transactions.creator",)

    unusual.signature = invocation.creator.sign(unusual.payload)
    report = report_of(journey, changed(journey.lines(), "transaction", place, envelope=text(raw(unusual))))
    assert report.exit_status is Exit.VERIFIED
    [finding] = [finding for finding in report.findings if finding.kind == "unusual_encoding"]
    assert "unknown field 1007" in finding.text
