"""The stub that a contract is given: the proposal, and the state as `SimulatedState` has it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from aiofabric.chaincode import Response
from aiofabric.chaincode.context_stub import ContextStub
from aiofabric.chaincode.private_stub import PrivateStub
from aiofabric.chaincode.public_stub import PublicStub
from aiofabric.embedded.simulated_state import SimulatedState
from aiofabric.embedded.simulation import Simulation

Call = Callable[..., Response]


class SimulationStub(ContextStub, PublicStub, PrivateStub):
    """`aiofabric.chaincode.ChaincodeStub` for one chaincode in a simulated transaction."""

    def __init__(self, simulation: Simulation, *, call: Call, chaincode: str, args: tuple[bytes, ...]) -> None:
        self._invocation = replace(simulation.invocation, chaincode=chaincode, args=args)
        self._simulation = simulation
        self._call = call
        self._state = self._simulated = SimulatedState(simulation, chaincode=chaincode)

    def invoke_chaincode(self, name: str, args: Sequence[bytes], *, channel: str = "") -> Response:
        """Call another chaincode in this transaction; PeerError if the ledger does not let it run."""
        if not name:
            raise ValueError("a chaincode to call has a name")
        self._simulated.flush()
        return self._call(self._simulation, name, args, channel=channel)

    def finish(self) -> None:
        """Say what was refused of the writes; PeerError."""
        self._simulated.flush()
