"""What a person does with a log: register it once; retire an epoch that cannot go on, naming the loss.

Both can be run again after a crash: the ledger is asked for what it has first, and the database follows it. Messages
that no anchored head of a closed epoch covers are sealed again, into the next epoch: nothing receipted is left out.
"""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wayproof import ledger as ledgers
from wayproof.anchor.anchoring import root_at
from wayproof.anchor.errors import NotRegistered
from wayproof.errors import ContractRefusal, OutcomeUnknown
from wayproof.ledger import Ledger
from wayproof.log.errors import LogError
from wayproof.log.keys import read_checkpoint_key, read_receipt_key, spki
from wayproof.settings import Settings
from wayproof.store import log, schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import store_errors

PAGE = 200


@dataclass(frozen=True, slots=True)
class Registered:
    """The log as the ledger has it: its epoch, `open` or `retired`, and whether this call changed the ledger."""

    log_id: str
    epoch: int
    status: str
    is_new: bool


async def register_log(settings: Settings) -> Registered:
    """Make the log known to the ledger, and open its present epoch in the database.

    Raises LogError if the ledger has it with other keys or another origin, SettingsError, and as ledger and store do.
    """
    ours = settings.require_log()
    argument = {"log_id": ours.log_id, "origin": ours.origin, **_keys(ours.checkpoint_key, ours.receipt_key)}
    async with ledgers.connect(settings.ledger, msp_id=settings.organisation, user="anchor") as (_, ledger):
        head = await _find_log(ledger, ours.log_id)
        is_new = head is None
        if head is None:
            await _submit(ledger, "register_log", argument)
            head = await _get_log(ledger, ours.log_id)
        _require_ours(head, argument)
        with _database(settings) as connection:
            await _follow(connection, ledger, head)
    return Registered(ours.log_id, head["epoch"], head["status"], is_new)


async def retire_log(settings: Settings, *, epoch: int, reason: str, next_keys: tuple[Path, Path] | None) -> Registered:
    """Close an epoch and name the loss; `next_keys` (PEM files: checkpoint, receipt) open the next one.

    Without them the log is final. The settings must name the next keys before `wayproof anchor` goes on. Raises
    LogError if the log is in another epoch, SettingsError, and as ledger and store do.
    """
    ours = settings.require_log()
    argument: dict[str, Any] = {"log_id": ours.log_id, "epoch": epoch, "reason": reason}
    if next_keys is not None:
        argument["next"] = _keys(*next_keys)
    async with ledgers.connect(settings.ledger, msp_id=settings.organisation, user="anchor") as (_, ledger):
        head = await _get_log(ledger, ours.log_id)
        is_new = head["epoch"] == epoch and head["status"] == "open"
        if is_new:
            await _submit(ledger, "retire_log", argument)
            head = await _get_log(ledger, ours.log_id)
        _require_retired(head, argument)
        with _database(settings) as connection:
            await _follow(connection, ledger, head)
    return Registered(ours.log_id, head["epoch"], head["status"], is_new)


def _keys(checkpoint_key: Path, receipt_key: Path) -> dict[str, str]:
    return {
        "checkpoint_key": b64encode(spki(read_checkpoint_key(checkpoint_key))).decode(),
        "receipt_key": b64encode(spki(read_receipt_key(receipt_key))).decode(),
    }


async def _find_log(ledger: Ledger, log_id: str) -> dict[str, Any] | None:
    try:
        return await ledger.query("get_log", {"log_id": log_id})
    except ContractRefusal as refusal:
        if refusal.code == "not_found":
            return None
        raise


async def _get_log(ledger: Ledger, log_id: str) -> dict[str, Any]:
    head = await _find_log(ledger, log_id)
    if head is None:
        raise NotRegistered(f"the ledger has no log {log_id}: run `wayproof log register` (again)")
    return head


async def _submit(ledger: Ledger, name: str, argument: dict[str, Any]) -> None:
    """Submit; an unknown outcome, or somebody else's earlier success, is seen by whoever asks for the record next."""
    try:
        await ledger.submit(name, argument)
    except OutcomeUnknown:
        return
    except ContractRefusal as refusal:
        if refusal.code not in ("already_exists", "wrong_epoch"):
            raise


def _require_ours(head: dict[str, Any], argument: dict[str, Any]) -> None:
    other = [name for name, value in argument.items() if head[name] != value]
    if other:
        raise LogError(
            f"the ledger has log {head['log_id']} with another {', '.join(other)}: use the keys and the origin that it "
            "was registered with, or name another log"
        )


def _require_retired(head: dict[str, Any], argument: dict[str, Any]) -> None:
    if "next" not in argument:
        if (head["epoch"], head["status"]) != (argument["epoch"], "retired"):
            raise LogError(f"log {head['log_id']} is in epoch {head['epoch']}, {head['status']}: name that epoch")
        return
    if head["epoch"] != argument["epoch"] + 1:
        raise LogError(f"log {head['log_id']} is in epoch {head['epoch']}, {head['status']}: name that epoch")
    _require_ours(head, argument["next"])


def _database(settings: Settings) -> Connection:
    connection = connect(settings.database, application="log", role="log")
    try:
        schema.require_current(connection)
    except Exception:
        connection.close()
        raise
    return connection


async def _follow(connection: Connection, ledger: Ledger, head: dict[str, Any]) -> None:
    """Cut every closed epoch to what the ledger has of it, and open the present one; all in one transaction."""
    log_id, present = head["log_id"], head["epoch"]
    closed = [it for it in log.epochs(connection) if it.epoch < present]
    kept = {it.epoch: await _covered(connection, ledger, it) for it in closed}
    with store_errors(), connection.transaction():
        for epoch, size in kept.items():
            log.cut(connection, epoch=epoch, size=size)
        log.begin_epoch(connection, log_id=log_id, epoch=present)


async def _covered(connection: Connection, ledger: Ledger, epoch: log.Epoch) -> int:
    """Return how many leaves of a closed epoch are under its newest anchored head that is also ours."""
    place = {"log_id": epoch.log_id, "epoch": epoch.epoch}
    event = await ledger.query("get_log_history", {"log_id": epoch.log_id, "start": epoch.epoch + 1, "limit": 1})
    counter = event["items"][0]["last"]["counter"]
    while counter > 0:
        start = max(1, counter - PAGE + 1)
        page = await ledger.query("list_anchors", {**place, "start": start, "limit": counter - start + 1})
        for anchor in reversed(page["items"]):
            size = anchor["size"]
            if size <= epoch.size and root_at(connection, epoch=epoch.epoch, size=size) == bytes.fromhex(
                anchor["root"]
            ):
                return int(size)
        counter = start - 1
    return 0
