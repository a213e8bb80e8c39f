"""A real Fabric network from Python: native peers and orderers on 127.0.0.1, a channel, chaincode as a service.

    from aiofabric.network import ChaincodeDefinition, Network, Organisation, find_binaries

    organisations = [Organisation("Org1MSP"), Organisation("Org2MSP")]
    binaries = find_binaries(home=Path("fabric"))
    async with await Network.create(Path("net"), organisations=organisations, binaries=binaries) as network:
        await network.deploy(ChaincodeDefinition("basic"))
        await network.start_chaincode("basic", entry_point="basic:invoke")

Fabric's programs are found where somebody put them. All keys lie in the network's folder: it is for development and
tests.
"""

from aiofabric.network.binaries import Binaries, Place, find_binaries, survey
from aiofabric.network.definition import ChaincodeDefinition, Collection, NOutOf
from aiofabric.network.description import ChaincodeServer, Description
from aiofabric.network.errors import (
    BinariesMissingError,
    ConfigUpdateError,
    DeployError,
    JoinError,
    NetworkError,
    NotANetworkError,
    PlanError,
    ProcessError,
)
from aiofabric.network.identities import issue_client, load_user
from aiofabric.network.installation import Endpoint
from aiofabric.network.network import Network, remove
from aiofabric.network.package import ChaincodePackage, ChaincodeTls, ccaas_package
from aiofabric.network.plan import Organisation
from aiofabric.network.processes import ending_with_parent
from aiofabric.network.status import DeployedChaincode, NetworkStatus, ProcessStatus

__all__ = [
    "Binaries",
    "BinariesMissingError",
    "ChaincodeDefinition",
    "ChaincodePackage",
    "ChaincodeServer",
    "ChaincodeTls",
    "Collection",
    "ConfigUpdateError",
    "DeployError",
    "DeployedChaincode",
    "Description",
    "Endpoint",
    "JoinError",
    "NOutOf",
    "Network",
    "NetworkError",
    "NetworkStatus",
    "NotANetworkError",
    "Organisation",
    "Place",
    "PlanError",
    "ProcessError",
    "ProcessStatus",
    "ccaas_package",
    "ending_with_parent",
    "find_binaries",
    "issue_client",
    "load_user",
    "remove",
    "survey",
]
