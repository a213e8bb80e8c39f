"""A signed proposal, read and checked as a peer does it.

Source: Fabric's ``core/endorser/msgvalidation.go`` and ``core/handlers/auth/filter``.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from types import MappingProxyType

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded.errors import Code, IdentityRefusedError, RequestRefusedError
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.policy import WRITERS, Policies, unsatisfied
from aiofabric.embedded.simulation import Invocation

TIME_WINDOW_S = 15 * 60
_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
NOT_A_WRITER = f"failed evaluating policy on signed data during check policy [{WRITERS}]: [{unsatisfied('Writers')}]"
_PROPOSAL_TYPES = (common_pb2.ENDORSER_TRANSACTION, common_pb2.CONFIG)


class ProposalRefusedError(Exception):
    """A peer refuses the proposal; ``code`` is how the Gateway classes it on evaluate."""

    def __init__(self, message: str, *, code: Code = Code.FAILED_PRECONDITION) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal's parts: those that are hashed and copied into the transaction stay the bytes that were signed."""

    channel_header: bytes
    signature_header: bytes
    transaction_payload: bytes  # ChaincodeProposalPayload without transient data
    epoch: int
    nonce: bytes
    invocation: Invocation
    signed_bytes: bytes
    signature: bytes

    def hash(self) -> bytes:
        """Return the proposal hash that endorsements bind."""
        return hashlib.sha256(self.channel_header + self.signature_header + self.transaction_payload).digest()


def parse(signed: proposal_pb2.SignedProposal) -> Proposal:
    """Read a signed proposal; raise RequestRefusedError (INVALID_ARGUMENT) if it cannot be one."""
    try:
        proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        signature_header = common_pb2.SignatureHeader.FromString(header.signature_header)
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        spec = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
    except DecodeError as error:
        raise RequestRefusedError(
            Code.INVALID_ARGUMENT, message=f"failed to unpack transaction proposal: {error}"
        ) from error
    chaincode = spec.chaincode_id.name
    if not channel_header.channel_id or not chaincode:
        missing = "channel id" if chaincode else "chaincode name"
        raise RequestRefusedError(Code.INVALID_ARGUMENT, message=f"failed to unpack transaction proposal: no {missing}")
    timestamp = channel_header.timestamp
    return Proposal(
        channel_header=header.channel_header,
        signature_header=header.signature_header,
        transaction_payload=proposal_pb2.ChaincodeProposalPayload(input=payload.input).SerializeToString(),
        epoch=channel_header.epoch,
        nonce=signature_header.nonce,
        signed_bytes=signed.proposal_bytes,
        signature=signed.signature,
        invocation=Invocation(
            chaincode=chaincode,
            args=tuple(spec.input.args),
            tx_id=channel_header.tx_id,
            channel_id=channel_header.channel_id,
            timestamp_ms=timestamp.seconds * 1000 + timestamp.nanos // 1_000_000,
            creator=signature_header.creator,
            transient=MappingProxyType(dict(payload.TransientMap)),
            signed_proposal=signed.SerializeToString(),
        ),
    )


def check(proposal: Proposal, *, membership: Membership, policies: Policies, now: dt.datetime) -> Member:
    """Check everything about a proposal but its effect; return its creator or raise ProposalRefusedError."""
    invocation = proposal.invocation
    denied = f"error validating proposal: access denied: channel [{invocation.channel_id}] creator org"
    _check_window(invocation, now)
    _check_headers(proposal)
    try:
        creator = membership.member(invocation.creator)
    except IdentityRefusedError as error:
        whose = f"[{error.msp_id}]" if error.msp_id else "unknown, creator is malformed"
        raise ProposalRefusedError(f"{denied} {whose}") from error
    if creator.not_after < now:
        raise ProposalRefusedError("proposal client identity expired", code=Code.UNAVAILABLE)
    if not creator.verifies(proposal.signature, message=proposal.signed_bytes):
        raise ProposalRefusedError(f"{denied} [{creator.msp_id}]")
    if not policies.satisfied(WRITERS, members=[creator]):
        raise ProposalRefusedError(NOT_A_WRITER)
    return creator


def _check_window(invocation: Invocation, now: dt.datetime) -> None:
    if abs(now.timestamp() - invocation.timestamp_ms / 1000) > TIME_WINDOW_S:
        claimed = dt.datetime.fromtimestamp(invocation.timestamp_ms // 1000, tz=dt.UTC)
        message = (
            f"request unauthorized due to incorrect timestamp {claimed:{_SECONDS}}, peer time {now:{_SECONDS}}, "
            "peer.authentication.timewindow 15m0s"
        )
        raise ProposalRefusedError(message, code=Code.UNAVAILABLE)


def _check_headers(proposal: Proposal) -> None:
    invocation = proposal.invocation
    header = common_pb2.ChannelHeader.FromString(proposal.channel_header)
    if header.type not in _PROPOSAL_TYPES:
        raise ProposalRefusedError(f"error validating proposal: invalid header type {header.type}")
    if proposal.epoch:
        raise ProposalRefusedError("error validating proposal: epoch is non-zero")
    try:
        extension = proposal_pb2.ChaincodeHeaderExtension.FromString(header.extension)
    except DecodeError as error:
        raise ProposalRefusedError("error validating proposal: malformed header extension") from error
    if extension.chaincode_id.name != invocation.chaincode:
        raise ProposalRefusedError("error validating proposal: the header extension names another chaincode")
    if not proposal.nonce or not invocation.creator:
        missing = "creator" if proposal.nonce else "nonce"
        raise ProposalRefusedError(f"error validating proposal: {missing} is empty")
    expected = hashlib.sha256(proposal.nonce + invocation.creator).hexdigest()
    if expected != invocation.tx_id:
        words = f"incorrectly computed txid '{invocation.tx_id}' -- expected '{expected}'"
        raise ProposalRefusedError(f"error validating proposal: {words}")
