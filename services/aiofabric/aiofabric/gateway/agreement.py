"""The transaction that the gateway returns must be the one that was proposed, before anybody signs it.

The peer builds the envelope, so a peer can build another one. Official clients do not look; this one compares:

- channel header (channel, transaction id, time, chaincode) and signature header (creator, nonce), byte for byte;
- the call (chaincode, function, arguments), byte for byte, with all transient data left out;
- the proposal hash that the endorsers signed, which must be that of exactly these headers and this call.

What the endorsers *answer*, their result and read/write set, is theirs to say: `Transaction.read_write_set` shows it.
"""

import hashlib
from collections.abc import Iterator

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2
from google.protobuf.message import DecodeError

from aiofabric.errors import TransactionMismatchError
from aiofabric.gateway.wire import EndorsedTransaction


def agreed(payload: bytes, *, proposal: bytes, transaction_id: str) -> EndorsedTransaction:
    """Take apart a ``common.Payload`` that claims to answer a ``protos.Proposal``, and return its parts.

    Raises `TransactionMismatchError`, which names the first part that differs.
    """
    try:
        returned = EndorsedTransaction.from_payload(payload)
        part = next(_differences(returned, proposal=proposal), None)
    except (DecodeError, ValueError) as error:
        raise TransactionMismatchError(transaction_id=transaction_id, part="form") from error
    if part is not None:
        raise TransactionMismatchError(transaction_id=transaction_id, part=part)
    return returned


def _differences(returned: EndorsedTransaction, *, proposal: bytes) -> Iterator[str]:
    proposed = proposal_pb2.Proposal.FromString(proposal)
    header = common_pb2.Header.FromString(proposed.header)
    yield from _header_differences(returned, header=header)
    asked = proposal_pb2.ChaincodeProposalPayload.FromString(proposed.payload)
    answered = proposal_pb2.ChaincodeProposalPayload.FromString(returned.chaincode_payload)
    if answered.input != asked.input:
        yield "arguments"
    if answered.TransientMap:
        yield "transient data"
    hashed = header.channel_header + header.signature_header + returned.chaincode_payload
    if returned.proposal_hash != hashlib.sha256(hashed).digest():
        yield "proposal hash"


def _header_differences(returned: EndorsedTransaction, *, header: common_pb2.Header) -> Iterator[str]:
    ours = common_pb2.ChannelHeader.FromString(header.channel_header)
    theirs = common_pb2.ChannelHeader.FromString(returned.channel_header)
    if theirs.tx_id != ours.tx_id:
        yield "transaction id"
    if theirs.channel_id != ours.channel_id:
        yield "channel"
    if returned.channel_header != header.channel_header:
        yield "channel header"
    if not returned.signature_header == returned.action_header == header.signature_header:
        yield "creator or nonce"
