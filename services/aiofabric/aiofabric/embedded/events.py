"""What a committed block tells its listeners: chaincode events, and the filtered form.

Source: Fabric's ``core/peer/deliverevents.go``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fabric_protos.common import common_pb2
from fabric_protos.peer import chaincode_event_pb2, events_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from aiofabric.embedded.blocks import FILTER


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of a block as listeners see it."""

    tx_id: str
    type: int
    code: int
    event: chaincode_event_pb2.ChaincodeEvent | None


def transactions(block: common_pb2.Block) -> Iterator[Transaction]:
    """Iterate over a block's transactions with their codes and chaincode events."""
    codes = block.metadata.metadata[FILTER]
    for index, data in enumerate(block.data.data):
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(data).payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        endorsed = header.type == common_pb2.ENDORSER_TRANSACTION
        event = _event(payload) if endorsed and codes[index] == transaction_pb2.VALID else None
        yield Transaction(header.tx_id, header.type, codes[index], event)


def _event(payload: common_pb2.Payload) -> chaincode_event_pb2.ChaincodeEvent | None:
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    action = transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload).action
    response = proposal_response_pb2.ProposalResponsePayload.FromString(action.proposal_response_payload)
    events = proposal_pb2.ChaincodeAction.FromString(response.extension).events
    return chaincode_event_pb2.ChaincodeEvent.FromString(events) if events else None


def filtered_block(channel: str, block: common_pb2.Block) -> events_pb2.FilteredBlock:
    """Return a block without contents: ids, types, codes, and events without their payloads."""
    filtered = events_pb2.FilteredBlock(channel_id=channel, number=block.header.number)
    for transaction in transactions(block):
        entry = filtered.filtered_transactions.add(
            txid=transaction.tx_id, type=transaction.type, tx_validation_code=transaction.code
        )
        if transaction.event is None:
            continue
        event = transaction.event
        entry.transaction_actions.chaincode_actions.add(
            chaincode_event=chaincode_event_pb2.ChaincodeEvent(
                chaincode_id=event.chaincode_id, tx_id=event.tx_id, event_name=event.event_name
            )
        )
    return filtered


class EventFilter:
    """The events of one chaincode, resumed after a transaction (Fabric's ``internal/pkg/gateway/event``)."""

    def __init__(self, chaincode: str, *, after_transaction_id: str) -> None:
        self._chaincode = chaincode
        self._skip_until = after_transaction_id

    def select(self, block: common_pb2.Block) -> list[chaincode_event_pb2.ChaincodeEvent]:
        """Return the events to deliver. Skipping ends only at an *event* of the transaction, as in Fabric."""
        selected = []
        for transaction in transactions(block):
            if transaction.event is None or transaction.event.chaincode_id != self._chaincode:
                continue
            if not self._skip_until:
                selected.append(transaction.event)
            elif transaction.tx_id == self._skip_until:
                self._skip_until = ""
        return selected
