"""A ledger to develop against: one process that plays a small Fabric network for any Python contract.

It speaks Fabric's own Gateway and Deliver services, so applications written for it run on Fabric. One machine holds all
its keys: its endorsements prove nothing between organisations, and it says so (`DevelopmentLedgerWarning`).

    from aiofabric.embedded import Organisation, initialise, serve

    contracts = {"basic": "basic:invoke"}
    initialise(Path("ledger"), channel="trade", organisations=[Organisation("Org1MSP")], chaincodes=contracts)
    async with serve(Path("ledger"), port=7051) as endpoint:
        ...
"""

from aiofabric.embedded.channel import LedgerStatus, status
from aiofabric.embedded.description import Description, describe
from aiofabric.embedded.errors import (
    DevelopmentLedgerWarning,
    EmbeddedLedgerError,
    LedgerDamagedError,
    LedgerInUseError,
    ProvisionError,
    RequestRefusedError,
)
from aiofabric.embedded.ledger import EmbeddedLedger
from aiofabric.embedded.private_collections import Collection
from aiofabric.embedded.provision import Organisation, initialise, issue_client, load_user
from aiofabric.embedded.server import Endpoint, serve

__all__ = [
    "Collection",
    "Description",
    "DevelopmentLedgerWarning",
    "EmbeddedLedger",
    "EmbeddedLedgerError",
    "Endpoint",
    "LedgerDamagedError",
    "LedgerInUseError",
    "LedgerStatus",
    "Organisation",
    "ProvisionError",
    "RequestRefusedError",
    "describe",
    "initialise",
    "issue_client",
    "load_user",
    "serve",
    "status",
]
