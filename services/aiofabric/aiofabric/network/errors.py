"""What can go wrong with a network, by who has to act.

FabricError
└── NetworkError
    ├── BinariesMissingError    Fabric's programs are not there, or not of a version that can do what is asked
    ├── PlanError               a network cannot be made as asked, or not in this folder
    ├── NotANetworkError        the folder holds no network, or only half of one
    ├── ProcessError            a process did not start, or did not become healthy
    ├── JoinError               a peer or orderer did not join the channel
    ├── DeployError             a chaincode could not be installed, approved or committed
    └── ConfigUpdateError       the channel's configuration could not be read or changed
"""

from aiofabric.errors import FabricError


class NetworkError(FabricError):
    """Anything that this package raises on purpose.

    Attributes:
        code: a short name of the fault that does not change, for programs.
    """

    code = "NETWORK"


class BinariesMissingError(NetworkError):
    """Fabric's programs or their sample configuration were not found, or are too old for what is asked."""

    code = "BINARIES_MISSING"


class PlanError(NetworkError):
    """A network cannot be made as asked."""

    code = "PLAN"


class NotANetworkError(NetworkError):
    """The folder holds no finished network."""

    code = "NOT_A_NETWORK"


class ProcessError(NetworkError):
    """A process did not start, or did not become healthy. The message ends with the last lines of its log."""

    code = "PROCESS"


class JoinError(NetworkError):
    """A peer or an orderer did not join the channel."""

    code = "JOIN"


class DeployError(NetworkError):
    """A chaincode could not be packaged, installed, approved or committed."""

    code = "DEPLOY"


class ConfigUpdateError(NetworkError):
    """The channel's configuration could not be read, or a change of it was refused."""

    code = "CONFIG_UPDATE"
