"""The stub, with the names and the semantics of Fabric's own shims (fabric-chaincode-go, ``shim/interfaces.go``)."""

from collections.abc import Callable
from typing import Protocol

from aiofabric.chaincode.context import Response, TransactionContext
from aiofabric.chaincode.private_data import PrivateData
from aiofabric.chaincode.state import PublicState


class ChaincodeStub(TransactionContext, PublicState, PrivateData, Protocol):
    """One transaction as its contract sees it: the proposal, the public state, the private data."""


Chaincode = Callable[[ChaincodeStub], Response]
"""A contract: called once for each endorsement, with nothing kept from call to call."""
