"""Endorsed transactions: what is read, what is refused, and which check finds what."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fabric_certificates import Authority, Member, raw
from support.fabric_channel import CHAINCODE, CHANNEL, Channel
from wayproof_verifier.errors import EncodingError, IdentityError, PolicyError, SignatureError, TransactionError
from wayproof_verifier.errors import VerificationError as Refused
from wayproof_verifier.fabric.block import read_block
from wayproof_verifier.fabric.config import read_config
from wayproof_verifier.fabric.messages import Version
from wayproof_verifier.fabric.transaction import (
    Transaction,
    check_creator,
    check_endorsements,
    check_transaction_id,
    read_endorsed,
    read_transaction,
    void_endorsements,
)

MADE = Channel()
CONFIG = read_config(read_block(raw(MADE.config_block())))
POLICY = "/Channel/Application/Endorsement"
ENVELOPE = raw(MADE.transaction())


def made(**options: Any) -> Transaction:  # noqa: ANN401 - how to spoil which message
    return read_transaction(raw(MADE.transaction(**options)))


def check_all(transaction: Transaction) -> None:
    check_transaction_id(transaction)
    check_creator(transaction, membership=CONFIG.membership)
    check_endorsements(transaction, config=CONFIG, policy=POLICY)


def put(name: str, value: object) -> Callable[[Any], None]:
    return lambda message: setattr(message, name, value)


def test_reading() -> None:
    read = made()
    assert read.channel_id == CHANNEL
    assert read.tx_id == hashlib.sha256(b"n" * 24 + MADE.client.serialized).hexdigest()
    assert read.timestamp_ns == 1_767_225_600 * 10**9 + 5
    assert (read.creator, read.nonce) == (MADE.client.serialized, b"n" * 24)
    assert (read.chaincode, read.args) == (CHAINCODE, (b"get_shipment", b"{}"))
    assert read.reads == {"a": Version(block_num=4, tx_num=1), "b": None}
    assert read.writes == {"c": b"v", "d": None}
    assert (read.response.status, read.response.payload) == (200, b"answer")
    assert read.event is not None
    assert read.event.event_name == "e"
    assert set(read.namespaces) == {"_lifecycle", CHAINCODE}
    assert set(read.namespaces[CHAINCODE].collections) == {"secret"}


def test_all_checks_pass_and_name_who_signed() -> None:
    read = made()
    check_transaction_id(read)
    assert check_creator(read, membership=CONFIG.membership).role == "client"
    endorsers = check_endorsements(read, config=CONFIG, policy=POLICY, organisations=["Org1MSP", "Org2MSP"])
    assert [each.msp_id for each in endorsers] == ["Org1MSP", "Org2MSP"]


def test_endorsed_and_never_submitted() -> None:
    read = read_endorsed(MADE.transaction().payload)
    assert read.signature is None
    check_all(read)


def test_a_transaction_without_event_or_own_namespace() -> None:
    read = made(event=lambda event: event.Clear(), results=lambda results: results.ClearField("ns_rwset"))
    assert read.event is None
    assert (read.reads, read.writes) == ({}, {})


def _answer_400(action: Any) -> None:  # noqa: ANN401
    action.response.status = 400


REFUSED: dict[str, tuple[type[Refused], dict[str, Callable[[Any], object]]]] = {
    "header_type": (TransactionError, {"channel_header": put("type", 1)}),
    "epoch": (TransactionError, {"channel_header": put("epoch", 1)}),
    "no_timestamp": (TransactionError, {"channel_header": lambda header: header.ClearField("timestamp")}),
    "nanoseconds": (TransactionError, {"channel_header": lambda header: put("nanos", -1)(header.timestamp)}),
    "no_action": (TransactionError, {"transaction": lambda transaction: transaction.ClearField("actions")}),
    "two_actions": (TransactionError, {"transaction": lambda each: each.actions.append(each.actions[0])}),
    "another_signature_header": (TransactionError, {"action": put("header", b"")}),
    "no_endorsed_action": (TransactionError, {"action_payload": lambda payload: payload.ClearField("action")}),
    "no_header": (TransactionError, {"payload": lambda payload: payload.ClearField("header")}),
    "transient_left": (TransactionError, {"proposal": lambda proposal: proposal.TransientMap.update({"k": b"v"})}),
    "chaincode_in_header": (TransactionError, {"extension": lambda each: put("name", "other")(each.chaincode_id)}),
    "chaincode_in_answer": (
        TransactionError,
        {"chaincode_action": lambda each: put("name", "other")(each.chaincode_id)},
    ),
    "chaincode_in_invocation": (
        TransactionError,
        {"invocation": lambda each: put("name", "other")(each.chaincode_spec.chaincode_id)},
    ),
    "no_invocation": (TransactionError, {"invocation": lambda each: each.Clear()}),
    "no_input": (TransactionError, {"invocation": lambda each: each.chaincode_spec.ClearField("input")}),
    "no_answer": (TransactionError, {"chaincode_action": lambda each: each.ClearField("response")}),
    "answer_400": (TransactionError, {"chaincode_action": _answer_400}),
    "event_of_another_transaction": (TransactionError, {"event": put("tx_id", "00")}),
    "event_of_another_chaincode": (TransactionError, {"event": put("chaincode_id", "other")}),
    "data_model": (TransactionError, {"results": put("data_model", 1)}),
    "namespace_twice": (TransactionError, {"results": lambda each: each.ns_rwset.append(each.ns_rwset[0])}),
    "read_twice": (TransactionError, {"rwset": lambda each: each.reads.append(each.reads[0])}),
    "written_twice": (TransactionError, {"rwset": lambda each: each.writes.append(each.writes[0])}),
    "deleted_with_a_value": (TransactionError, {"rwset": lambda each: put("value", b"v")(each.writes[1])}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_contradict_each_other_are_refused(name: str) -> None:
    error, spoil = REFUSED[name]
    with pytest.raises(error) as caught:
        made(**spoil)
    assert type(caught.value) is error


def test_transaction_id() -> None:
    spoilt = made(
        channel_header=put("tx_id", "00"),
        event=put("tx_id", "00"),
    )
    with pytest.raises(TransactionError, match="nonce and creator"):
        check_transaction_id(spoilt)


def test_creator_signature() -> None:
    for signature in (b"", MADE.client.sign(b"other"), MADE.peers[0].sign(MADE.transaction().payload)):
        with pytest.raises(SignatureError):
            check_creator(made(envelope=put("signature", signature)), membership=CONFIG.membership)


def test_creator_of_no_organisation() -> None:
    stranger = Channel(organisations=[Authority("Org1MSP")])
    read = read_transaction(raw(stranger.transaction()))
    with pytest.raises(IdentityError):
        check_creator(read, membership=CONFIG.membership)


def endorsed_by(*endorsers: Member, **spoil: Any) -> Transaction:  # noqa: ANN401
    return made(endorsers=endorsers, **spoil)


def test_endorsements_by_too_few() -> None:
    one, two, _ = MADE.peers
    for endorsers in ((), (one,), (one, MADE.organisations[0].member("peer"))):
        with pytest.raises(PolicyError):
            check_endorsements(endorsed_by(*endorsers), config=CONFIG, policy=POLICY)
    with pytest.raises(PolicyError, match="Org1MSP"):
        check_endorsements(endorsed_by(one, two), config=CONFIG, policy=POLICY, organisations=["Org1MSP", "Org3MSP"])


def test_an_endorser_counts_once() -> None:
    one, two, _ = MADE.peers
    assert len(check_endorsements(endorsed_by(one, two, one), config=CONFIG, policy=POLICY)) == 2
    with pytest.raises(PolicyError, match="signed twice"):
        check_endorsements(endorsed_by(one, one), config=CONFIG, policy=POLICY)


def void(*endorsers: Member, **spoil: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return why endorsements of a submitted transaction are void; enough others must be good."""
    transaction = endorsed_by(*endorsers, **spoil)
    check_endorsements(transaction, config=CONFIG, policy=POLICY)
    return void_endorsements(transaction, membership=CONFIG.membership)


def test_a_void_endorsement_counts_for_nothing() -> None:
    one, two, three = MADE.peers
    stranger = Authority("Org3MSP").member("peer")
    wrong_key = Member(three.msp_id, three.certificate, one.key)
    assert void(one, two, three) == ()
    assert void(one, two, stranger) == ("a certificate does not lead to a root of its organisation",)
    assert void(one, two, wrong_key) == ("the signature does not fit its message and key",)
    for endorser in (stranger, wrong_key):
        with pytest.raises(PolicyError, match="is not satisfied by Org1MSP; void endorsements: "):
            check_endorsements(endorsed_by(one, endorser), config=CONFIG, policy=POLICY)
    with pytest.raises(PolicyError, match="is not satisfied by nobody; void endorsements: the signature does not fit"):
        check_endorsements(made(endorsement=put("signature", one.sign(b""))), config=CONFIG, policy=POLICY)


def test_of_endorsed_state_every_endorsement_must_be_good() -> None:
    one, two, three = MADE.peers
    check_endorsements(read_endorsed(endorsed_by(one, two).payload), config=CONFIG, policy=POLICY)
    wrong_key = Member(three.msp_id, three.certificate, one.key)
    with pytest.raises(SignatureError, match="does not fit"):
        check_endorsements(read_endorsed(endorsed_by(one, two, wrong_key).payload), config=CONFIG, policy=POLICY)
    with pytest.raises(SignatureError, match="signed twice"):
        check_endorsements(read_endorsed(endorsed_by(one, two, one).payload), config=CONFIG, policy=POLICY)
    stranger = Authority("Org3MSP").member("peer")
    with pytest.raises(IdentityError):
        check_endorsements(read_endorsed(endorsed_by(one, two, stranger).payload), config=CONFIG, policy=POLICY)


def test_endorsers_of_another_proposal() -> None:
    with pytest.raises(TransactionError, match="another proposal"):
        check_endorsements(made(response_payload=put("proposal_hash", bytes(32))), config=CONFIG, policy=POLICY)


def test_endorsers_of_another_channel() -> None:
    with pytest.raises(TransactionError, match="another channel"):
        check_endorsements(made(channel_header=put("channel_id", "other")), config=CONFIG, policy=POLICY)


UNKNOWN_FIELD = b"\xfa\x3e\x01x"


def test_what_a_client_wrote_as_nobody_does_is_read_and_named() -> None:
    """Peers take it, and its signature covers it; only its client can do it."""
    payload = MADE.transaction().payload + UNKNOWN_FIELD
    read = read_transaction(raw(type(MADE.transaction())(payload=payload, signature=MADE.client.sign(payload))))
    check_all(read)
    usual = read_transaction(ENVELOPE)
    assert (usual.unusual, read.unusual) == ("", "common.Payload: unknown field 1007")
    assert (read.args, read.namespaces) == (usual.args, usual.namespaces)


def test_what_no_client_signs_has_one_encoding() -> None:
    with pytest.raises(EncodingError, match="unknown field"):
        read_transaction(ENVELOPE + UNKNOWN_FIELD)
    with pytest.raises(EncodingError, match="unknown field"):
        read_endorsed(MADE.transaction().payload + UNKNOWN_FIELD)


def test_what_the_endorsers_signed_has_one_encoding() -> None:
    envelope = MADE.transaction()
    payload = common_pb2.Payload.FromString(envelope.payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    action.action.proposal_response_payload += UNKNOWN_FIELD
    transaction.actions[0].payload = action.SerializeToString()
    payload.data = transaction.SerializeToString()
    envelope.payload = payload.SerializeToString()
    with pytest.raises(EncodingError, match=r"protos\.ProposalResponsePayload: unknown field"):
        read_transaction(raw(envelope))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ENVELOPE) - 1), st.integers(0, 255))
def test_any_changed_byte_is_refused(index: int, value: int) -> None:
    changed = ENVELOPE[:index] + bytes([value]) + ENVELOPE[index + 1 :]
    if changed == ENVELOPE:
        return
    with pytest.raises(Refused):
        check_all(read_transaction(changed))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_garbage_raises_nothing_but_ours(data: bytes) -> None:
    for read in (read_transaction, read_endorsed, read_block):
        with pytest.raises(Refused):
            read(data)
