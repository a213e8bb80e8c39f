"""All parts of fsck, in one snapshot of the database, so that it can run beside the platform."""

from dataclasses import dataclass

from wayproof import ledger as ledgers
from wayproof.errors import LedgerError
from wayproof.fsck.finding import Findings
from wayproof.fsck.flags_check import check_flags
from wayproof.fsck.hours_check import check_hours
from wayproof.fsck.ledger_check import check_ledger
from wayproof.fsck.log_check import check_log
from wayproof.fsck.progress import Progress
from wayproof.settings import Settings
from wayproof.store import fsck as stored
from wayproof.store import ledger_view, schema
from wayproof.store.connection import Connection, connect
from wayproof.store.errors import store_errors

USER = "operator"
"""Any member may read blocks."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is checked."""

    log: bool = True
    ledger: bool = True


async def check(settings: Settings, *, scope: Scope, progress: Progress) -> Findings:
    """Check what the scope says. Raises as the store does; a ledger that is away is among what could not be checked."""
    findings = Findings()
    with connect(settings.database, application="fsck", role="audit") as connection:
        schema.require_current(connection)
        with store_errors(), stored.one_snapshot(connection):
            if scope.log and settings.log is not None:
                tick = progress.of("messages", total=stored.count_messages(connection))
                check_log(connection, findings, log_id=settings.log.log_id, tick=tick)
                tick = progress.of("judged messages", total=stored.count_messages(connection))
                check_flags(connection, findings, tick=tick)
                check_hours(connection, findings)
            if scope.ledger:
                await _check_ledger(settings, connection, findings, progress=progress)
    return findings


async def _check_ledger(settings: Settings, connection: Connection, findings: Findings, *, progress: Progress) -> None:
    reached = ledger_view.checkpoint(connection)
    tick = progress.of("blocks", total=reached.height if reached else 0)
    async with ledgers.connect(settings.ledger, msp_id=settings.organisation, user=USER) as (network, _):
        with (
            connect(settings.database, application="fsck shadow", role="audit") as shadow,
            store_errors(),
            shadow.transaction(),
        ):
            try:
                await check_ledger(
                    network,
                    connection,
                    shadow,
                    findings,
                    contract=settings.ledger.contract,
                    organisation=settings.organisation,
                    tick=tick,
                )
            except LedgerError as error:
                findings.unchecked.append(f"the projection: {error.diagnostics()}")
