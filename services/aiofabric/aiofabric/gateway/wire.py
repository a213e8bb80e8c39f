"""Fabric's messages, built and taken apart: proposals, seek envelopes, and what an endorsed transaction holds.

Bytes that were signed or hashed are kept as they are and never serialized again (Fabric's maps have no fixed order).
"""

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf import timestamp_pb2

NONCE_BYTES = 24
FOREVER = 2**64 - 1
"""The stop position of a stream of blocks that goes on with the chain."""


def transaction_id(*, nonce: bytes, creator: bytes) -> str:
    """Return lower-case hex SHA-256 of nonce and creator, whatever hash the signatures use."""
    return hashlib.sha256(nonce + creator).hexdigest()


def proposal_bytes(
    *,
    channel: str,
    chaincode: str,
    args: Sequence[bytes],
    transient: Mapping[str, bytes],
    creator: bytes,
    nonce: bytes,
    timestamp_ns: int,
    tls_certificate_hash: bytes = b"",
) -> bytes:
    """Return a serialized ``protos.Proposal`` that calls ``args[0]`` of a chaincode with the other arguments."""
    extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode_pb2.ChaincodeID(name=chaincode))
    header = _header(
        kind=common_pb2.ENDORSER_TRANSACTION,
        channel=channel,
        creator=creator,
        nonce=nonce,
        timestamp_ns=timestamp_ns,
        tls_certificate_hash=tls_certificate_hash,
        tx_id=transaction_id(nonce=nonce, creator=creator),
        extension=extension.SerializeToString(),
    )
    invocation = chaincode_pb2.ChaincodeInvocationSpec(
        chaincode_spec=chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_pb2.ChaincodeID(name=chaincode),
            input=chaincode_pb2.ChaincodeInput(args=args),
        )
    )
    payload = proposal_pb2.ChaincodeProposalPayload(input=invocation.SerializeToString(), TransientMap=dict(transient))
    proposal = proposal_pb2.Proposal(header=header.SerializeToString(), payload=payload.SerializeToString())
    serialized: bytes = proposal.SerializeToString()
    return serialized


def new_nonce() -> bytes:
    """Return 24 random bytes."""
    return secrets.token_bytes(NONCE_BYTES)


def seek_payload(
    *,
    channel: str,
    creator: bytes,
    start: Any,  # noqa: ANN401 - a protobuf message
    stop_block: int,
    tls_certificate_hash: bytes = b"",
) -> bytes:
    """Return the ``common.Payload`` of a request for blocks from ``start`` (``orderer.SeekPosition``) to a block."""
    header = _header(
        kind=common_pb2.DELIVER_SEEK_INFO,
        channel=channel,
        creator=creator,
        nonce=b"",  # as the official clients do: a seek has no transaction id to make unique
        timestamp_ns=time.time_ns(),
        tls_certificate_hash=tls_certificate_hash,
    )
    stop = ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=stop_block))
    seek = ab_pb2.SeekInfo(start=start, stop=stop, behavior=ab_pb2.SeekInfo.BLOCK_UNTIL_READY)
    payload: bytes = common_pb2.Payload(header=header, data=seek.SerializeToString()).SerializeToString()
    return payload


def seek_position(block_number: int | None) -> Any:  # noqa: ANN401 - a protobuf message
    """Return the ``orderer.SeekPosition`` of a block, or of the next one to be committed."""
    if block_number is None:
        return ab_pb2.SeekPosition(next_commit=ab_pb2.SeekNextCommit())
    return ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=block_number))


def newest_position() -> Any:  # noqa: ANN401 - a protobuf message
    """Return the ``orderer.SeekPosition`` of the newest block."""
    return ab_pb2.SeekPosition(newest=ab_pb2.SeekNewest())


def _header(
    *,
    kind: int,
    channel: str,
    creator: bytes,
    nonce: bytes,
    timestamp_ns: int,
    tls_certificate_hash: bytes,
    tx_id: str = "",
    extension: bytes = b"",
) -> Any:  # noqa: ANN401 - a protobuf message
    channel_header = common_pb2.ChannelHeader(
        type=kind,
        timestamp=timestamp_pb2.Timestamp(seconds=timestamp_ns // 10**9, nanos=timestamp_ns % 10**9),
        channel_id=channel,
        tx_id=tx_id,
        extension=extension,
        tls_cert_hash=tls_certificate_hash,
    )
    signature_header = common_pb2.SignatureHeader(creator=creator, nonce=nonce)
    return common_pb2.Header(
        channel_header=channel_header.SerializeToString(), signature_header=signature_header.SerializeToString()
    )


@dataclass(frozen=True, slots=True)
class EndorsedTransaction:
    """The parts of a ``common.Payload`` that holds one endorsed transaction, each as the bytes it came in.

    Attributes:
        channel_header: serialized ``common.ChannelHeader``.
        signature_header: serialized ``common.SignatureHeader`` (creator and nonce).
        action_header: the same once more, from the transaction's only action.
        chaincode_payload: serialized ``protos.ChaincodeProposalPayload``, transient data left out.
        proposal_hash: what the endorsers say they were asked: SHA-256 of the three parts above.
        read_write_set: serialized ``rwset.TxReadWriteSet``.
        result: the payload of the contract's response.
    """

    channel_header: bytes
    signature_header: bytes
    action_header: bytes
    chaincode_payload: bytes
    proposal_hash: bytes
    read_write_set: bytes
    result: bytes

    @classmethod
    def from_payload(cls, payload: bytes) -> "EndorsedTransaction":
        """Take a payload apart. Raises ValueError or protobuf's DecodeError if it is not one endorsed transaction."""
        outer = common_pb2.Payload.FromString(payload)
        transaction = transaction_pb2.Transaction.FromString(outer.data)
        if len(transaction.actions) != 1:
            raise ValueError(f"{len(transaction.actions)} actions in a transaction; Fabric allows one")
        action = transaction.actions[0]
        chaincode = transaction_pb2.ChaincodeActionPayload.FromString(action.payload)
        response = proposal_response_pb2.ProposalResponsePayload.FromString(chaincode.action.proposal_response_payload)
        outcome = proposal_pb2.ChaincodeAction.FromString(response.extension)
        return cls(
            channel_header=outer.header.channel_header,
            signature_header=outer.header.signature_header,
            action_header=action.header,
            chaincode_payload=chaincode.chaincode_proposal_payload,
            proposal_hash=response.proposal_hash,
            read_write_set=outcome.results,
            result=outcome.response.payload,
        )
