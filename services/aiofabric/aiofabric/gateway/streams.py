"""Streams of what was committed: blocks from the Deliver service, chaincode events from the Gateway."""

from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

import grpc
from fabric_protos.common import common_pb2

from aiofabric.errors import EventStreamError
from aiofabric.gateway.connection import Message
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.rpc_status import failures_as

Item = TypeVar("Item")


class EventStream(Generic[Item]):
    """An endless iterator over what the ledger commits. It is asked for when it is made, and ends when it is closed.

    ``async with`` closes it; so does leaving the program. When the connection drops or the peer stops, iterating
    raises `EventStreamError`: open a new stream from the last checkpoint. A stream has one reader.
    """

    def __init__(self, call: Message, *, read: Callable[[Message], Iterable[Item]]) -> None:
        """Take a gRPC call that streams responses, and what reads items from one response."""
        self._call = call
        self._read = read
        self._waiting: deque[Item] = deque()
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while not self._waiting:
            self._waiting.extend(self._read(await self._response()))
        return self._waiting.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the stream. Other streams of the same gateway go on."""
        self._is_closed = True
        self._waiting.clear()
        self._call.cancel()

    async def _response(self) -> Message:
        if self._is_closed:
            raise StopAsyncIteration
        try:
            with failures_as(EventStreamError):
                response = await self._call.read()
        except EventStreamError:
            if self._is_closed:
                raise StopAsyncIteration from None
            raise
        if response is grpc.aio.EOF:
            raise EventStreamError("the peer ended the stream", code="UNAVAILABLE")
        return response


def chaincode_events(response: Message) -> list[ChaincodeEvent]:
    """Read a ``gateway.ChaincodeEventsResponse``: the events of one block."""
    return [
        ChaincodeEvent(
            block_number=response.block_number,
            transaction_id=event.tx_id,
            chaincode_name=event.chaincode_id,
            event_name=event.event_name,
            payload=event.payload,
        )
        for event in response.events
    ]


# Deliver answers in its own status codes; the names are gRPC's, so that a caller has one vocabulary.
_DELIVER_CODES = {
    common_pb2.BAD_REQUEST: "INVALID_ARGUMENT",
    common_pb2.FORBIDDEN: "PERMISSION_DENIED",
    common_pb2.NOT_FOUND: "NOT_FOUND",
}


def deliver_response(field: str) -> Callable[[Message], list[Message]]:
    """Return a reader of ``protos.DeliverResponse`` that gives what one of its fields holds."""

    def read(response: Message) -> list[Message]:
        if response.HasField(field):
            return [getattr(response, field)]
        name = common_pb2.Status.Name(response.status)
        raise EventStreamError(
            f"the peer ended the stream of blocks: {name}", code=_DELIVER_CODES.get(response.status, "UNAVAILABLE")
        )

    return read
