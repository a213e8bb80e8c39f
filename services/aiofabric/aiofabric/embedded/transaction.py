"""A submitted transaction, judged by everything that does not depend on the state.

Source: Fabric's ``core/common/validation/msgvalidation.go`` and ``core/committer/txvalidator/v20``, in their order: the
first thing wrong gives the code. Duplicates, versions and phantoms come later, in block order
(`aiofabric.embedded.committer`).
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded.errors import IdentityRefusedError
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.policy import ENDORSEMENT, Policies
from aiofabric.embedded.state import Version, Write

VALID = transaction_pb2.VALID
BEFORE_DUPLICATES = frozenset(range(transaction_pb2.NIL_ENVELOPE, transaction_pb2.DUPLICATE_TXID))
"""Codes found before a transaction id is looked up: such a transaction does not claim its id."""


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """A range query to be repeated at commit."""

    start_key: str
    end_key: str
    includes_end: bool
    reads: tuple[tuple[str, Version | None], ...]


@dataclass(slots=True)
class Candidate:
    """A transaction on its way into a block."""

    envelope: bytes
    code: int = VALID
    tx_id: str = ""
    creator: Member | None = None
    timestamp_ms: int = 0
    chaincode: str = ""
    reads: list[tuple[str, Version | None]] = field(default_factory=list)
    ranges: list[RangeCheck] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)


class _InvalidError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Inspector:
    """Judges transactions against a channel's configuration. Stateless, so any thread may use it."""

    def __init__(
        self, channel: str, *, membership: Membership, policies: Policies, chaincodes: Collection[str]
    ) -> None:
        self._channel = channel
        self._membership = membership
        self._policies = policies
        self._chaincodes = chaincodes

    def inspect(self, envelope: bytes) -> Candidate:
        """Return the candidate with its code so far; it never raises."""
        candidate = Candidate(envelope)
        try:
            self._inspect(candidate)
        except _InvalidError as error:
            candidate.code = error.code
        except DecodeError:
            candidate.code = transaction_pb2.BAD_PAYLOAD
        return candidate

    def _inspect(self, candidate: Candidate) -> None:
        envelope = common_pb2.Envelope.FromString(candidate.envelope)
        payload = common_pb2.Payload.FromString(envelope.payload)
        channel_header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        signature_header = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
        candidate.tx_id = channel_header.tx_id
        timestamp = channel_header.timestamp
        candidate.timestamp_ms = timestamp.seconds * 1000 + timestamp.nanos // 1_000_000
        _require(not channel_header.epoch, transaction_pb2.BAD_COMMON_HEADER)
        _require(channel_header.channel_id == self._channel, transaction_pb2.TARGET_CHAIN_NOT_FOUND)
        _require(signature_header.nonce and signature_header.creator, transaction_pb2.BAD_COMMON_HEADER)
        candidate.creator = creator = self._member(signature_header.creator)
        _require(
            creator and creator.verifies(envelope.signature, message=envelope.payload),
            transaction_pb2.BAD_CREATOR_SIGNATURE,
        )
        _require(channel_header.type == common_pb2.ENDORSER_TRANSACTION, transaction_pb2.UNKNOWN_TX_TYPE)
        expected = hashlib.sha256(signature_header.nonce + signature_header.creator).hexdigest()
        _require(expected == channel_header.tx_id, transaction_pb2.BAD_PROPOSAL_TXID)
        action = _endorsed_action(payload)
        self._inspect_action(candidate, action, channel_header)

    def _inspect_action(
        self,
        candidate: Candidate,
        endorsed: transaction_pb2.ChaincodeEndorsedAction,
        channel_header: common_pb2.ChannelHeader,
    ) -> None:
        response = proposal_response_pb2.ProposalResponsePayload.FromString(endorsed.proposal_response_payload)
        action = proposal_pb2.ChaincodeAction.FromString(response.extension)
        extension = proposal_pb2.ChaincodeHeaderExtension.FromString(channel_header.extension)
        candidate.chaincode = action.chaincode_id.name
        named = extension.chaincode_id.name
        _require(named in self._chaincodes and named == candidate.chaincode, transaction_pb2.INVALID_CHAINCODE)
        if action.events:
            event = chaincode_event_pb2.ChaincodeEvent.FromString(action.events)
            own = event.chaincode_id == named and event.tx_id == candidate.tx_id
            _require(own, transaction_pb2.INVALID_OTHER_REASON)
        try:
            _read_write_set(candidate, action.results)
        except (DecodeError, ValueError) as error:
            raise _InvalidError(transaction_pb2.BAD_RWSET) from error
        members = self._endorsers(endorsed)
        satisfied = self._policies.satisfied(ENDORSEMENT, members=members)
        _require(satisfied, transaction_pb2.ENDORSEMENT_POLICY_FAILURE)

    def _endorsers(self, endorsed: transaction_pb2.ChaincodeEndorsedAction) -> list[Member]:
        """Return the members whose endorsements verify; the others do not count, as in Fabric."""
        message = endorsed.proposal_response_payload
        pairs = [(self._member(entry.endorser), entry) for entry in endorsed.endorsements]
        return [
            member
            for member, entry in pairs
            if member and member.verifies(entry.signature, message=message + entry.endorser)
        ]

    def _member(self, serialized: bytes) -> Member | None:
        try:
            return self._membership.member(serialized)
        except IdentityRefusedError:
            return None


def _endorsed_action(payload: common_pb2.Payload) -> transaction_pb2.ChaincodeEndorsedAction:
    """Return the one action of a transaction, checked against the headers around it."""
    invalid = transaction_pb2.INVALID_ENDORSER_TRANSACTION
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    _require(len(transaction.actions) == 1, invalid)
    _require(transaction.actions[0].header == payload.header.signature_header, invalid)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)
    response = proposal_response_pb2.ProposalResponsePayload.FromString(action.action.proposal_response_payload)
    hashed = payload.header.channel_header + payload.header.signature_header + action.chaincode_proposal_payload
    _require(hashlib.sha256(hashed).digest() == response.proposal_hash, invalid)
    return action.action


def _read_write_set(candidate: Candidate, results: bytes) -> None:
    for entry in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        foreign = entry.namespace != candidate.chaincode or len(entry.collection_hashed_rwset) > 0
        _require(not foreign, transaction_pb2.ILLEGAL_WRITESET)
        rwset = kv_rwset_pb2.KVRWSet.FromString(entry.rwset)
        _require(not rwset.metadata_writes, transaction_pb2.ILLEGAL_WRITESET)
        candidate.reads += [(read.key, _version(read)) for read in rwset.reads]
        candidate.ranges += [_range_check(info) for info in rwset.range_queries_info]
        candidate.writes += [Write(write.key, None if write.is_delete else write.value) for write in rwset.writes]


def _range_check(info: kv_rwset_pb2.RangeQueryInfo) -> RangeCheck:
    if info.WhichOneof("reads_info") == "reads_merkle_hashes":
        raise ValueError("the embedded ledger records every read of a range, never their Merkle hashes")
    reads = tuple((read.key, _version(read)) for read in info.raw_reads.kv_reads)
    return RangeCheck(info.start_key, info.end_key, includes_end=not info.itr_exhausted, reads=reads)


def _version(read: kv_rwset_pb2.KVRead) -> Version | None:
    return (read.version.block_num, read.version.tx_num) if read.HasField("version") else None


def _require(condition: object, code: int) -> None:
    if not condition:
        raise _InvalidError(code)
