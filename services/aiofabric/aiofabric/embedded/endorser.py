"""Endorsement: a contract is run once for each endorsing organisation, and their answers must agree to the byte.

Source: Fabric's ``core/endorser/endorser.go`` and ``internal/pkg/gateway/{evaluate,endorse}.go``.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from aiofabric.chaincode import Response
from aiofabric.chaincode.context import ERROR_THRESHOLD, OK
from aiofabric.embedded.contracts import ChaincodeLaunchError, Contracts
from aiofabric.embedded.errors import Code, RequestRefusedError
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.policy import ENDORSEMENT, Policies
from aiofabric.embedded.proposal import Proposal
from aiofabric.embedded.provision import load_identity
from aiofabric.embedded.simulator import Invocation, SimulationStub
from aiofabric.embedded.state import WorldState
from aiofabric.errors import PeerDetail
from aiofabric.identity import Signer

CHAINCODE_VERSION = "1.0"
ENDORSE_FAILED = "failed to endorse transaction, see attached details for more info"
COLLECT_FAILED = "failed to collect enough transaction endorsements, see attached details for more info"


@dataclass(frozen=True, slots=True)
class Peer:
    """An organisation's endorsing identity and its key."""

    member: Member
    sign: Signer

    @property
    def msp_id(self) -> str:
        """The organisation."""
        return self.member.msp_id

    def detail(self, message: str) -> PeerDetail:
        """Return a refusal's detail in this peer's name."""
        return PeerDetail(address=f"embedded/{self.msp_id}", msp_id=self.msp_id, message=message)


class Endorser:
    """Runs contracts over the committed state. Thread-safe: the lock gives each request one moment of the state."""

    def __init__(
        self,
        peers: Sequence[Peer],
        *,
        contracts: Contracts,
        policies: Policies,
        state: WorldState,
        lock: threading.Lock,
    ) -> None:
        self._peers = {peer.msp_id: peer for peer in peers}
        self._contracts = contracts
        self._policies = policies
        self._state = state
        self._lock = lock

    def evaluate(self, proposal: Proposal, *, organisations: Sequence[str], caller: str) -> Response:
        """Run a query on one peer (the caller's own organisation preferred) and return its answer."""
        name = proposal.invocation.chaincode
        where = f"chaincode {name} in channel {proposal.invocation.channel_id}"
        candidates = [msp_id for msp_id in organisations or self._peers if msp_id in self._peers]
        if name not in self._contracts or not candidates:
            raise RequestRefusedError(Code.FAILED_PRECONDITION, message=f"no peers available to evaluate {where}")
        peer = self._peers[caller if caller in candidates else candidates[0]]
        try:
            with self._lock:
                response, _ = self._run(proposal.invocation)
        except ChaincodeLaunchError as error:
            raise _evaluate_refusal(Code.ABORTED, peer=peer, words=str(error)) from error
        refusal = _refusal(response)
        if refusal:
            raise _evaluate_refusal(Code.UNKNOWN, peer=peer, words=refusal)
        return response

    def endorse(self, proposal: Proposal, *, organisations: Sequence[str], caller: str) -> common_pb2.Envelope:
        """Collect endorsements and return the transaction, which its creator has yet to sign."""
        peers = self._endorsing_peers(proposal, organisations=organisations, caller=caller)
        results: list[bytes] = []
        with self._lock:  # all peers simulate on the same height
            for peer in peers:
                try:
                    response, stub = self._run(proposal.invocation)
                    refusal = _refusal(response)
                except ChaincodeLaunchError as error:
                    refusal = str(error)
                if refusal:
                    message = COLLECT_FAILED if organisations or results else ENDORSE_FAILED
                    raise RequestRefusedError(Code.ABORTED, message=message, details=(peer.detail(refusal),))
                results.append(_response_payload(proposal, response=response, stub=stub))
        differing = [
            peer.detail("ProposalResponsePayloads do not match")
            for peer, result in zip(peers, results, strict=True)
            if result != results[0]
        ]
        if differing:
            raise RequestRefusedError(Code.ABORTED, message=COLLECT_FAILED, details=tuple(differing))
        return _transaction(proposal, response_payload=results[0], peers=peers)

    def _endorsing_peers(self, proposal: Proposal, *, organisations: Sequence[str], caller: str) -> list[Peer]:
        if proposal.invocation.chaincode not in self._contracts:
            message = (
                "no combination of peers can be derived which satisfy the endorsement policy: chaincode "
                f"{proposal.invocation.chaincode} is not installed"
            )
            raise RequestRefusedError(Code.FAILED_PRECONDITION, message=message)
        if organisations:
            missing = [msp_id for msp_id in organisations if msp_id not in self._peers]
            if missing:
                message = f"failed to find any endorsing peers for org(s): {', '.join(missing)}"
                raise RequestRefusedError(Code.UNAVAILABLE, message=message)
            return [self._peers[msp_id] for msp_id in dict.fromkeys(organisations)]
        return self._enough_peers(caller)

    def _enough_peers(self, caller: str) -> list[Peer]:
        """Return the caller's own peer, then others in the configuration's order until the policy is satisfied."""
        ordered = sorted(self._peers.values(), key=lambda peer: peer.msp_id != caller)
        for count in range(1, len(ordered) + 1):
            if self._policies.satisfied(ENDORSEMENT, members=[peer.member for peer in ordered[:count]]):
                return ordered[:count]
        message = "no combination of peers can be derived which satisfy the endorsement policy"
        raise RequestRefusedError(Code.FAILED_PRECONDITION, message=message)

    def _run(self, invocation: Invocation) -> tuple[Response, SimulationStub]:
        stub = SimulationStub(invocation, state=self._state.namespace(invocation.chaincode))
        return self._contracts.run(invocation.chaincode, stub=stub), stub


def load_peers(directory: Path, *, organisations: Sequence[str], membership: Membership) -> list[Peer]:
    """Read the peers of a provisioned ledger."""
    peers = []
    for msp_id in organisations:
        identity, sign = load_identity(directory / "organisations" / msp_id / "peer", msp_id=msp_id)
        peers.append(Peer(membership.member(identity.serialized()), sign))
    return peers


def _evaluate_refusal(code: Code, *, peer: Peer, words: str) -> RequestRefusedError:
    message = f"evaluate call to endorser returned error: {words}"
    return RequestRefusedError(code, message=message, details=(peer.detail(words),))


def _refusal(response: Response) -> str:
    if OK <= response.status < ERROR_THRESHOLD:
        return ""
    return f"chaincode response {response.status}, {response.message}"


def _response_payload(proposal: Proposal, *, response: Response, stub: SimulationStub) -> bytes:
    invocation = proposal.invocation
    action = proposal_pb2.ChaincodeAction(
        results=stub.read_write_set(),
        response=proposal_response_pb2.Response(
            status=response.status, message=response.message, payload=response.payload
        ),
        chaincode_id=chaincode_pb2.ChaincodeID(name=invocation.chaincode, version=CHAINCODE_VERSION),
    )
    if stub.event:
        name, payload = stub.event
        action.events = chaincode_event_pb2.ChaincodeEvent(
            chaincode_id=invocation.chaincode, tx_id=invocation.tx_id, event_name=name, payload=payload
        ).SerializeToString()
    message = proposal_response_pb2.ProposalResponsePayload(
        proposal_hash=proposal.hash(), extension=action.SerializeToString()
    )
    serialized: bytes = message.SerializeToString()
    return serialized


def _transaction(proposal: Proposal, *, response_payload: bytes, peers: Sequence[Peer]) -> common_pb2.Envelope:
    endorsements = [
        proposal_response_pb2.Endorsement(
            endorser=peer.member.serialized, signature=peer.sign(response_payload + peer.member.serialized)
        )
        for peer in peers
    ]
    action = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=proposal.transaction_payload,
        action=transaction_pb2.ChaincodeEndorsedAction(
            proposal_response_payload=response_payload, endorsements=endorsements
        ),
    )
    transaction = transaction_pb2.Transaction(
        actions=[
            transaction_pb2.TransactionAction(header=proposal.signature_header, payload=action.SerializeToString())
        ]
    )
    payload = common_pb2.Payload(
        header=common_pb2.Header(channel_header=proposal.channel_header, signature_header=proposal.signature_header),
        data=transaction.SerializeToString(),
    )
    return common_pb2.Envelope(payload=payload.SerializeToString())
