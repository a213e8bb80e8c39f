"""`ChaincodeStub` at a peer: the proposal, the checks that Fabric's shims make, and the request behind each call.

What each method means is said in `context`, `state` and `private_data`.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from fabric_protos.peer import chaincode_pb2, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.context import ERROR, Response
from aiofabric.chaincode.exchange import Exchange
from aiofabric.chaincode.features import Features
from aiofabric.chaincode.peer_state import PeerState
from aiofabric.chaincode.private_stub import PrivateStub
from aiofabric.chaincode.proposal import Invocation
from aiofabric.chaincode.public_stub import PublicStub


class Waits(Protocol):
    """Lets another thread work while one waits: see `workers.Workers`."""

    def waiting(self) -> AbstractContextManager[None]:
        """Enter while waiting."""


class PeerStub(PublicStub, PrivateStub):
    """One transaction at a peer."""

    def __init__(self, invocation: Invocation, *, exchange: Exchange, features: Features, workers: Waits) -> None:
        self._invocation = invocation
        self._exchange = exchange
        self._workers = workers
        self._state = PeerState(exchange, features=features)
        self.event: tuple[str, bytes] | None = None

    @property
    def args(self) -> tuple[bytes, ...]:
        """Function name, then arguments."""
        return self._invocation.args

    @property
    def tx_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""
        return self._invocation.tx_id

    @property
    def channel_id(self) -> str:
        """Name of the channel."""
        return self._invocation.channel_id

    @property
    def timestamp_ms(self) -> int:
        """The proposal's timestamp in epoch milliseconds."""
        return self._invocation.timestamp_ms

    @property
    def creator(self) -> bytes:
        """The serialized identity that signed the proposal."""
        return self._invocation.creator

    @property
    def transient(self) -> Mapping[str, bytes]:
        """The proposal's transient data."""
        return self._invocation.transient

    @property
    def signed_proposal(self) -> bytes:
        """The client's serialized ``protos.SignedProposal``."""
        return self._invocation.signed_proposal

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one chaincode event."""
        if not name:
            raise ValueError("an event needs a name")
        name.encode()
        if not isinstance(payload, bytes):
            raise TypeError("the payload of an event is bytes")
        self.event = (name, payload)

    def invoke_chaincode(self, name: str, args: Sequence[bytes], *, channel: str = "") -> Response:
        """Call another chaincode; PeerError if the peer does not let it run."""
        if not name:
            raise ValueError("a chaincode to call has a name")
        self._state.flush()  # the callee's writes go into the same transaction, after these
        spec = chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_pb2.ChaincodeID(name=f"{name}/{channel}" if channel else name),
            input=chaincode_pb2.ChaincodeInput(args=args),
        )
        with self._workers.waiting():
            answer = self._exchange.request(ChaincodeMessage.INVOKE_CHAINCODE, spec)
        completed = ChaincodeMessage.FromString(answer)
        if completed.type != ChaincodeMessage.COMPLETED:
            return Response(status=ERROR, message=completed.payload.decode("utf-8", "replace"))
        response = proposal_response_pb2.Response.FromString(completed.payload)
        return Response(status=response.status, message=response.message, payload=response.payload)

    def finish(self) -> None:
        """Leave nothing open at the peer, and nothing unsaid: queries closed, writes sent."""
        self._state.close_queries()
        self._state.flush()
