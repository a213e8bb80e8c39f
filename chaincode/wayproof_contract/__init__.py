"""What every organisation of a wayproof channel must agree on: bytes, trees, keys, records, transactions.

Pure and deterministic; the standard library only. Read `contract` first: the rules in prose.
"""

from wayproof_contract.access import Caller
from wayproof_contract.contract import QUERIES, TRANSACTIONS
from wayproof_contract.dispatch import Answer, Transaction, invoke
from wayproof_contract.errors import STATUS_OF, ContractError
from wayproof_contract.state import WorldState

__all__ = [
    "QUERIES",
    "STATUS_OF",
    "TRANSACTIONS",
    "Answer",
    "Caller",
    "ContractError",
    "Transaction",
    "WorldState",
    "invoke",
]
