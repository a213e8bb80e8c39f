"""Endorsed transactions: submitted ones in their envelope, and endorsed state, which was never submitted.

Reading refuses what is no endorser transaction of exactly one action, or whose parts contradict each other. What needs
hashes, keys or a configuration is checked by the functions below, each by itself:

1. `check_transaction_id`: the id is the SHA-256 of nonce ‖ creator.
2. `check_creator`: the creator belongs to its organisation, and signed the payload if it was submitted.
3. `check_endorsements`: the endorsers signed the answer to exactly this proposal, and satisfy the policy;
   `void_endorsements` names those that count for nothing.

Source: Fabric's `core/common/validation/msgvalidation.go`, `protoutil/proputils.go` and, for what counts,
`common/policies/policy.go`.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

from wayproof_verifier.errors import EncodingError, PolicyError, SignatureError, TransactionError, VerificationError
from wayproof_verifier.fabric import messages
from wayproof_verifier.fabric.config import ChannelConfig
from wayproof_verifier.fabric.identity import Identity, Membership
from wayproof_verifier.fabric.lenient import read_leniently
from wayproof_verifier.fabric.messages import ChaincodeEvent, Endorsement, Response, Version
from wayproof_verifier.fabric.policy import check_policy
from wayproof_verifier.fabric.protobuf import Message
from wayproof_verifier.fabric.rwset import NamespaceSet, read_namespaces

HEADER_TYPE_ENDORSER_TRANSACTION: Final = 3  # common.HeaderType
T = TypeVar("T")
M = TypeVar("M", bound=Message)

_MAX_REASONS: Final = 3  # of one kind each: more say nothing new
_SECOND_NS: Final = 1_000_000_000
_FIRST_SUCCESS, _FIRST_FAILURE = 200, 400  # an endorser signs no answer from 400 on


@dataclass(frozen=True, slots=True)
class Transaction:
    """One endorsed invocation, its parts agreeing with each other; signatures and ids are checked by the functions."""

    channel_id: str
    tx_id: str
    timestamp_ns: int  # since 1970, claimed by the client
    creator: bytes  # msp.SerializedIdentity
    nonce: bytes
    chaincode: str
    args: tuple[bytes, ...]  # function name first
    namespaces: Mapping[str, NamespaceSet]
    response: Response  # .status, .message, .payload
    event: ChaincodeEvent | None
    endorsements: tuple[Endorsement, ...]
    proposal_hash: bytes  # the one that the endorsers signed
    proposal_hash_here: bytes  # the one of the bytes at hand
    response_payload: bytes  # what the endorsers signed, each together with its own identity
    payload: bytes  # what the creator signed
    signature: bytes | None  # None: endorsed, never submitted
    unusual: str = ""  # why it is not in the one encoding that everybody writes

    @property
    def reads(self) -> Mapping[str, Version | None]:
        """The read set of the transaction's own chaincode: key to version (`block_num`, `tx_num`), None if absent."""
        return self._own.reads

    @property
    def writes(self) -> Mapping[str, bytes | None]:
        """The write set of the transaction's own chaincode: key to value, None if deleted."""
        return self._own.writes

    @property
    def _own(self) -> NamespaceSet:
        return self.namespaces.get(self.chaincode, NamespaceSet())


def read_transaction(envelope: bytes) -> Transaction:
    """Read a submitted transaction from its `common.Envelope`.

    What its client wrote may be in any encoding that peers take (`lenient` says why); `unusual` tells then.
    """
    opened = messages.Envelope.read(envelope)  # of what no signature covers, peers too take one encoding only
    try:
        return _read(opened.payload, signature=opened.signature, read=_strictly)
    except EncodingError as error:
        return replace(_read(opened.payload, signature=opened.signature, read=read_leniently), unusual=str(error))


def read_endorsed(payload: bytes) -> Transaction:
    """Read an endorsed, never submitted transaction from its `common.Payload`, in its one encoding."""
    return _read(payload, signature=None, read=_strictly)


def check_transaction_id(transaction: Transaction) -> None:
    """Check that the id is the hex SHA-256 of nonce ‖ creator."""
    if transaction.tx_id != hashlib.sha256(transaction.nonce + transaction.creator).hexdigest():
        raise TransactionError(f"{transaction.tx_id}: the id is not the hash of nonce and creator")


def check_creator(transaction: Transaction, *, membership: Membership) -> Identity:
    """Check the creator's certificate and, if submitted, its signature over the payload; return who it is."""
    creator = membership.identity(transaction.creator)
    if transaction.signature is not None:
        creator.verify(transaction.signature, message=transaction.payload)
    return creator


def check_endorsements(
    transaction: Transaction, *, config: ChannelConfig, policy: str, organisations: Collection[str] | None = None
) -> tuple[Identity, ...]:
    """Check proposal hash, endorsements and the policy; return the endorsers.

    `policy` is a path such as `/Channel/Application/Endorsement`; only `organisations` count when given.

    A void endorsement (`void_endorsements`) of a submitted transaction counts for nothing, as in Fabric: any client can
    add one to what its creator signs, and it must not be able to spoil evidence so. What was never submitted nobody
    signed as a whole: there every endorsement must be good.
    """
    if transaction.channel_id != config.channel_id:
        raise TransactionError(f"{transaction.tx_id}: it belongs to another channel, {transaction.channel_id!r}")
    if transaction.proposal_hash != transaction.proposal_hash_here:
        raise TransactionError(f"{transaction.tx_id}: the endorsers answered another proposal")
    endorsers, void = _endorsers(transaction, membership=config.membership)
    if void and transaction.signature is None:
        raise void[0]
    try:
        check_policy(config.group, path=policy, identities=endorsers, organisations=organisations)
    except PolicyError as error:
        if not void:
            raise
        reasons = dict.fromkeys(map(str, void))
        raise PolicyError(f"{error}; void endorsements: {'; '.join(list(reasons)[:_MAX_REASONS])}") from void[0]
    return tuple(endorsers)


def void_endorsements(transaction: Transaction, *, membership: Membership) -> tuple[str, ...]:
    """Return why endorsements count for nothing: nobody's, not by its key, or a second one by the same endorser."""
    _, void = _endorsers(transaction, membership=membership)
    return tuple(map(str, void))


def _endorsers(transaction: Transaction, *, membership: Membership) -> tuple[list[Identity], list[VerificationError]]:
    endorsers: list[Identity] = []
    void: list[VerificationError] = []
    for endorsement in transaction.endorsements:
        try:
            endorser = _endorser(transaction, endorsement, membership=membership)
        except VerificationError as error:
            void.append(error)
            continue
        if endorser in endorsers:
            void.append(SignatureError(f"{transaction.tx_id}: an endorser has signed twice"))
        else:
            endorsers.append(endorser)
    return endorsers, void


def _endorser(transaction: Transaction, endorsement: Endorsement, *, membership: Membership) -> Identity:
    endorser = membership.identity(endorsement.endorser)
    endorser.verify(endorsement.signature, message=transaction.response_payload + endorsement.endorser)
    return endorser


# --- reading --------------------------------------------------------------------------------------------------------


class _Reader(Protocol):
    """How what the client wrote is read; what the endorsers signed always has one encoding."""

    def __call__(self, kind: type[M], data: bytes, /) -> M: ...


def _strictly(kind: type[M], data: bytes, /) -> M:
    return kind.read(data)


def _read(payload: bytes, *, signature: bytes | None, read: _Reader) -> Transaction:
    opened = read(messages.Payload, payload)
    header = _present(opened.header, "a header")
    channel_header = read(messages.ChannelHeader, header.channel_header)
    signature_header = read(messages.SignatureHeader, header.signature_header)
    if channel_header.type != HEADER_TYPE_ENDORSER_TRANSACTION or channel_header.epoch != 0:
        raise TransactionError("no endorser transaction of epoch 0")
    action = _read_action(opened.data, signature_header=header.signature_header, read=read)
    endorsed = _present(action.action, "endorsements")
    answer = messages.ProposalResponsePayload.read(endorsed.proposal_response_payload)
    result = messages.ChaincodeAction.read(answer.extension)
    chaincode, args = _read_invocation(action.chaincode_proposal_payload, read=read)
    extension = read(messages.ChaincodeHeaderExtension, channel_header.extension)
    _require_one_chaincode(chaincode, extension=extension, result=result)
    return Transaction(
        channel_id=channel_header.channel_id,
        tx_id=channel_header.tx_id,
        timestamp_ns=_read_timestamp(channel_header.timestamp),
        creator=signature_header.creator,
        nonce=signature_header.nonce,
        chaincode=chaincode,
        args=args,
        namespaces=read_namespaces(result.results),
        response=_read_response(result.response),
        event=_read_event(result.events, chaincode=chaincode, tx_id=channel_header.tx_id),
        endorsements=endorsed.endorsements,
        proposal_hash=answer.proposal_hash,
        proposal_hash_here=hashlib.sha256(
            header.channel_header + header.signature_header + action.chaincode_proposal_payload
        ).digest(),
        response_payload=endorsed.proposal_response_payload,
        payload=payload,
        signature=signature,
    )


def _present(part: T | None, name: str) -> T:
    if part is None:
        raise TransactionError(f"a transaction without {name}")
    return part


def _read_action(data: bytes, *, signature_header: bytes, read: _Reader) -> messages.ChaincodeActionPayload:
    actions = read(messages.Transaction, data).actions
    if len(actions) != 1:
        raise TransactionError("a transaction has exactly one action")
    if actions[0].header != signature_header:
        raise TransactionError("the action has another signature header than the transaction")
    return read(messages.ChaincodeActionPayload, actions[0].payload)


def _read_invocation(proposal_payload: bytes, *, read: _Reader) -> tuple[str, tuple[bytes, ...]]:
    proposal = read(messages.ChaincodeProposalPayload, proposal_payload)
    if proposal.TransientMap:
        raise TransactionError("transient data were left in the transaction")
    spec = _present(read(messages.ChaincodeInvocationSpec, proposal.input).chaincode_spec, "an invocation")
    return _present(spec.chaincode_id, "a chaincode").name, _present(spec.input, "arguments").args


def _require_one_chaincode(
    name: str, *, extension: messages.ChaincodeHeaderExtension, result: messages.ChaincodeAction
) -> None:
    named = (_present(extension.chaincode_id, "a chaincode").name, _present(result.chaincode_id, "a chaincode").name)
    if not name or named != (name, name):
        raise TransactionError("header, invocation and answer do not name the same chaincode")


def _read_timestamp(timestamp: messages.Timestamp | None) -> int:
    claimed = _present(timestamp, "a timestamp")
    if not 0 <= claimed.nanos < _SECOND_NS:
        raise TransactionError("a timestamp whose nanoseconds are no part of a second")
    return claimed.seconds * _SECOND_NS + claimed.nanos


def _read_response(response: Response | None) -> Response:
    answer = _present(response, "an answer")
    if not _FIRST_SUCCESS <= answer.status < _FIRST_FAILURE:
        raise TransactionError(f"the contract answered {answer.status}, which nobody endorses")
    return answer


def _read_event(data: bytes, *, chaincode: str, tx_id: str) -> ChaincodeEvent | None:
    if not data:
        return None
    event = ChaincodeEvent.read(data)
    if (event.chaincode_id, event.tx_id) != (chaincode, tx_id):
        raise TransactionError("the event names another chaincode or transaction")
    return event
