"""The contracts of a ledger: imported by name, and run so that whatever they do becomes an answer."""

import logging
from collections.abc import Mapping, Sequence

from aiofabric.chaincode import Chaincode, Response
from aiofabric.chaincode.context import ERROR, ERROR_THRESHOLD
from aiofabric.chaincode.entry_point import EntryPointError, load
from aiofabric.chaincode.errors import PeerError
from aiofabric.chaincode.execution import run
from aiofabric.chaincode.peer_identity import running_at
from aiofabric.embedded.simulation import Simulation
from aiofabric.embedded.simulator import SimulationStub

logger = logging.getLogger(__name__)

Event = tuple[str, bytes]


class ChaincodeLaunchError(Exception):
    """A contract that could not be imported: what Fabric says of a chaincode that it cannot launch."""


class Contracts:
    """Contracts by chaincode name."""

    def __init__(self, entry_points: Mapping[str, str]) -> None:
        """Import every "module:attribute". One that fails is logged, and refused whenever it is called."""
        self._contracts = {name: _load(name, entry_point) for name, entry_point in entry_points.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._contracts

    def simulate(self, simulation: Simulation) -> tuple[Response, Event | None]:
        """Run the contract that a proposal names; return its answer and its event.

        Raises ChaincodeLaunchError if there is none to call.
        """
        invocation = simulation.invocation
        with running_at(simulation.peer):
            try:
                return self._run(invocation.chaincode, invocation.args, simulation)
            except ChaincodeLaunchError as error:
                message = f"error in simulation: failed to execute transaction {invocation.tx_id}: {error}"
                raise ChaincodeLaunchError(message) from error

    def call(self, simulation: Simulation, name: str, args: Sequence[bytes], *, channel: str) -> Response:
        """Run a contract that another one calls, in the same transaction; its event is not kept.

        Raises PeerError: for another channel (there is but one), for a chaincode that is not there, and for one that is
        running in this transaction already.
        """
        invocation = simulation.invocation
        if channel not in {"", invocation.channel_id}:
            raise _call_refused(simulation, f"Failed to get policy manager for channel [{channel}]")
        if name not in self._contracts:
            container = f"[channel {invocation.channel_id}] failed to get chaincode container info for {name}"
            words = f"execute failed: invalid invocation: {container}: chaincode {name} not found"
            raise _call_refused(simulation, words)
        if name in simulation.running:
            words = f"execute failed: error sending: txid: {invocation.tx_id}({invocation.channel_id}) exists"
            raise _call_refused(simulation, words)
        try:
            response, _ = self._run(name, tuple(args), simulation)
        except ChaincodeLaunchError as error:
            raise _call_refused(simulation, f"execute failed: {error}") from error
        return response

    def _run(self, name: str, args: tuple[bytes, ...], simulation: Simulation) -> tuple[Response, Event | None]:
        contract = self._contracts[name]
        if isinstance(contract, str):
            raise ChaincodeLaunchError(contract)
        stub = SimulationStub(simulation, chaincode=name, args=args, call=self.call)
        simulation.running.append(name)
        response = run(contract, stub)
        simulation.running.pop()
        try:
            stub.finish()
        except PeerError as error:
            if response.status < ERROR_THRESHOLD:
                response = Response(status=ERROR, message=str(error))
        return response, stub.event


def _call_refused(simulation: Simulation, words: str) -> PeerError:
    code = "INVOKE_CHAINCODE"
    return PeerError(code, f"{code} failed: transaction ID: {simulation.invocation.tx_id}: {words}")


def _load(name: str, entry_point: str) -> Chaincode | str:
    """Return the contract, or why it cannot be called."""
    try:
        return load(entry_point)
    except EntryPointError as error:
        logger.exception("chaincode %s cannot be launched", name)
        return f"could not launch chaincode {name}: {error}"
