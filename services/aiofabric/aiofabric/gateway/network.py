"""A network: the peers that share one channel, one ledger."""

from dataclasses import replace

from fabric_protos.gateway import gateway_pb2

from aiofabric.gateway import events_request as services
from aiofabric.gateway import wire
from aiofabric.gateway.checkpoint import Checkpoint
from aiofabric.gateway.commit import Commit, status_request
from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.contract import Contract
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.events_request import EventsRequest, Service
from aiofabric.gateway.streams import EventStream, chaincode_events_after


class Network:
    """One channel, from `aiofabric.gateway.Gateway.network`.

    All streams start at the next block to be committed, unless a checkpoint (first) or ``start_block`` says otherwise.
    "Next" is decided when the peer handles the request, so whoever must not miss anything names a block.

    Each stream has a method that opens it, and one that returns its request, to be signed elsewhere.
    """

    def __init__(self, connection: Connection, *, channel: str) -> None:
        self._connection = connection
        self._channel = channel

    @property
    def name(self) -> str:
        """The channel's name."""
        return self._channel

    def contract(self, chaincode_name: str, *, contract_name: str = "") -> Contract:
        """Return a contract of a chaincode; chaincodes with several contracts need the contract's name too."""
        return Contract(self._connection, channel=self._channel, chaincode=chaincode_name, contract_name=contract_name)

    def commit(self, transaction_id: str) -> Commit:
        """Return a commit handle for a transaction, also one that another process submitted or an earlier one left."""
        request = status_request(self._connection, channel=self._channel, transaction_id=transaction_id)
        return Commit(self._connection, signed_request=request)

    def chaincode_events(
        self,
        chaincode_name: str,
        *,
        start_block: int | None = None,
        after_transaction_id: str = "",
        checkpoint: Checkpoint | None = None,
    ) -> EventStream[ChaincodeEvent]:
        """Return the chaincode events of valid transactions, in the ledger's order.

        Args:
            chaincode_name: the chaincode whose events are wanted.
            start_block: the first block to look at.
            after_transaction_id: let the peer skip everything up to and including this transaction, wherever it is. It
                must have an event: peers skip until they meet one of it, so a transaction without is waited for
                without end.
            checkpoint: the position to go on from, instead of the two before. Here the client skips, so that a
                position at a transaction without an event gives its block's events once more instead of none ever.
        """
        if checkpoint is None or not _says_something(checkpoint):
            request = self.chaincode_events_request(
                chaincode_name, start_block=start_block, after_transaction_id=after_transaction_id
            )
            return request.events()
        read = chaincode_events_after(checkpoint.block_number, checkpoint.transaction_id)
        message = self._chaincode_message(chaincode_name, checkpoint.block_number, "")
        return EventsRequest(
            self._connection, service=replace(services.CHAINCODE_EVENTS, read=read), message=message
        ).events()

    def chaincode_events_request(
        self,
        chaincode_name: str,
        *,
        start_block: int | None = None,
        after_transaction_id: str = "",
        checkpoint: Checkpoint | None = None,
    ) -> EventsRequest[ChaincodeEvent]:
        """Return the request for chaincode events; the arguments are those of `chaincode_events`.

        The position is in the bytes, so it is the peer that skips: a checkpoint must be at a transaction with an event.
        """
        if checkpoint is not None and _says_something(checkpoint):
            start_block, after_transaction_id = checkpoint.block_number, checkpoint.transaction_id
        message = self._chaincode_message(chaincode_name, start_block, after_transaction_id)
        return EventsRequest(self._connection, service=services.CHAINCODE_EVENTS, message=message)

    def block_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return whole blocks, each a ``common.Block`` of the official bindings.

        With a checkpoint whose transaction id is not empty, the block that holds it comes again, whole.
        """
        return self.block_events_request(start_block=start_block, checkpoint=checkpoint).events()

    def block_events_request(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventsRequest[Message]:
        """Return the request for whole blocks; the arguments are those of `block_events`."""
        return self._seek(services.BLOCKS, start_block, checkpoint)

    def filtered_block_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return blocks without content (``protos.FilteredBlock``): transaction ids, validation codes, event names."""
        return self.filtered_block_events_request(start_block=start_block, checkpoint=checkpoint).events()

    def filtered_block_events_request(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventsRequest[Message]:
        """Return the request for filtered blocks; the arguments are those of `filtered_block_events`."""
        return self._seek(services.FILTERED_BLOCKS, start_block, checkpoint)

    def block_and_private_data_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return whole blocks with the private data that this organisation may see (``protos.BlockAndPrivateData``)."""
        return self.block_and_private_data_events_request(start_block=start_block, checkpoint=checkpoint).events()

    def block_and_private_data_events_request(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventsRequest[Message]:
        """Return the request for blocks with private data; the arguments are those of the method that opens it."""
        return self._seek(services.BLOCKS_AND_PRIVATE_DATA, start_block, checkpoint)

    async def newest_block(self) -> Message:
        """Return the last block that the peer has now, a ``common.Block``, within the deadline of an evaluation.

        Raises `EventStreamError`.
        """
        request = self._request_from(services.BLOCKS, wire.newest_position())
        async with request.events(timeout_s=self._connection.deadlines.evaluate_s) as blocks:
            return await anext(blocks)

    def _chaincode_message(self, chaincode_name: str, start_block: int | None, after_transaction_id: str) -> bytes:
        request = gateway_pb2.ChaincodeEventsRequest(
            channel_id=self._channel,
            chaincode_id=chaincode_name,
            identity=self._connection.identity.serialized(),
            start_position=wire.seek_position(start_block),
            after_transaction_id=after_transaction_id,
        )
        message: bytes = request.SerializeToString()
        return message

    def _seek(
        self, service: Service[Message], start_block: int | None, checkpoint: Checkpoint | None
    ) -> EventsRequest[Message]:
        if checkpoint is not None and _says_something(checkpoint):
            start_block = checkpoint.block_number
        return self._request_from(service, wire.seek_position(start_block))

    def _request_from(self, service: Service[Message], start: Message) -> EventsRequest[Message]:
        payload = wire.seek_payload(
            channel=self._channel,
            creator=self._connection.identity.serialized(),
            start=start,
            stop_block=wire.FOREVER,
            tls_certificate_hash=self._connection.tls_certificate_hash,
        )
        return EventsRequest(self._connection, service=service, message=payload)


def _says_something(checkpoint: Checkpoint) -> bool:
    return checkpoint.block_number > 0 or bool(checkpoint.transaction_id)
