"""The part of a stub that is `context.TransactionContext`, but for calls of other chaincodes."""

from collections.abc import Mapping
from typing import Protocol


class Invocation(Protocol):
    """What a stub is told of the proposal and of the call."""

    @property
    def args(self) -> tuple[bytes, ...]: ...  # noqa: D102 - said below
    @property
    def tx_id(self) -> str: ...  # noqa: D102
    @property
    def channel_id(self) -> str: ...  # noqa: D102
    @property
    def timestamp_ms(self) -> int: ...  # noqa: D102
    @property
    def creator(self) -> bytes: ...  # noqa: D102
    @property
    def transient(self) -> Mapping[str, bytes]: ...  # noqa: D102
    @property
    def signed_proposal(self) -> bytes: ...  # noqa: D102


class ContextStub:
    """The proposal, and the transaction's event."""

    _invocation: Invocation
    event: tuple[str, bytes] | None = None

    @property
    def args(self) -> tuple[bytes, ...]:
        """Function name, then arguments."""
        return self._invocation.args

    @property
    def tx_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""
        return self._invocation.tx_id

    @property
    def channel_id(self) -> str:
        """Name of the channel."""
        return self._invocation.channel_id

    @property
    def timestamp_ms(self) -> int:
        """The proposal's timestamp in epoch milliseconds."""
        return self._invocation.timestamp_ms

    @property
    def creator(self) -> bytes:
        """The serialized identity that signed the proposal."""
        return self._invocation.creator

    @property
    def transient(self) -> Mapping[str, bytes]:
        """The proposal's transient data."""
        return self._invocation.transient

    @property
    def signed_proposal(self) -> bytes:
        """The client's serialized ``protos.SignedProposal``."""
        return self._invocation.signed_proposal

    def set_event(self, name: str, payload: bytes) -> None:
        """Set the transaction's one chaincode event."""
        if not name:
            raise ValueError("an event needs a name")
        name.encode()
        if not isinstance(payload, bytes):
            raise TypeError("the payload of an event is bytes")
        self.event = (name, payload)
