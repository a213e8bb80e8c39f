"""A chaincode event: what a contract announced with a transaction that is valid and committed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChaincodeEvent:
    """One event of one valid transaction, in the ledger's order.

    Attributes:
        block_number: the block that holds the transaction.
        transaction_id: the transaction; it has this event and no other.
        chaincode_name: the chaincode that announced it.
        event_name: its name.
        payload: its content, visible to every member of the channel.
    """

    block_number: int
    transaction_id: str
    chaincode_name: str
    event_name: str
    payload: bytes
