"""Everything that aiofabric raises on purpose: one class for each step of a transaction's way.

FabricError
├── GatewayError                    a call failed: gRPC code, message, and what each peer or orderer said
│   ├── EvaluateError               the query was not answered
│   ├── EndorseError                the proposal was not endorsed: nothing happened
│   ├── SubmitError                 the transaction was refused: nothing happened
│   │   └── UnknownOutcomeError     sent, and nobody knows yet: ask its commit handle, do not propose again
│   ├── CommitStatusError           the status could not be learned: ask again
│   └── EventStreamError            a stream of blocks or events ended: open it again from a checkpoint
├── CommitError                     the transaction is in a block, but invalid: it changed nothing
├── TransactionMismatchError        the gateway returned a transaction that is not the proposal's: not signed
├── UnsignedError                   a signature is needed and there is no signer
├── MalformedError                  bytes that came from elsewhere are not the message that they should be
├── IdentityError                   a certificate or key cannot be read or used
├── SigningError                    a token did not sign
├── CheckpointError                 a checkpoint cannot be read or kept
└── EmbeddedLedgerError             the embedded ledger's own (aiofabric.embedded.errors)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiofabric.status import Status

MVCC_READ_CONFLICT = 11
PHANTOM_READ_CONFLICT = 12

# The words a gateway peer puts before a contract's own answer (Fabric, internal/pkg/gateway).
_CHAINCODE_RESPONSE = re.compile(r"chaincode response (\d{3}), (.*)", re.DOTALL)


Octets = bytes
"""The built-in type, where a property has its name."""


class FabricError(Exception):
    """Root of everything that aiofabric raises on purpose."""

    def diagnostics(self) -> str:
        """Return what happened, in lines for a person: what a log or a terminal shows."""
        return str(self)


@dataclass(frozen=True, slots=True)
class PeerDetail:
    """What one peer or orderer answered when a gateway call failed."""

    address: str
    msp_id: str
    message: str


class GatewayError(FabricError):
    """A call to the gateway failed.

    Attributes:
        transaction_id: the transaction concerned; empty for streams of events.
        code: name of the gRPC status code, such as ``ABORTED``.
        details: one entry for each peer or orderer that failed; empty if the error arose in the gateway itself.
    """

    def __init__(
        self, message: str, *, code: str, transaction_id: str = "", details: Sequence[PeerDetail] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.transaction_id = transaction_id
        self.details = tuple(details)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def chaincode_status(self) -> int | None:
        """The status (400 or more) that the contract answered, or None if the failure was not the contract's."""
        answer = self._chaincode_response()
        return int(answer[1]) if answer else None

    @property
    def chaincode_message(self) -> str | None:
        """The message that the contract answered, or None if the failure was not the contract's."""
        answer = self._chaincode_response()
        return answer[2] if answer else None

    def diagnostics(self) -> str:
        """Return the error, the transaction and each peer's answer, a line each."""
        lines = [f"{type(self).__name__}: {self}"]
        if self.transaction_id:
            lines.append(f"  transaction {self.transaction_id}")
        lines += [f"  {detail.msp_id} at {detail.address}: {detail.message}" for detail in self.details]
        return "\n".join(lines)

    def _chaincode_response(self) -> re.Match[str] | None:
        # On endorse the contract's words are in a peer's detail, on evaluate in the message itself.
        texts = [detail.message for detail in self.details] + [self.message]
        return next((found for text in texts if (found := _CHAINCODE_RESPONSE.search(text))), None)


class EvaluateError(GatewayError):
    """The query was not answered. Nothing can have changed."""


class EndorseError(GatewayError):
    """The proposal was not endorsed. Nothing can have changed."""


class SubmitError(GatewayError):
    """The transaction was refused: nothing can have changed, unless it is an `UnknownOutcomeError`."""


class CommitHandle(Protocol):
    """What can be asked what became of a transaction: `aiofabric.gateway.Commit`."""

    @property
    def transaction_id(self) -> str:
        """The transaction asked about."""

    @property
    def bytes(self) -> Octets:
        """The signed question, to be kept for another process."""

    async def status(self) -> Status:
        """Wait for the transaction's commit; raises `CommitStatusError`."""


class UnknownOutcomeError(SubmitError):
    """The transaction was sent and may be ordered, now or later.

    Ask ``await error.commit.status()`` until it answers. A new proposal before that may apply the change twice.

    Attributes:
        commit: the transaction's commit handle, its status request already signed.
    """

    def __init__(
        self, message: str, *, code: str, transaction_id: str, commit: CommitHandle, details: Sequence[PeerDetail] = ()
    ) -> None:
        super().__init__(message, code=code, transaction_id=transaction_id, details=details)
        self.commit = commit


class CommitStatusError(GatewayError):
    """The commit status could not be learned: the transaction may or may not be committed. Ask again."""


class EventStreamError(GatewayError):
    """A stream of blocks or events ended before its end. Open another one from the last checkpoint."""


class CommitError(FabricError):
    """The transaction is in a block, and invalid: it changed nothing.

    Attributes:
        transaction_id: the transaction concerned.
        code: Fabric's ``TxValidationCode``.
        code_name: its name, such as ``MVCC_READ_CONFLICT``.
        block_number: the block that holds it.
    """

    def __init__(self, status: Status) -> None:
        super().__init__(
            f"transaction {status.transaction_id} is invalid: {status.code_name} ({status.code}) "
            f"in block {status.block_number}"
        )
        self.transaction_id = status.transaction_id
        self.code = status.code
        self.code_name = status.code_name
        self.block_number = status.block_number

    @property
    def is_retryable(self) -> bool:
        """Whether a new proposal may succeed: another transaction changed first what this one had read."""
        return self.code in {MVCC_READ_CONFLICT, PHANTOM_READ_CONFLICT}


class TransactionMismatchError(FabricError):
    """The gateway returned a transaction that is not the one proposed; it was not signed.

    Attributes:
        transaction_id: the proposal's transaction.
        part: what differs, such as ``channel`` or ``arguments``.
    """

    def __init__(self, *, transaction_id: str, part: str) -> None:
        super().__init__(
            f"the gateway returned a transaction whose {part} is not the proposal's ({transaction_id}): "
            "it was not signed; do not trust this peer"
        )
        self.transaction_id = transaction_id
        self.part = part


class UnsignedError(FabricError):
    """A signature is needed, and the gateway was connected without a signer."""


class MalformedError(FabricError):
    """Bytes from elsewhere are not the message that they should be. Nothing was sent."""


class IdentityError(FabricError):
    """A certificate, a key or a token cannot be read or used.

    Attributes:
        code: ``FILE_UNREADABLE``, ``AMBIGUOUS`` (not exactly one file), ``CERTIFICATE_UNREADABLE``,
            ``KEY_UNREADABLE``, ``KEY_PASSWORD``, ``KEY_UNSUPPORTED``, ``KEY_MISMATCH`` (not the certificate's),
            ``KEY_NOT_FOUND``, ``TOKEN_NOT_FOUND``, ``TOKEN_REFUSED`` (the PIN, for instance), ``LIBRARY_UNUSABLE``,
            ``TLS_INCOMPLETE``.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SigningError(FabricError):
    """A token did not sign: it is gone, locked or broken. Nothing was sent."""


class CheckpointError(FabricError):
    """A checkpoint cannot be read or kept. Restore it, or delete it to start from the beginning."""
