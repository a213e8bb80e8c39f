"""`ChaincodeStub` at a peer: the proposal, the checks that Fabric's shims make, and the request behind each call.

What each method means is said in `context`, `state` and `private_data`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from fabric_protos.peer import chaincode_pb2, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from aiofabric.chaincode.context import ERROR, Response
from aiofabric.chaincode.context_stub import ContextStub
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


class PeerStub(ContextStub, PublicStub, PrivateStub):
    """One transaction at a peer."""

    def __init__(self, invocation: Invocation, *, exchange: Exchange, features: Features, workers: Waits) -> None:
        self._invocation = invocation
        self._exchange = exchange
        self._workers = workers
        self._state = self._peer = PeerState(exchange, features=features)

    def invoke_chaincode(self, name: str, args: Sequence[bytes], *, channel: str = "") -> Response:
        """Call another chaincode; PeerError if the peer does not let it run."""
        if not name:
            raise ValueError("a chaincode to call has a name")
        self._peer.flush()  # the callee's writes go into the same transaction, after these
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
        self._peer.close_queries()
        self._peer.flush()
