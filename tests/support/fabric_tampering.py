"""Endorsed transactions, bent: fewer endorsements, one that nobody made, signatures in their second form."""

from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_response_pb2, transaction_pb2

from aiofabric.gateway import Gateway, Transaction
from aiofabric.identity import private_key_signer
from aiofabric.identity.signing import P256_ORDER

Endorsements = Sequence[Any]
Bend = Callable[[bytes], bytes]
"""From an endorsed transaction's payload (`common.Payload`) to another one."""


def with_one_endorsement(payload: bytes) -> bytes:
    """Leave one endorsement."""
    return _with(payload, lambda endorsements, _: endorsements[:1])


def with_one_endorsement_twice(payload: bytes) -> bytes:
    """Leave one endorsement, twice: as many as before, by one organisation."""
    return _with(payload, lambda endorsements, _: [endorsements[0]] * 2)


def with_forged_endorsement(payload: bytes) -> bytes:
    """Let a key that no organisation knows sign in the name of the last endorser."""

    def forge(endorsements: Endorsements, signed: bytes) -> Endorsements:
        sign = private_key_signer(ec.generate_private_key(ec.SECP256R1()))
        forged = proposal_response_pb2.Endorsement(endorser=endorsements[-1].endorser)
        forged.signature = sign(signed + forged.endorser)
        return [*endorsements[:-1], forged]

    return _with(payload, forge)


def with_high_s_endorsement(payload: bytes) -> bytes:
    """Write the last endorser's signature in its second form."""

    def rewrite(endorsements: Endorsements, _: bytes) -> Endorsements:
        last = endorsements[-1]
        second = proposal_response_pb2.Endorsement(endorser=last.endorser, signature=high_s(last.signature))
        return [*endorsements[:-1], second]

    return _with(payload, rewrite)


def with_other_answer(payload: bytes) -> bytes:
    """Change one byte of what the endorsers signed, and leave their signatures."""

    def change(action: Any) -> None:  # noqa: ANN401 - a protobuf message
        signed = bytearray(action.action.proposal_response_payload)
        signed[-1] ^= 1
        action.action.proposal_response_payload = bytes(signed)

    return _changed(payload, change)


def high_s(signature: bytes) -> bytes:
    """Return the other signature that fits the same message and key: (r, n - s)."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def transaction_of(gateway: Gateway, payload: bytes, *, signature: bytes | None = None) -> Transaction:
    """Return the payload as a transaction of a gateway, which signs it unless there is a signature."""
    header = common_pb2.Payload.FromString(payload).header
    tx_id = common_pb2.ChannelHeader.FromString(header.channel_header).tx_id
    envelope = common_pb2.Envelope(payload=payload)
    prepared = gateway_pb2.PreparedTransaction(transaction_id=tx_id, envelope=envelope).SerializeToString()
    return gateway.transaction(prepared) if signature is None else gateway.signed_transaction(prepared, signature)


def _with(payload: bytes, choose: Callable[[Endorsements, bytes], Endorsements]) -> bytes:
    def change(action: Any) -> None:  # noqa: ANN401 - a protobuf message
        chosen = choose(list(action.action.endorsements), action.action.proposal_response_payload)
        del action.action.endorsements[:]
        action.action.endorsements.extend(chosen)

    return _changed(payload, change)


def _changed(payload: bytes, change: Callable[[Any], None]) -> bytes:
    outer = common_pb2.Payload.FromString(payload)
    transaction = transaction_pb2.Transaction.FromString(outer.data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    change(action)
    transaction.actions[0].payload = action.SerializeToString()
    outer.data = transaction.SerializeToString()
    bent: bytes = outer.SerializeToString()
    return bent
