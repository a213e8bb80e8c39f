"""The contracts of a ledger: imported by name, and run so that whatever they do becomes an answer."""

import importlib
import logging
from collections.abc import Mapping

from aiofabric.chaincode import Chaincode, ChaincodeStub, Response
from aiofabric.chaincode.context import ERROR

logger = logging.getLogger(__name__)


class ChaincodeLaunchError(Exception):
    """A contract that could not be imported: what Fabric says of a chaincode that it cannot launch."""


class Contracts:
    """Contracts by chaincode name."""

    def __init__(self, entry_points: Mapping[str, str]) -> None:
        """Import every "module:attribute". One that fails is logged, and refused whenever it is called."""
        self._contracts = {name: _load(name, entry_point) for name, entry_point in entry_points.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._contracts

    def run(self, name: str, *, stub: ChaincodeStub) -> Response:
        """Call a contract; an exception becomes status 500. Raises ChaincodeLaunchError if there is none to call."""
        contract = self._contracts[name]
        if isinstance(contract, str):
            message = f"error in simulation: failed to execute transaction {stub.tx_id}: {contract}"
            raise ChaincodeLaunchError(message)
        try:
            return _checked(contract(stub))
        except BaseException as error:  # a contract must not end the ledger, not even by SystemExit
            logger.exception("chaincode %s failed in transaction %s", name, stub.tx_id)
            return Response(status=ERROR, message=f"chaincode raised {type(error).__name__}: {error}")


def _load(name: str, entry_point: str) -> Chaincode | str:
    """Return the contract, or why it cannot be called."""
    module, _, attribute = entry_point.partition(":")
    try:
        contract = getattr(importlib.import_module(module), attribute)
    except BaseException as error:  # the module is somebody's program: it may raise anything
        logger.exception("chaincode %s: %s cannot be imported", name, entry_point)
        return f"could not launch chaincode {name}: {entry_point}: {type(error).__name__}: {error}"
    if not callable(contract):
        logger.error("chaincode %s: %s is not callable", name, entry_point)
        return f"could not launch chaincode {name}: {entry_point} is not callable"
    loaded: Chaincode = contract
    return loaded


def _checked(answer: object) -> Response:
    """Return the answer if it is a response that can be sent."""
    if not isinstance(answer, Response):
        raise TypeError(f"it returned {type(answer).__name__}, not Response")
    kinds = (type(answer.status), type(answer.message), type(answer.payload))
    if kinds != (int, str, bytes):
        raise TypeError("a Response has an int status, a str message and a bytes payload")
    return answer
