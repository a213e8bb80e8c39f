"""Endorsement as Fabric's Gateway collects it: peers run a proposal, and their answers must agree to the byte.

Source: Fabric's ``internal/pkg/gateway/{evaluate,endorse,endorsement}.go``.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.chaincode import Response
from aiofabric.embedded.contracts import ChaincodeLaunchError
from aiofabric.embedded.errors import Code, RequestRefusedError
from aiofabric.embedded.peer import Peer, Result, Simulator, response_payload
from aiofabric.embedded.planning import Layout, Planner, default_interest, interest_of
from aiofabric.embedded.proposal import Proposal
from aiofabric.embedded.simulation import Invocation
from aiofabric.errors import PeerDetail

EVALUATE_FAILED = "failed to evaluate transaction, see attached details for more info"
ENDORSE_FAILED = "failed to endorse transaction, see attached details for more info"
COLLECT_FAILED = "failed to collect enough transaction endorsements, see attached details for more info"
NO_METADATA = "No metadata was found for chaincode {} in channel {}"
NO_COMBINATION = "no combination of peers can be derived which satisfy the endorsement policy: "
UNSATISFIABLE = "no peer combination can satisfy the endorsement policy"
KEY_UNSATISFIABLE = "state based endorsement policy cannot be satisfied"
NO_OWN_PEER = (
    "no endorsers found in the gateway's organization; retry specifying {} organization(s) to protect transient data"
)


@dataclass(slots=True)
class _Round:
    """The endorsements of one proposal so far."""

    proposal: Proposal
    creator_msp_id: str
    results: dict[str, Result] = field(default_factory=dict)
    payload: bytes = b""  # what the first peer's answer is to be signed as, and what the others must come to as well
    failed: set[str] = field(default_factory=set)
    details: list[PeerDetail] = field(default_factory=list)


class Endorser:
    """Runs contracts over the committed state. Thread-safe: the lock gives each request one moment of the state."""

    def __init__(self, peers: Sequence[Peer], *, simulator: Simulator, planner: Planner, lock: threading.Lock) -> None:
        """Use these peers: an organisation whose peer is not among them is one that cannot be reached."""
        self._peers = {peer.msp_id: peer for peer in peers}
        self._simulator = simulator
        self._planner = planner
        self._lock = lock

    def evaluate(self, proposal: Proposal, *, organisations: Sequence[str], caller: str) -> Response:
        """Run a query on one peer (the caller's own organisation preferred) and return its answer."""
        invocation = proposal.invocation
        where = f"no peers available to evaluate chaincode {invocation.chaincode} in channel {invocation.channel_id}"
        own_only = bool(invocation.transient) and not organisations
        asked = [caller] if own_only else organisations or self._peers
        candidates = [msp_id for msp_id in asked if msp_id in self._peers]
        if invocation.chaincode not in self._simulator.contracts or not candidates:
            message = f"{NO_OWN_PEER.format('target')}: {where}" if own_only else where
            raise RequestRefusedError(Code.FAILED_PRECONDITION, message=message)
        details: list[PeerDetail] = []
        for msp_id in sorted(candidates, key=lambda msp_id: msp_id != caller):
            peer = self._peers[msp_id]
            try:
                with self._lock:
                    result = self._simulator.run(proposal, peer=msp_id, creator_msp_id=caller)
            except ChaincodeLaunchError as error:  # the next peer may be able to run it
                details.append(peer.detail(str(error)))
                continue
            if result.refusal:
                message = f"evaluate call to endorser returned error: {result.refusal}"
                details.append(peer.detail(result.refusal))
                raise RequestRefusedError(Code.UNKNOWN, message=message, details=tuple(details))
            return result.response
        raise RequestRefusedError(Code.ABORTED, message=EVALUATE_FAILED, details=tuple(details))

    def endorse(self, proposal: Proposal, *, organisations: Sequence[str], caller: str) -> common_pb2.Envelope:
        """Collect endorsements and return the transaction, which its creator has yet to sign."""
        work = _Round(proposal, caller)
        with self._lock:  # all peers simulate on the same height
            layouts = [self._given(proposal, organisations)] if organisations else self._planned(work)
            layout = self._collect(work, layouts)
        return _transaction(
            proposal, work.payload, peers=[self._peers[msp_id] for msp_id in work.results if msp_id in layout]
        )

    @staticmethod
    def unserved(invocation: Invocation, *, organisations: Sequence[str]) -> RequestRefusedError:
        """Return the refusal of a proposal for a channel or a chaincode that no peer has."""
        if organisations:
            return _no_peers(organisations)
        if invocation.transient:
            return _no_own_peer()
        return _no_combination(NO_METADATA.format(invocation.chaincode, invocation.channel_id))

    def _given(self, proposal: Proposal, organisations: Sequence[str]) -> Layout:
        if proposal.invocation.chaincode not in self._simulator.contracts:
            raise self.unserved(proposal.invocation, organisations=organisations)
        missing = [msp_id for msp_id in organisations if msp_id not in self._peers]
        if missing:
            raise _no_peers(missing)
        return tuple(dict.fromkeys(organisations))

    def _planned(self, work: _Round) -> list[Layout]:
        """Let the caller's own peer run the proposal, and plan from what it read and wrote."""
        invocation = work.proposal.invocation
        caller = work.creator_msp_id
        if invocation.chaincode not in self._simulator.contracts:
            raise self.unserved(invocation, organisations=())
        if caller not in self._peers:
            return self._planned_elsewhere(work)
        if not self._ask(work, caller):
            raise RequestRefusedError(Code.ABORTED, message=ENDORSE_FAILED, details=tuple(work.details))
        return self._layouts(work)

    def _planned_elsewhere(self, work: _Round) -> list[Layout]:
        if work.proposal.invocation.transient:
            raise _no_own_peer()
        interest = default_interest(work.proposal.invocation.chaincode, rules=self._planner.rules)
        plan = self._planner.layouts(interest, preferred=work.creator_msp_id)
        for first in dict.fromkeys(msp_id for layout in plan for msp_id in layout[:1]):
            if self._ask(work, first):
                return self._layouts(work)
        if plan:
            raise RequestRefusedError(Code.ABORTED, message=ENDORSE_FAILED, details=tuple(work.details))
        raise _no_combination(UNSATISFIABLE)

    def _layouts(self, work: _Round) -> list[Layout]:
        ((first, result),) = work.results.items()
        interest = interest_of(result.sets, chaincode=work.proposal.invocation.chaincode, rules=self._planner.rules)
        protect = bool(work.proposal.invocation.transient)
        layouts = self._planner.layouts(interest, preferred=first, protect=protect)
        if layouts:
            return layouts
        if protect and interest.written_collections and self._planner.layouts(interest, preferred=first):
            names = " ".join(sorted(space.collection for space in interest.written_collections))
            message = (
                "requires endorsement from organisation(s) that are not in the distribution policy of the private data "
                f"collection(s): [{names}]; retry specifying trusted endorsing organizations to protect transient data"
            )
            raise RequestRefusedError(Code.FAILED_PRECONDITION, message=message)
        raise _no_combination(KEY_UNSATISFIABLE if b"" in interest.policies else UNSATISFIABLE)

    def _collect(self, work: _Round, layouts: Sequence[Layout]) -> Layout:
        """Ask whom each layout still lacks, until one is complete."""
        for layout in layouts:
            if not work.failed.isdisjoint(layout):
                continue
            for msp_id in layout:
                if msp_id not in work.results and not self._ask(work, msp_id):
                    work.failed.add(msp_id)
            if work.failed.isdisjoint(layout):
                return layout
        raise RequestRefusedError(Code.ABORTED, message=COLLECT_FAILED, details=tuple(work.details))

    def _ask(self, work: _Round, msp_id: str) -> bool:
        """Let a peer run the proposal; keep its answer, or why there is none."""
        try:
            result = self._simulator.run(work.proposal, peer=msp_id, creator_msp_id=work.creator_msp_id)
            refusal = result.refusal or self._disagreement(work, result)
        except ChaincodeLaunchError as error:
            refusal = str(error)
        if refusal:
            work.details.append(self._peers[msp_id].detail(refusal))
            return False
        work.results[msp_id] = result
        return True

    def _disagreement(self, work: _Round, result: Result) -> str:
        """Return why an answer is not the first one's, or ""; the first one's private values are kept."""
        private = result.sets.private()
        payload = response_payload(work.proposal, result, private=private)
        if not work.payload:
            work.payload = payload
            self._simulator.private.transient.keep(work.proposal.invocation.tx_id, private)
        return "" if payload == work.payload else "ProposalResponsePayloads do not match"


def _no_peers(organisations: Sequence[str]) -> RequestRefusedError:
    message = f"failed to find any endorsing peers for org(s): {', '.join(organisations)}"
    return RequestRefusedError(Code.UNAVAILABLE, message=message)


def _no_own_peer() -> RequestRefusedError:
    return RequestRefusedError(Code.FAILED_PRECONDITION, message=NO_OWN_PEER.format("endorsing"))


def _no_combination(words: str) -> RequestRefusedError:
    return RequestRefusedError(Code.FAILED_PRECONDITION, message=NO_COMBINATION + words)


def _transaction(proposal: Proposal, response_payload: bytes, *, peers: Sequence[Peer]) -> common_pb2.Envelope:
    action = transaction_pb2.ChaincodeActionPayload(
        chaincode_proposal_payload=proposal.transaction_payload,
        action=transaction_pb2.ChaincodeEndorsedAction(
            proposal_response_payload=response_payload,
            endorsements=[peer.endorsement(response_payload) for peer in peers],
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
