"""From a transaction's bytes to its answer: decode, check the shape, check the role, run, encode. Nothing escapes."""

from dataclasses import dataclass

from wayproof_contract import canonical
from wayproof_contract.access import Caller
from wayproof_contract.arguments import ARGUMENTS
from wayproof_contract.contract import QUERIES, TRANSACTIONS
from wayproof_contract.errors import ContractError
from wayproof_contract.session import Record, Session
from wayproof_contract.state import WorldState

OK = 200
MAX_MESSAGE = 500
"""Characters of a refusal; what it quotes of the argument may be longer."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a client asks for, and the circumstances that all endorsers share."""

    function: str
    argument: bytes
    caller: Caller
    tx_id: str
    tx_timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Status 200 and a canonical payload, or another status and the canonical `{"code", "message"}`."""

    status: int
    message: str = ""
    payload: bytes = b""


def invoke(transaction: Transaction, *, state: WorldState) -> Answer:
    """Run one transaction or query. Every refusal is an answer; only the world state's own failures are raised."""
    try:
        return Answer(OK, payload=canonical.encode(_run(transaction, state=state)))
    except ContractError as error:
        refusal = canonical.encode({"code": error.code, "message": error.message[:MAX_MESSAGE]})
        return Answer(error.status, message=refusal.decode())


def _run(transaction: Transaction, *, state: WorldState) -> Record:
    entry = TRANSACTIONS.get(transaction.function) or QUERIES.get(transaction.function)
    if entry is None:
        raise ContractError("unknown_transaction", "there is no such transaction or query; see the contract's table")
    argument = ARGUMENTS[transaction.function](_decode(transaction.argument))
    if entry.role is not None:
        transaction.caller.require_role(entry.role)
    if not 0 <= transaction.tx_timestamp_ms <= canonical.MAX_INTEGER:
        raise ContractError("malformed_argument", "the proposal's timestamp is before 1970 or beyond 2^53 ms")
    session = Session(state, transaction.caller, transaction.tx_id, transaction.tx_timestamp_ms)
    return entry.run(session, argument)


def _decode(argument: bytes) -> object:
    try:
        return canonical.decode(argument)
    except canonical.CanonicalError as error:
        raise ContractError("malformed_argument", f"the argument is not canonical JSON: {_printable(error)}") from error


def _printable(error: Exception) -> str:
    """Keep a message short and free of whatever the argument held."""
    return str(error).encode("ascii", "backslashreplace").decode()[:200]
