"""What a contract is told of the proposal, read from the message that the peer sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, proposal_pb2


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the contract. Its repr shows no arguments and no transient data: both may be secret."""

    args: tuple[bytes, ...]
    tx_id: str
    channel_id: str
    timestamp_ms: int
    creator: bytes
    transient: Mapping[str, bytes]
    signed_proposal: bytes

    def __repr__(self) -> str:
        return f"Invocation(tx_id={self.tx_id!r}, channel_id={self.channel_id!r})"


def invocation(message: chaincode_shim_pb2.ChaincodeMessage) -> Invocation:
    """Read a TRANSACTION or INIT; raises ``google.protobuf.message.DecodeError``.

    The peer has checked the proposal's signature and identity; without a proposal its fields are empty.
    """
    arguments = chaincode_pb2.ChaincodeInput.FromString(message.payload)
    proposal = proposal_pb2.Proposal.FromString(message.proposal.proposal_bytes)
    header = common_pb2.Header.FromString(proposal.header)
    channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
    payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
    timestamp = channel_header.timestamp
    return Invocation(
        args=tuple(arguments.args),
        tx_id=message.txid,
        channel_id=message.channel_id,
        timestamp_ms=timestamp.seconds * 1000 + timestamp.nanos // 1_000_000,
        creator=common_pb2.SignatureHeader.FromString(header.signature_header).creator,
        transient=MappingProxyType(dict(payload.TransientMap)),
        signed_proposal=message.proposal.SerializeToString(),
    )
