"""Objects of the chain from their ``bytes``: signed elsewhere, or left by another process.

The bytes are the official clients' own messages, so the other side may run any of them.
"""

from collections.abc import Generator
from contextlib import contextmanager

from fabric_protos.gateway import gateway_pb2
from google.protobuf.message import DecodeError

from aiofabric.errors import MalformedError
from aiofabric.gateway.commit import Commit
from aiofabric.gateway.connection import Connection
from aiofabric.gateway.events_request import EventsRequest, Service
from aiofabric.gateway.proposal import Proposal
from aiofabric.gateway.streams import Item
from aiofabric.gateway.transaction import Transaction


def proposal(connection: Connection, encoded: bytes, signature: bytes | None) -> Proposal:
    """Return a proposal from a ``gateway.ProposedTransaction``. Raises `MalformedError`."""
    with _malformed("proposal"):
        proposed = gateway_pb2.ProposedTransaction.FromString(encoded)
        if signature is not None:
            proposed.proposal.signature = signature
        return Proposal(connection, proposed=proposed)


def transaction(connection: Connection, encoded: bytes, signature: bytes | None) -> Transaction:
    """Return a transaction from a ``gateway.PreparedTransaction``. Raises `MalformedError`."""
    with _malformed("transaction"):
        prepared = gateway_pb2.PreparedTransaction.FromString(encoded)
        if signature is not None:
            prepared.envelope.signature = signature
        return Transaction(connection, prepared=prepared)


def commit(connection: Connection, encoded: bytes, signature: bytes | None) -> Commit:
    """Return a commit from a ``gateway.SignedCommitStatusRequest``. Raises `MalformedError`."""
    with _malformed("commit"):
        request = gateway_pb2.SignedCommitStatusRequest.FromString(encoded)
        if signature is not None:
            request.signature = signature
        return Commit(connection, signed_request=request)


def events_request(
    connection: Connection, encoded: bytes, signature: bytes, service: Service[Item]
) -> EventsRequest[Item]:
    """Return the request for one of the streams. Raises `MalformedError`."""
    with _malformed("request for events"):
        message, _ = service.decode(encoded)
    return EventsRequest(connection, service=service, message=message, signature=signature)


@contextmanager
def _malformed(what: str) -> Generator[None]:
    try:
        yield
    except (DecodeError, ValueError) as error:
        raise MalformedError(f"these bytes are not those of a {what}: give its .bytes as they are") from error
