"""A transaction that is not the one proposed is never signed."""

from collections.abc import Callable

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, transaction_pb2

from aiofabric.errors import TransactionMismatchError
from support.gateway_peer import Context, Message, Peer, endorsed, serving

Change = Callable[[Message], None]


def header_change(**fields: object) -> Change:
    def change(payload: Message) -> None:
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        header.MergeFrom(common_pb2.ChannelHeader(**fields))
        payload.header.channel_header = header.SerializeToString()

    return change


def signature_header_change(field: str) -> Change:
    def change(payload: Message) -> None:
        header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        setattr(header, field, b"another")
        payload.header.signature_header = header.SerializeToString()

    return change


def transaction_change(change: Change) -> Change:
    def changed(payload: Message) -> None:
        transaction = transaction_pb2.Transaction.FromString(payload.data)
        change(transaction)
        payload.data = transaction.SerializeToString()

    return changed


def action_change(change: Change) -> Change:
    def changed(transaction: Message) -> None:
        action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
        change(action)
        transaction.actions[0].payload = action.SerializeToString()

    return transaction_change(changed)


def transient_data(action: Message) -> None:
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(action.chaincode_proposal_payload)
    payload.TransientMap["secret"] = b"kept"
    action.chaincode_proposal_payload = payload.SerializeToString()


def set_action_header(transaction: Message) -> None:
    transaction.actions[0].header = b"another"


def no_action(transaction: Message) -> None:
    del transaction.actions[:]


def second_action(transaction: Message) -> None:
    transaction.actions.add().CopyFrom(transaction.actions[0])


def garbage(payload: Message) -> None:
    payload.data = b"\xff\xff"


def no_response(action: Message) -> None:
    action.action.proposal_response_payload = b""


CHANGES = [
    pytest.param(header_change(tx_id="0" * 64), "transaction id", id="another-transaction-id"),
    pytest.param(header_change(channel_id="other"), "channel", id="another-channel"),
    pytest.param(header_change(epoch=1), "channel header", id="another-epoch"),
    pytest.param(header_change(type=common_pb2.CONFIG_UPDATE), "channel header", id="another-type"),
    pytest.param(signature_header_change("creator"), "creator or nonce", id="another-creator"),
    pytest.param(signature_header_change("nonce"), "creator or nonce", id="another-nonce"),
    pytest.param(transaction_change(set_action_header), "creator or nonce", id="another-action-header"),
    pytest.param(action_change(transient_data), "transient data", id="transient-data"),
    pytest.param(action_change(no_response), "proposal hash", id="no-endorsed-answer"),
    pytest.param(transaction_change(no_action), "form", id="no-action"),
    pytest.param(transaction_change(second_action), "form", id="second-action"),
    pytest.param(garbage, "form", id="garbage"),
]


@pytest.mark.parametrize(("change", "part"), CHANGES)
async def test_a_changed_transaction_is_refused(change: Change, part: str) -> None:
    async def tampering(request: Message, _: Context) -> Message:
        response = endorsed(request)
        payload = common_pb2.Payload.FromString(response.prepared_transaction.payload)
        change(payload)
        response.prepared_transaction.payload = payload.SerializeToString()
        return response

    peer = Peer(replies={"Endorse": tampering})
    async with serving(peer) as gateway:
        proposal = gateway.network("channel").contract("assets").proposal("put", "a", transient={"secret": b"s"})
        with pytest.raises(TransactionMismatchError) as raised:
            await proposal.endorse()
    assert raised.value.part == part
    assert raised.value.transaction_id == proposal.transaction_id
    assert peer.asked("Submit") == []


async def test_another_call_is_refused_although_its_endorsement_is_coherent() -> None:
    spec = chaincode_pb2.ChaincodeSpec(chaincode_id=chaincode_pb2.ChaincodeID(name="assets"))
    spec.input.args.extend([b"put", b"b"])
    other = chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=spec).SerializeToString()

    async def ran_something_else(request: Message, _: Context) -> Message:
        return endorsed(request, chaincode_input=other)

    peer = Peer(replies={"Endorse": ran_something_else})
    async with serving(peer) as gateway:
        with pytest.raises(TransactionMismatchError) as raised:
            await gateway.network("channel").contract("assets").submit("put", "a")
    assert raised.value.part == "arguments"
    assert [name for name, _ in peer.requests] == ["Endorse"]


async def test_a_signature_that_the_peer_put_there_is_dropped() -> None:
    async def presigned(request: Message, _: Context) -> gateway_pb2.EndorseResponse:
        response = endorsed(request)
        response.prepared_transaction.signature = b"the peer's"
        return response

    async with serving(Peer(replies={"Endorse": presigned})) as gateway:
        transaction = await gateway.network("channel").contract("assets").proposal("put").endorse()
    assert transaction.signature == b""
