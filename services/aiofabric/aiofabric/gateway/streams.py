"""Streams of what was committed: blocks from the Deliver service, chaincode events from the Gateway."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc
from fabric_protos.common import common_pb2

from aiofabric.errors import EventStreamError
from aiofabric.gateway.connection import Message
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.rpc_status import failures_as

Item = TypeVar("Item")
Call = Any
"""A gRPC call that streams responses; its class is gRPC's own affair."""


class EventStream(Generic[Item]):
    """An endless iterator over what the ledger commits. It is asked for when it is made, and ends when it is closed.

    ``async with`` returns when the request is signed and on its way, and closes the stream at its end; so does leaving
    the program. When the connection drops or the peer stops, iterating raises `EventStreamError`: open a new stream
    from the last checkpoint. A stream has one reader.
    """

    def __init__(self, opening: Coroutine[Any, Any, Call], *, read: Callable[[Message], Iterable[Item]]) -> None:
        """Take what signs and sends the request and returns the call, and what reads items from one response."""
        self._opening = asyncio.ensure_future(opening)
        self._opening.add_done_callback(_not_forgotten)
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
        await self._call()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the stream. Other streams of the same gateway go on."""
        self._is_closed = True
        self._waiting.clear()
        if not self._opening.done():
            self._opening.cancel()
        elif not self._opening.cancelled() and self._opening.exception() is None:
            self._opening.result().cancel()

    async def _call(self) -> Call:
        # A reader that gives up waiting must not take the opening with it.
        with failures_as(EventStreamError):
            return await asyncio.shield(self._opening)

    async def _response(self) -> Message:
        if self._is_closed:
            raise StopAsyncIteration
        try:
            call = await self._call()
            with failures_as(EventStreamError):
                response = await call.read()
        except EventStreamError:
            if self._is_closed:
                raise StopAsyncIteration from None
            raise
        if response is grpc.aio.EOF:
            raise EventStreamError("the peer ended the stream", code="UNAVAILABLE")
        return response


def _not_forgotten(opening: "asyncio.Future[Call]") -> None:
    """Look at a failure, so that the event loop does not report one of a stream that nobody read."""
    if not opening.cancelled():
        opening.exception()


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


def chaincode_events_after(block_number: int, transaction_id: str) -> Callable[[Message], list[ChaincodeEvent]]:
    """Return a reader that leaves out a block's events up to and including those of one transaction.

    If the transaction has no event there, the block's events all come: rather twice than never. A peer that is asked
    to skip would wait for an event of it without end (Fabric, internal/pkg/gateway/chaincodeevents.go).
    """

    def read(response: Message) -> list[ChaincodeEvent]:
        events = chaincode_events(response)
        transactions = [event.transaction_id for event in events]
        if response.block_number != block_number or transaction_id not in transactions:
            return events
        return events[transactions.index(transaction_id) + 1 :]

    return read


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
