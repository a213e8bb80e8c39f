"""A transaction: a proposal with the endorsers' signatures, to be signed and sent for ordering."""

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2

from aiofabric.errors import SubmitError, UnknownOutcomeError
from aiofabric.gateway import wire
from aiofabric.gateway.commit import SubmittedTransaction, status_request
from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.signable import Octets, Signable

# With these the gateway itself says no before anything is ordered. After any other code (above all UNAVAILABLE and
# DEADLINE_EXCEEDED) orderers may have the transaction: on BFT a lagging one fails what the others already ordered.
REFUSALS = frozenset(
    {
        "ABORTED",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
    }
)
TOO_MANY_REQUESTS = "too many requests"


class Transaction(Signable):
    """An endorsed transaction. Unsubmitted it is *endorsed state*: peers' signatures over what a query read."""

    def __init__(self, connection: Connection, *, prepared: Message) -> None:
        """Take a ``gateway.PreparedTransaction``, signed or not.

        Raises ValueError or protobuf's DecodeError if its envelope does not hold one endorsed transaction.
        """
        envelope = prepared.envelope
        super().__init__(connection, message=envelope.payload, signature=envelope.signature)
        self._parts = wire.EndorsedTransaction.from_payload(envelope.payload)
        channel_header = common_pb2.ChannelHeader.FromString(self._parts.channel_header)
        self._channel: str = channel_header.channel_id
        self._transaction_id: str = channel_header.tx_id

    @property
    def transaction_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""
        return self._transaction_id

    @property
    def result(self) -> Octets:
        """What the contract answered."""
        return self._parts.result

    @property
    def payload(self) -> Octets:
        """The ``common.Payload`` exactly as the gateway returned it: call, answer and endorsements."""
        return self.message

    @property
    def read_write_set(self) -> Octets:
        """The serialized ``rwset.TxReadWriteSet``: what was read, in which version, and what would be written."""
        return self._parts.read_write_set

    @property
    def envelope(self) -> Octets:
        """The serialized ``common.Envelope``: the payload, and the signature if there is one."""
        encoded: Octets = self._envelope().SerializeToString()
        return encoded

    @property
    def bytes(self) -> Octets:
        """The serialized ``gateway.PreparedTransaction``, for signing elsewhere."""
        prepared = gateway_pb2.PreparedTransaction(transaction_id=self._transaction_id, envelope=self._envelope())
        encoded: Octets = prepared.SerializeToString()
        return encoded

    async def submit(self, *, timeout_s: float | None = None) -> SubmittedTransaction:
        """Send the transaction for ordering, and return the handle that tells whether it was committed.

        Everything is signed before anything is sent, so that nothing can fail in between. Sending the same transaction
        twice is harmless: it commits at most once.

        Raises:
            SubmitError: it was refused.
            UnknownOutcomeError: it may have been accepted; the error carries the commit handle.
        """
        await self._sign()
        question = status_request(self._connection, channel=self._channel, transaction_id=self._transaction_id)
        if self._connection.signer is not None:
            question.signature = await self._connection.sign(question.request)
        commit = SubmittedTransaction(self._connection, signed_request=question, result=self.result)
        request = gateway_pb2.SubmitRequest(
            transaction_id=self._transaction_id, channel_id=self._channel, prepared_transaction=self._envelope()
        )
        try:
            await self._connection.submit(request, timeout_s=timeout_s)
        except SubmitError as error:
            if _is_refusal(error):
                raise
            raise UnknownOutcomeError(
                error.message,
                code=error.code,
                transaction_id=self._transaction_id,
                commit=commit,
                details=error.details,
            ) from error
        return commit

    def _envelope(self) -> Message:
        return common_pb2.Envelope(payload=self.message, signature=self.signature)


def _is_refusal(error: SubmitError) -> bool:
    """Return whether the transaction certainly was not accepted for ordering."""
    return error.code in REFUSALS or (error.code == "UNKNOWN" and TOO_MANY_REQUESTS in error.message)
