"""The transactions that the records name (`transactions.*`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wayproof_verifier.checks.state import Record, check_invocation
from wayproof_verifier.checks.validity import Signed
from wayproof_verifier.errors import VerificationError
from wayproof_verifier.fabric.chain import ConfigChain
from wayproof_verifier.fabric.identity import Identity
from wayproof_verifier.fabric.transaction import (
    Transaction,
    check_creator,
    check_endorsements,
    check_transaction_id,
    void_endorsements,
)
from wayproof_verifier.report import Finding, LedgerVersion, Problem
from wayproof_verifier.trust import TrustRoot

Creators = dict[str, Identity]
"""Who signed each transaction, by its id."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A transaction of the file: where it stands, the envelope's bytes, and what they say."""

    where: str
    envelope: bytes
    transaction: Transaction

    @property
    def tx_id(self) -> str:
        """The transaction's id, as its channel header has it."""
        return self.transaction.tx_id


def check_ids(carried: Sequence[Carried]) -> Iterator[Problem]:
    """Every id is derived from nonce and creator; none comes twice."""
    seen: set[str] = set()
    for item in carried:
        try:
            check_transaction_id(item.transaction)
        except VerificationError as error:
            yield Problem(str(error), item.where)
        if item.tx_id in seen:
            yield Problem(f"transaction {item.tx_id} is there twice", item.where)
        seen.add(item.tx_id)


def versions_by_transaction(records: Iterable[Record]) -> dict[str, LedgerVersion]:
    """Return where each transaction stands in the ledger, as the records that name it tell. Later checks compare."""
    return {str(record.members.get("tx_id")): record.version for record in records}


def check_creators(
    carried: Sequence[Carried], *, chain: ConfigChain, versions: Mapping[str, LedgerVersion], who: Creators
) -> Iterator[Problem]:
    """Every transaction is signed by its creator, a member of an organisation at that time; enter each into `who`."""
    for item in carried:
        block, _ = versions.get(item.tx_id, (None, None))
        if block is None:
            continue  # named by no record: `file.format` says so
        try:
            who[item.tx_id] = check_creator(item.transaction, membership=chain.in_force(block).membership)
        except VerificationError as error:
            yield Problem(str(error), item.where)


def check_transaction_endorsements(
    carried: Sequence[Carried],
    *,
    chain: ConfigChain,
    versions: Mapping[str, LedgerVersion],
    trust: TrustRoot,
    signed: list[Signed],
) -> Iterator[Problem | Finding]:
    """Every transaction: of this channel and contract, endorsed under the configuration in force before its block.

    Enter each endorser into `signed`.
    """
    for item in carried:
        block, _ = versions.get(item.tx_id, (None, None))
        if block is None:
            continue
        try:
            check_invocation(item.transaction, trust=trust)
            endorsers = check_endorsements(
                item.transaction,
                config=chain.in_force(block),
                policy=trust.endorsement_policy,
                organisations=trust.organisations,
            )
            signed += [Signed(each, item.transaction.timestamp_ns, item.tx_id) for each in endorsers]
        except VerificationError as error:
            yield Problem(str(error), item.where)
            continue
        if len(endorsers) < len(item.transaction.endorsements):
            for reason in void_endorsements(item.transaction, membership=chain.in_force(block).membership):
                yield Finding("void_endorsement", f"an endorsement counts for nothing: {reason}", item.where)


def check_writes(records: Iterable[Record], *, carried: Sequence[Carried], who: Creators) -> Iterator[Problem]:
    """Every record is what its transaction wrote, at one place in the ledger, by the organisation that it names."""
    by_id = {item.tx_id: item for item in carried}
    places: dict[LedgerVersion, str] = {}
    versions: dict[str, LedgerVersion] = {}
    for record in records:
        tx_id = record.members.get("tx_id")
        item = by_id.get(tx_id) if isinstance(tx_id, str) else None
        if item is None:
            yield Problem(f"the transaction that it names is not in the file: {tx_id}", record.key)
            continue
        if item.transaction.writes.get(record.key) != record.value:
            yield Problem(f"transaction {item.tx_id} did not write this record", record.key)
        if versions.setdefault(item.tx_id, record.version) != record.version:
            yield Problem(f"transaction {item.tx_id} would be at two places of the ledger", record.key)
        if places.setdefault(record.version, item.tx_id) != item.tx_id:
            yield Problem(f"two transactions would be at {record.version}", record.key)
        yield from _check_author(record, identity=who.get(item.tx_id))


def _check_author(record: Record, *, identity: Identity | None) -> Iterator[Problem]:
    """Whoever a record names must be its transaction's creator; heads name nobody."""
    organisation, submitter = record.members.get("organisation"), record.members.get("submitter")
    if submitter is None or identity is None:
        return
    if (organisation, submitter) != (identity.msp_id, identity.fingerprint):
        yield Problem(f"it says {organisation}, but a member of {identity.msp_id} made it", record.key)


def check_coverage(carried: Sequence[Carried], *, versions: Mapping[str, LedgerVersion]) -> Iterator[Problem]:
    """Nothing is left over: every transaction is named by a record, and they stand in ledger order."""
    previous: LedgerVersion = (-1, -1)
    for item in carried:
        version = versions.get(item.tx_id)
        if version is None:
            yield Problem(f"no record names transaction {item.tx_id}", item.where)
        elif version <= previous:
            yield Problem(f"transaction {item.tx_id} is not in ledger order", item.where)
        previous = max(previous, version or previous)
