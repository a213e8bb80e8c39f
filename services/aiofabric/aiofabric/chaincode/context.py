"""What a contract is told of the transaction it is run for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

OK = 200
ERROR_THRESHOLD = 400
ERROR = 500


@dataclass(frozen=True, slots=True)
class Response:
    """What a contract answers.

    A status of 400 or more is never endorsed: its writes and its event vanish, and the caller gets the message.
    """

    status: int = OK
    message: str = ""
    payload: bytes = b""


class TransactionContext(Protocol):
    """The proposal, and what is neither read from the state nor written to it."""

    @property
    def args(self) -> tuple[bytes, ...]:
        """Function name, then arguments."""

    @property
    def tx_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""

    @property
    def channel_id(self) -> str:
        """Name of the channel."""

    @property
    def timestamp_ms(self) -> int:
        """The proposal's timestamp in epoch milliseconds: the client's claim, the same at every endorser."""

    @property
    def creator(self) -> bytes:
        """The serialized ``msp.SerializedIdentity`` of whoever signed the proposal."""

    @property
    def transient(self) -> Mapping[str, bytes]:
        """Transient data: never in the transaction, so it must not reach response, event or public state."""

    @property
    def signed_proposal(self) -> bytes:
        """The client's serialized ``protos.SignedProposal``."""

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one chaincode event (the last call wins)."""

    def invoke_chaincode(self, name: str, args: Sequence[bytes], *, channel: str = "") -> Response:
        """Call another chaincode at the same peer, in the same transaction, and return its answer.

        What it writes on this channel is part of this transaction; on another channel it can only read.
        """
