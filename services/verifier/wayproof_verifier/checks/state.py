"""Endorsed state: records with the ledger versions that endorsers signed (`state.endorsements`, `state.records`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayproof_contract import canonical
from wayproof_verifier.checks.validity import Signed
from wayproof_verifier.errors import EncodingError, VerificationError
from wayproof_verifier.fabric.chain import ConfigChain
from wayproof_verifier.fabric.transaction import Transaction, check_endorsements, check_transaction_id
from wayproof_verifier.report import LedgerVersion, Problem
from wayproof_verifier.trust import TrustRoot

READ_RECORDS = b"read_records"
SUCCESS = 200


@dataclass(frozen=True, slots=True)
class Record:
    """One key of the world state: its bytes, what they say, and the block and transaction that wrote them."""

    key: str
    value: bytes
    members: Mapping[str, Any]
    version: LedgerVersion


def check_state_endorsements(
    states: Iterable[tuple[str, Transaction]], *, chain: ConfigChain, trust: TrustRoot, signed: list[Signed]
) -> Iterator[Problem]:
    """Every state: for this channel and contract, its id derived, endorsed under the newest configuration carried.

    Enter each endorser into `signed`.
    """
    for where, state in states:
        try:
            check_invocation(state, trust=trust)
            check_transaction_id(state)
            endorsers = check_endorsements(
                state, config=chain.latest, policy=trust.endorsement_policy, organisations=trust.organisations
            )
            signed += [Signed(each, state.timestamp_ns, state.tx_id) for each in endorsers]
        except VerificationError as error:
            yield Problem(str(error), where)


def check_invocation(transaction: Transaction, *, trust: TrustRoot) -> None:
    """Raise unless this is a successful invocation of the pinned contract on the pinned channel."""
    if transaction.channel_id != trust.channel:
        raise EncodingError(f"it is of another channel: {transaction.channel_id}")
    if transaction.chaincode != trust.contract:
        raise EncodingError(f"it is of another contract: {transaction.chaincode}")
    if transaction.response.status != SUCCESS:
        raise EncodingError(f"the contract answered with status {transaction.response.status}")


def read_records(states: Sequence[tuple[str, Transaction]]) -> dict[str, Record]:
    """Return the records of all states by key. Raises EncodingError when an answer is not what its read set says.

    Keys ascend over all states, so that the same records have one form and none comes twice.
    """
    records: dict[str, Record] = {}
    previous = ""
    for where, state in states:
        try:
            for record in _records(state):
                if record.key <= previous:
                    raise EncodingError(f"keys do not ascend: {record.key} after {previous}")
                previous = record.key
                records[record.key] = record
        except (VerificationError, canonical.CanonicalError) as error:
            raise EncodingError(f"{where}: {error}") from error
    return records


def _records(state: Transaction) -> Iterator[Record]:
    keys = _asked(state)
    answer = canonical.decode_object(state.response.payload)
    if answer.keys() != {"v", "records"} or answer["v"] != 1 or not isinstance(answer["records"], list):
        raise EncodingError("the answer is not one of read_records")
    # To decide who may read a shipment's events, the contract reads its head too.
    heads = {f"shipment/{key.split('/')[1]}" for key in keys if key.startswith("shipment_event/")}
    if not set(keys) <= set(state.reads) <= set(keys) | heads or len(answer["records"]) != len(keys):
        raise EncodingError("the answer, the read set and the question do not have the same keys")
    _check_read_only(state)
    for key, item in zip(keys, answer["records"], strict=True):
        version = state.reads[key]
        if not isinstance(item, dict) or item.keys() != {"key", "value"} or item["key"] != key or version is None:
            raise EncodingError(f"{key}: no such record, or another one was answered")
        if not isinstance(item["value"], dict):
            raise EncodingError(f"{key}: a record is an object")
        yield Record(key, canonical.encode(item["value"]), item["value"], (version.block_num, version.tx_num))


def _asked(state: Transaction) -> list[str]:
    if len(state.args) != 2 or state.args[0] != READ_RECORDS:  # noqa: PLR2004 - function and its one argument
        raise EncodingError("it is not a read_records query")
    argument = canonical.decode_object(state.args[1])
    keys = argument.get("keys")
    if argument.keys() != {"keys"} or not isinstance(keys, list) or not keys:
        raise EncodingError("the argument of read_records is not a list of keys")
    if not all(isinstance(key, str) for key in keys):
        raise EncodingError("a state key is a string")
    return keys


def _check_read_only(state: Transaction) -> None:
    """Refuse a query that did more than read keys: nothing else in it is covered by a check."""
    for name, namespace in state.namespaces.items():
        if namespace.writes or namespace.range_queries or namespace.metadata_writes or namespace.collections:
            raise EncodingError(f"a query that does more than read keys, in namespace {name}")
    if state.event is not None:
        raise EncodingError("a query sets no event")
