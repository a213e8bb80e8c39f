"""What can go wrong, by who has to act.

EmbeddedLedgerError       a FabricError
├── ProvisionError        the directory cannot be made into a ledger
├── LedgerDamagedError    the stored ledger is not what was written: restore it, nothing is repaired
├── LedgerInUseError      another process has the ledger open
├── RequestRefusedError   a request was refused; carries the gRPC code that Fabric's Gateway would answer
└── IdentityRefusedError  a creator or endorser that no organisation of the channel vouches for
"""

from enum import IntEnum

from aiofabric.errors import FabricError, PeerDetail


class Code(IntEnum):
    """The gRPC status codes that Fabric's Gateway answers with."""

    INVALID_ARGUMENT = 3
    UNKNOWN = 2
    PERMISSION_DENIED = 7
    FAILED_PRECONDITION = 9
    ABORTED = 10
    UNAVAILABLE = 14


class EmbeddedLedgerError(FabricError):
    """Anything that this package raises on purpose."""


class ProvisionError(EmbeddedLedgerError):
    """A ledger cannot be made, or extended, as asked."""


class LedgerDamagedError(EmbeddedLedgerError):
    """The stored ledger does not verify. The message names file, block and offset."""


class LedgerInUseError(EmbeddedLedgerError):
    """Another process serves this directory."""


class RequestRefusedError(EmbeddedLedgerError):
    """A request was refused, as Fabric's Gateway would refuse it."""

    def __init__(self, code: Code, *, message: str, details: tuple[PeerDetail, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class IdentityRefusedError(EmbeddedLedgerError):
    """A creator or endorser is not a valid identity of the channel.

    ``msp_id`` is the organisation that issued it, empty if none of the channel did.
    """

    def __init__(self, message: str, *, msp_id: str = "") -> None:
        super().__init__(message)
        self.msp_id = msp_id


class DevelopmentLedgerWarning(UserWarning):
    """One machine holds all keys of this ledger: its endorsements prove nothing between organisations."""
