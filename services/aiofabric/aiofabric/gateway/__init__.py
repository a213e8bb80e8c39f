"""The Gateway client: asyncio, with the official clients' names.

``Gateway → Network → Contract → Proposal → Transaction → Commit``: *evaluate* reads, *submit* writes.
"""

from aiofabric.gateway.checkpoint import Checkpoint, FileCheckpointer, InMemoryCheckpointer, Position
from aiofabric.gateway.commit import Commit, SubmittedTransaction
from aiofabric.gateway.contract import Contract
from aiofabric.gateway.deadlines import Deadlines
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.events_request import EventsRequest
from aiofabric.gateway.gateway import Gateway
from aiofabric.gateway.network import Network
from aiofabric.gateway.proposal import Proposal
from aiofabric.gateway.sql_checkpoint import SqlCheckpoint
from aiofabric.gateway.streams import EventStream
from aiofabric.gateway.transaction import Transaction
from aiofabric.status import Status

__all__ = [
    "ChaincodeEvent",
    "Checkpoint",
    "Commit",
    "Contract",
    "Deadlines",
    "EventStream",
    "EventsRequest",
    "FileCheckpointer",
    "Gateway",
    "InMemoryCheckpointer",
    "Network",
    "Position",
    "Proposal",
    "SqlCheckpoint",
    "Status",
    "SubmittedTransaction",
    "Transaction",
]
