"""What a Python contract sees, wherever it runs: the stub it is given and the response it gives back.

The interface is synchronous: a contract is a pure function of its arguments and the state it reads.
The embedded ledger calls it directly; a chaincode server runs it in a thread and does the waiting.
"""

from aiofabric.chaincode.client_identity import ClientIdentity
from aiofabric.chaincode.context import Response
from aiofabric.chaincode.interface import Chaincode, ChaincodeStub
from aiofabric.chaincode.state import KeyModification

__all__ = ["Chaincode", "ChaincodeStub", "ClientIdentity", "KeyModification", "Response"]
