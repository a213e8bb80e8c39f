"""What became of a transaction."""

from dataclasses import dataclass

VALID = 0
"""The one ``TxValidationCode`` whose transactions change the state."""


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a transaction that is in a block.

    Attributes:
        transaction_id: the transaction.
        code: Fabric's ``TxValidationCode``, 0 for valid.
        code_name: its name, such as ``VALID`` or ``MVCC_READ_CONFLICT``.
        block_number: the block that holds it, valid or not.
    """

    transaction_id: str
    code: int
    code_name: str
    block_number: int

    @property
    def successful(self) -> bool:
        """Whether the transaction is valid and its writes are applied."""
        return self.code == VALID
