"""One transaction at one organisation's peer: what it may see and what it has done so far.

Source: Fabric's ``core/chaincode/handler.go`` (calls) and ``core/ledger/kvledger/txmgmt/txmgr/tx_simulator.go``.
"""

from dataclasses import dataclass, field

from aiofabric.chaincode.proposal import Invocation as ChaincodeInvocation
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.private_state import PrivateState
from aiofabric.embedded.read_write_set import ReadWriteSet
from aiofabric.embedded.state import WorldState


@dataclass(frozen=True, slots=True, repr=False)
class Invocation(ChaincodeInvocation):
    """What a proposal asks of a chaincode."""

    chaincode: str


@dataclass(slots=True)
class Simulation:
    """The transaction's surroundings and its read/write set, shared by all chaincodes that it runs through.

    Attributes:
        peer: the organisation whose peer simulates.
        private: the private values that this organisation holds.
        running: chaincodes that are running now, the called one last.
        written, paginated, queried_private: what it did so far: pages and private queries are for read-only ones.
    """

    invocation: Invocation
    creator_msp_id: str
    peer: str
    state: WorldState
    private: PrivateState
    collections: Collections
    sets: ReadWriteSet = field(default_factory=ReadWriteSet)
    running: list[str] = field(default_factory=list)
    written: bool = False
    paginated: bool = False
    queried_private: bool = False

    def why_not_write(self) -> str:
        """Return why nothing may be written any more, or "" if it may."""
        if self.queried_private:
            return self._unsupported("Transaction has already performed queries on pvt data. Writes are not allowed")
        if self.paginated:
            return self._unsupported("Transaction has already performed a paginated query. Writes are not allowed")
        return ""

    def read_only(self, what: str) -> str:
        """Return why a query may not be made any more."""
        return self._unsupported(f"{what} in a read-only transaction")

    def _unsupported(self, words: str) -> str:
        # The spelling is Fabric's: applications look for it.
        return f"txid [{self.invocation.tx_id}]: unsuppored transaction. {words}"
