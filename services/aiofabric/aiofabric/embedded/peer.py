"""One organisation's endorsing peer: it runs contracts over what its organisation may see, and signs what comes of it.

Source: Fabric's ``core/endorser/endorser.go``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fabric_protos.peer import chaincode_event_pb2, chaincode_pb2, proposal_pb2, proposal_response_pb2

from aiofabric.chaincode import Response
from aiofabric.chaincode.context import ERROR_THRESHOLD, OK
from aiofabric.embedded.contracts import Contracts
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.private_store import PrivateStore
from aiofabric.embedded.proposal import Proposal
from aiofabric.embedded.provision import load_identity
from aiofabric.embedded.read_write_set import ReadWriteSet
from aiofabric.embedded.simulation import Simulation
from aiofabric.embedded.state import Space, WorldState
from aiofabric.errors import PeerDetail
from aiofabric.identity import Signer

CHAINCODE_VERSION = "1.0"


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

    def endorsement(self, response_payload: bytes) -> proposal_response_pb2.Endorsement:
        """Sign a proposal response payload."""
        serialized = self.member.serialized
        return proposal_response_pb2.Endorsement(
            endorser=serialized, signature=self.sign(response_payload + serialized)
        )


@dataclass(frozen=True, slots=True)
class Result:
    """A peer's answer to a proposal: the contract's, its event, and what it read and wrote."""

    response: Response
    event: tuple[str, bytes] | None
    sets: ReadWriteSet

    @property
    def refusal(self) -> str:
        """Why the contract did not agree, or ""."""
        if OK <= self.response.status < ERROR_THRESHOLD:
            return ""
        return f"chaincode response {self.response.status}, {self.response.message}"


@dataclass(frozen=True, slots=True)
class Simulator:
    """Runs proposals over a ledger's committed state; whoever calls it holds the state still."""

    contracts: Contracts
    state: WorldState
    private: PrivateStore
    collections: Collections

    def run(self, proposal: Proposal, *, peer: str, creator_msp_id: str) -> Result:
        """Run a proposal at an organisation's peer. Raises ChaincodeLaunchError."""
        simulation = Simulation(
            proposal.invocation,
            creator_msp_id=creator_msp_id,
            peer=peer,
            state=self.state,
            private=self.private.of(peer),
            collections=self.collections,
        )
        response, event = self.contracts.simulate(simulation)
        return Result(response, event, simulation.sets)


def load_peers(directory: Path, *, organisations: Sequence[str], membership: Membership) -> list[Peer]:
    """Read the peers of a provisioned ledger."""
    peers = []
    for msp_id in organisations:
        identity, sign = load_identity(directory / "organisations" / msp_id / "peer", msp_id=msp_id)
        peers.append(Peer(membership.member(identity.serialized()), sign))
    return peers


def response_payload(proposal: Proposal, result: Result, *, private: Mapping[Space, bytes]) -> bytes:
    """Return the ``ProposalResponsePayload`` that endorsers sign; ``private`` are the result's private write sets."""
    invocation, response = proposal.invocation, result.response
    action = proposal_pb2.ChaincodeAction(
        results=result.sets.public(private),
        response=proposal_response_pb2.Response(
            status=response.status, message=response.message, payload=response.payload
        ),
        chaincode_id=chaincode_pb2.ChaincodeID(name=invocation.chaincode, version=CHAINCODE_VERSION),
    )
    if result.event:
        name, payload = result.event
        action.events = chaincode_event_pb2.ChaincodeEvent(
            chaincode_id=invocation.chaincode, tx_id=invocation.tx_id, event_name=name, payload=payload
        ).SerializeToString()
    message = proposal_response_pb2.ProposalResponsePayload(
        proposal_hash=proposal.hash(), extension=action.SerializeToString()
    )
    serialized: bytes = message.SerializeToString()
    return serialized
