"""Who may ask for what: requests are read, held to their signatures and to the channel's policies, or refused.

Source: Fabric's ``internal/pkg/gateway`` and the filters before a peer's services; an orderer's broadcast handler.
"""

import datetime as dt
from typing import NoReturn

from fabric_protos.gateway import gateway_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import transaction_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded import proposal as proposals
from aiofabric.embedded.channel import Channel
from aiofabric.embedded.errors import Code, IdentityRefusedError, RequestRefusedError
from aiofabric.embedded.genesis import MAX_MESSAGE_BYTES
from aiofabric.embedded.membership import Member
from aiofabric.embedded.policy import READERS, WRITERS, unsatisfied
from aiofabric.embedded.proposal import Proposal, ProposalRefusedError
from aiofabric.embedded.transaction import Candidate
from aiofabric.errors import PeerDetail

NO_PROPOSAL_TO_EVALUATE = "failed to unpack transaction proposal: a signed proposal is required"
NO_PROPOSAL_TO_ENDORSE = "the proposed transaction must contain a signed proposal"

# What an orderer can see is no transaction, and therefore never puts into a block.
_NEVER_ORDERED = frozenset({transaction_pb2.BAD_COMMON_HEADER, transaction_pb2.UNKNOWN_TX_TYPE})


def now() -> dt.datetime:
    """Return the time by which proposals and certificates are judged."""
    return dt.datetime.now(tz=dt.UTC)


class Admission:
    """The door of one channel. Everything raises RequestRefusedError, and changes nothing."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def proposal(self, request: gateway_pb2.EvaluateRequest | gateway_pb2.EndorseRequest) -> Proposal:
        """Read a request's proposal."""
        if not request.proposed_transaction.proposal_bytes:
            evaluates = isinstance(request, gateway_pb2.EvaluateRequest)
            message = NO_PROPOSAL_TO_EVALUATE if evaluates else NO_PROPOSAL_TO_ENDORSE
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message=message)
        proposal = proposals.parse(request.proposed_transaction)
        named = proposal.invocation
        for asked, found in ((request.channel_id, named.channel_id), (request.transaction_id, named.tx_id)):
            if asked and asked != found:
                message = "the request names another channel or transaction than its proposal"
                raise RequestRefusedError(Code.INVALID_ARGUMENT, message=message)
        return proposal

    def check(self, proposal: Proposal) -> str:
        """Check a proposal and return its creator's organisation; raises ProposalRefusedError."""
        channel, tx_id = self._channel, proposal.invocation.tx_id
        creator = proposals.check(proposal, membership=channel.membership, policies=channel.policies, now=now())
        if tx_id in channel.chain.statuses:
            raise ProposalRefusedError(
                f"duplicate transaction found [{tx_id}]. Creator [{proposal.invocation.creator.hex()}]"
            )
        return creator.msp_id

    def detail(self, proposal: Proposal, message: str) -> PeerDetail:
        """Return the words of the peer that refused a proposal: the own one of whoever made it, if there is one."""
        organisations = self._channel.description.organisations
        claimed = _claimed_msp_id(proposal.invocation.creator)
        msp_id = claimed if claimed in organisations else organisations[0]
        return PeerDetail(address=f"embedded/{msp_id}", msp_id=msp_id, message=message)

    def require_config(self, channel_id: str, *, code: Code) -> None:
        """Refuse a channel that is not there."""
        if channel_id != self._channel.name:
            words = (
                f"failed to get config for channel [{channel_id}]: could not get last config for channel {channel_id}"
            )
            raise RequestRefusedError(code, message=words)

    def transaction(self, request: gateway_pb2.SubmitRequest) -> Candidate:
        """Judge a submitted transaction; refuse what an orderer would refuse, with the words of a Raft channel."""
        envelope = request.prepared_transaction
        if not request.HasField("prepared_transaction") or not envelope.payload:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a prepared transaction is required")
        if not envelope.signature:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="prepared transaction must be signed")
        self.require_config(request.channel_id, code=Code.FAILED_PRECONDITION)
        serialized = envelope.SerializeToString()
        if len(serialized) > MAX_MESSAGE_BYTES:
            _refuse_broadcast("BAD_REQUEST", f"{len(serialized)} bytes exceed the maximum of {MAX_MESSAGE_BYTES}")
        candidate = self._channel.chain.inspector.inspect(serialized)
        if candidate.code == transaction_pb2.TARGET_CHAIN_NOT_FOUND:
            _refuse_broadcast("NOT_FOUND", "the transaction is for a channel that does not exist here")
        creator = candidate.creator
        if candidate.code in _NEVER_ORDERED or (candidate.code == transaction_pb2.BAD_PAYLOAD and not creator):
            _refuse_broadcast("BAD_REQUEST", "only well-formed endorser transactions are taken")
        if creator and creator.not_after < now():
            _refuse_broadcast("BAD_REQUEST", "broadcast client identity expired")
        if candidate.code == transaction_pb2.BAD_CREATOR_SIGNATURE or not creator or not self._is(creator, WRITERS):
            _refuse_broadcast("FORBIDDEN", f"{unsatisfied('Writers')}: permission denied")
        return candidate

    def authorise_reader(
        self,
        asked: gateway_pb2.CommitStatusRequest | gateway_pb2.ChaincodeEventsRequest,
        request: gateway_pb2.SignedCommitStatusRequest | gateway_pb2.SignedChaincodeEventsRequest,
    ) -> None:
        """Hold a signed request to the channel's Readers policy."""
        channel_id, identity = asked.channel_id, asked.identity
        if channel_id != self._channel.name:
            words = f"Failed to get policy manager for channel [{channel_id}]"
            raise RequestRefusedError(Code.PERMISSION_DENIED, message=words)
        if not self._may(identity, policy=READERS, signature=request.signature, message=request.request):
            check = f"check policy on channel [{channel_id}] with policy [{READERS}]: [{unsatisfied('Readers')}]"
            message = f"Failed evaluating policy on signed data during {check}"
            raise RequestRefusedError(Code.PERMISSION_DENIED, message=message)

    def _may(self, identity: bytes, *, policy: str, signature: bytes, message: bytes) -> bool:
        try:
            member = self._channel.membership.member(identity)
        except IdentityRefusedError:
            return False
        return self._is(member, policy) and member.verifies(signature, message=message)

    def _is(self, member: Member, policy: str) -> bool:
        return member.not_after >= now() and self._channel.policies.satisfied(policy, members=[member])


def _refuse_broadcast(status: str, info: str) -> NoReturn:
    message = f"received unsuccessful response from orderer: status={status}, info={info}"
    raise RequestRefusedError(Code.ABORTED, message=message)


def _claimed_msp_id(creator: bytes) -> str:
    try:
        msp_id: str = identities_pb2.SerializedIdentity.FromString(creator).mspid
    except DecodeError:
        return ""
    return msp_id
