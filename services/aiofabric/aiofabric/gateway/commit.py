"""A commit: whether a submitted transaction became part of the ledger."""

from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.signable import Octets, Signable
from aiofabric.status import Status


class Commit(Signable):
    """A question that can be asked as often as needed: was this transaction committed?"""

    def __init__(self, connection: Connection, *, signed_request: Message) -> None:
        """Take a ``gateway.SignedCommitStatusRequest``, signed or not."""
        super().__init__(connection, message=signed_request.request, signature=signed_request.signature)
        request = gateway_pb2.CommitStatusRequest.FromString(signed_request.request)
        self._transaction_id: str = request.transaction_id

    @property
    def transaction_id(self) -> str:
        """The transaction asked about."""
        return self._transaction_id

    @property
    def bytes(self) -> Octets:
        """The serialized ``gateway.SignedCommitStatusRequest``, for signing elsewhere or for asking again later.

        It holds the signature if that is made: a submitted transaction's is, before anything is sent.
        """
        encoded: Octets = self._signed_request().SerializeToString()
        return encoded

    async def status(self, *, timeout_s: float | None = None) -> Status:
        """Wait until the transaction is in a block, or the deadline passes, and return what became of it.

        A transaction that was committed long ago is answered at once; one that nobody submitted never is.
        Raises `CommitStatusError`, after which it can be asked again.
        """
        await self._sign()
        response = await self._connection.commit_status(
            self._signed_request(), transaction_id=self._transaction_id, timeout_s=timeout_s
        )
        return Status(
            transaction_id=self._transaction_id,
            code=response.result,
            code_name=_code_name(response.result),
            block_number=response.block_number,
        )

    def _signed_request(self) -> Message:
        return gateway_pb2.SignedCommitStatusRequest(request=self.message, signature=self.signature)


class SubmittedTransaction(Commit):
    """The commit of a transaction that this client submitted, with what the contract answered when it was endorsed."""

    def __init__(self, connection: Connection, *, signed_request: Message, result: Octets) -> None:
        """Take a ``gateway.SignedCommitStatusRequest`` and the contract's answer."""
        super().__init__(connection, signed_request=signed_request)
        self._result = result

    @property
    def result(self) -> Octets:
        """What the contract answered; it counts only once `status` is successful."""
        return self._result


def status_request(connection: Connection, *, channel: str, transaction_id: str) -> Message:
    """Return a ``gateway.SignedCommitStatusRequest`` that is not signed yet."""
    request = gateway_pb2.CommitStatusRequest(
        transaction_id=transaction_id, channel_id=channel, identity=connection.identity.serialized()
    )
    return gateway_pb2.SignedCommitStatusRequest(request=request.SerializeToString())


def _code_name(code: int) -> str:
    try:
        name: str = transaction_pb2.TxValidationCode.Name(code)
    except ValueError:  # a code that Fabric added after our bindings
        return f"CODE_{code}"
    return name
