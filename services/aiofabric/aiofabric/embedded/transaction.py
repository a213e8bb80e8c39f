"""A submitted transaction, judged by everything that does not depend on the state.

Source: Fabric's ``core/common/validation/msgvalidation.go`` and ``core/committer/txvalidator/v20``, in their order: the
first thing wrong gives the code. Duplicates, endorsement policies (keys may have their own), versions and phantoms come
later, in block order (`aiofabric.embedded.committer`).
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_event_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded.errors import IdentityRefusedError
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.state import Entry, Space
from aiofabric.embedded.state_set import StateSet, state_sets

KeyChanges = dict[tuple[Space, str], Entry | None]
"""What becomes of keys: a new entry, or none any more."""

VALID = transaction_pb2.VALID
BEFORE_DUPLICATES = frozenset(range(transaction_pb2.NIL_ENVELOPE, transaction_pb2.DUPLICATE_TXID))
"""Codes found before a transaction id is looked up: such a transaction does not claim its id."""


@dataclass(slots=True)
class Candidate:
    """A transaction on its way into a block."""

    envelope: bytes
    code: int = VALID
    tx_id: str = ""
    creator: Member | None = None
    timestamp_ms: int = 0
    chaincode: str = ""
    endorsers: list[Member] = field(default_factory=list)
    sets: tuple[StateSet, ...] = ()
    changes: KeyChanges = field(default_factory=dict)  # set when it is found valid


class _InvalidError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Inspector:
    """Judges transactions against a channel's configuration. Stateless, so any thread may use it."""

    def __init__(self, channel: str, *, membership: Membership, chaincodes: Collection[str]) -> None:
        self._channel = channel
        self._membership = membership
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
            candidate.sets = state_sets(action.results)
        except (DecodeError, ValueError) as error:
            raise _InvalidError(transaction_pb2.BAD_RWSET) from error
        spaces = [written.space for written in candidate.sets]
        _require(len(set(spaces)) == len(spaces), transaction_pb2.ILLEGAL_WRITESET)
        _require(all(space.chaincode in self._chaincodes for space in spaces), transaction_pb2.INVALID_CHAINCODE)
        candidate.endorsers = self._endorsers(endorsed)

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


def _require(condition: object, code: int) -> None:
    if not condition:
        raise _InvalidError(code)
