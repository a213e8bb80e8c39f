"""Anchoring: **where the log's head goes on the ledger**, with the proof that the log only grew.

Nothing is remembered between two anchors: the ledger is asked for the head that it has, so that an anchor whose outcome
is unknown is found there, and is never recorded twice.
"""

from dataclasses import dataclass
from typing import Any

from wayproof import failpoint
from wayproof.anchor.errors import LogBehindLedger, NotRegistered
from wayproof.errors import ContractRefusal, LedgerError, OutcomeUnknown
from wayproof.ledger import MALFORMED, Ledger
from wayproof.log import LogTree
from wayproof.store import log
from wayproof.store.connection import Connection
from wayproof_contract.merkle import EMPTY_ROOT

ATTEMPTS = 5
"""How often the ledger is asked again where another anchor came between, or the outcome is unknown."""

RETIRE = "stop anchoring and find out what was lost; `wayproof log retire` closes this epoch, naming it"


@dataclass(frozen=True, slots=True)
class Head:
    """An anchored head: what the ledger has."""

    epoch: int
    counter: int
    size: int
    root: bytes
    recorded_at_ms: int
    """The transaction's own time: our clock when it was submitted."""

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Head":
        """Read the contract's anchor record. Raises LedgerError for what is none."""
        try:
            root = bytes.fromhex(record["root"])
            numbers = [int(record[name]) for name in ("epoch", "counter", "size", "tx_timestamp_ms")]
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"the ledger's answer is no anchor: {error!r}", code=MALFORMED) from error
        epoch, counter, size, recorded_at_ms = numbers
        return cls(epoch, counter, size, root, recorded_at_ms)


async def ledger_head(ledger: Ledger, *, log_id: str) -> Head:
    """Return the newest head that the ledger has. Raises NotRegistered, and as the ledger does."""
    try:
        return Head.of(await ledger.query("get_anchor_head", {"log_id": log_id}))
    except ContractRefusal as refusal:
        if refusal.code == "not_found":
            raise NotRegistered(f"the ledger has no log {log_id}: run `wayproof log register`") from refusal
        raise


async def anchor(
    ledger: Ledger, connection: Connection, *, log_id: str, heartbeat_s: float, now_ms: int
) -> Head | None:
    """Record the log's head if the ledger has an older one, or none for `heartbeat_s`; None if there is nothing to do.

    `now_ms` is our clock. Raises LogBehindLedger, NotRegistered, and as ledger and store do.
    """
    for attempt in range(1, ATTEMPTS + 1):
        head = await ledger_head(ledger, log_id=log_id)
        tree = own_tree(connection, head)
        is_due = abs(now_ms - head.recorded_at_ms) >= heartbeat_s * 1000
        if tree.size == head.size and not is_due:
            return None if attempt == 1 else head  # what we sent before has arrived
        failpoint.reach("anchor.before_submit")
        try:
            record = await ledger.submit("anchor_log", _argument(tree, head, log_id=log_id))
        except OutcomeUnknown:
            if attempt == ATTEMPTS:
                raise
        except ContractRefusal as refusal:
            if refusal.code != "wrong_counter" or attempt == ATTEMPTS:
                raise
        else:
            failpoint.reach("anchor.after_submit")
            return Head.of(record)
    raise AssertionError("the last attempt returns or raises")


def own_tree(connection: Connection, head: Head) -> LogTree:
    """Return our log's tree, once it is sure that it leads on from the ledger's head. Raises LogBehindLedger."""
    epochs = {it.epoch: it for it in log.epochs(connection)}
    if head.epoch not in epochs:
        raise NotRegistered(f"the log is in epoch {head.epoch}, not opened here yet: run `wayproof log register`")
    if max(epochs) > head.epoch:
        raise LogBehindLedger(
            f"this database is in epoch {max(epochs)}, the ledger in {head.epoch}: one of them is not the one it was"
        )
    size = epochs[head.epoch].size
    if size < head.size:
        raise LogBehindLedger(f"the ledger has {head.size} leaves, this database {size}, restored too old: {RETIRE}")
    if root_at(connection, epoch=head.epoch, size=head.size) != head.root:
        raise LogBehindLedger(f"the first {head.size} leaves are not those that the ledger has: {RETIRE}")
    return log.tree(connection, epoch=head.epoch, size=size)


def root_at(connection: Connection, *, epoch: int, size: int) -> bytes:
    """Return the root over an epoch's first leaves."""
    return log.tree(connection, epoch=epoch, size=size).root() if size else EMPTY_ROOT


def _argument(tree: LogTree, head: Head, *, log_id: str) -> dict[str, object]:
    return {
        "log_id": log_id,
        "epoch": head.epoch,
        "counter": head.counter + 1,
        "size": tree.size,
        "root": tree.root().hex(),
        "proof": [node.hex() for node in tree.consistency_proof(head.size)],
    }
