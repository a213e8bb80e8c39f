"""A network: the peers that share one channel, one ledger."""

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2

from aiofabric.gateway import wire
from aiofabric.gateway.checkpoint import Checkpoint
from aiofabric.gateway.commit import Commit, status_request
from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.contract import Contract
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.streams import EventStream, chaincode_events, deliver_response


class Network:
    """One channel, from `aiofabric.gateway.Gateway.network`.

    All streams start at the next block to be committed, unless a checkpoint (first) or ``start_block`` says otherwise.
    "Next" is decided when the peer handles the request, so whoever must not miss anything names a block.
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
            after_transaction_id: skip everything up to and including this transaction. It must have an event: peers
                skip until they meet one of it, so a transaction without is waited for without end.
            checkpoint: the position to go on from, instead of the two before.
        """
        if checkpoint is not None and _says_something(checkpoint):
            start_block, after_transaction_id = checkpoint.block_number, checkpoint.transaction_id
        request = gateway_pb2.ChaincodeEventsRequest(
            channel_id=self._channel,
            chaincode_id=chaincode_name,
            identity=self._connection.identity.serialized(),
            start_position=wire.seek_position(start_block),
            after_transaction_id=after_transaction_id,
        ).SerializeToString()
        signed = gateway_pb2.SignedChaincodeEventsRequest(request=request, signature=self._connection.sign(request))
        return EventStream(self._connection.gateway.ChaincodeEvents(signed), read=chaincode_events)

    def block_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return whole blocks, each a ``common.Block`` of the official bindings.

        With a checkpoint whose transaction id is not empty, the block that holds it comes again, whole.
        """
        call = self._connection.deliver.Deliver(self._seek(start_block, checkpoint))
        return EventStream(call, read=deliver_response("block"))

    async def newest_block(self) -> Message:
        """Return the last block that the peer has now, a ``common.Block``, within the deadline of an evaluation.

        Raises `EventStreamError`.
        """
        seek = self._seek_from(wire.newest_position())
        call = self._connection.deliver.Deliver(seek, timeout=self._connection.deadlines.evaluate_s)
        async with EventStream[Message](call, read=deliver_response("block")) as blocks:
            return await anext(blocks)

    def filtered_block_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return blocks without content (``protos.FilteredBlock``): transaction ids, validation codes, event names."""
        call = self._connection.deliver.DeliverFiltered(self._seek(start_block, checkpoint))
        return EventStream(call, read=deliver_response("filtered_block"))

    def block_and_private_data_events(
        self, *, start_block: int | None = None, checkpoint: Checkpoint | None = None
    ) -> EventStream[Message]:
        """Return whole blocks with the private data that this organisation may see (``protos.BlockAndPrivateData``)."""
        call = self._connection.deliver.DeliverWithPrivateData(self._seek(start_block, checkpoint))
        return EventStream(call, read=deliver_response("block_and_private_data"))

    def _seek(self, start_block: int | None, checkpoint: Checkpoint | None) -> list[Message]:
        if checkpoint is not None and _says_something(checkpoint):
            start_block = checkpoint.block_number
        return self._seek_from(wire.seek_position(start_block))

    def _seek_from(self, start: Message) -> list[Message]:
        payload = wire.seek_payload(
            channel=self._channel,
            creator=self._connection.identity.serialized(),
            start=start,
            stop_block=wire.FOREVER,
            tls_certificate_hash=self._connection.tls_certificate_hash,
        )
        return [common_pb2.Envelope(payload=payload, signature=self._connection.sign(payload))]


def _says_something(checkpoint: Checkpoint) -> bool:
    return checkpoint.block_number > 0 or bool(checkpoint.transaction_id)
