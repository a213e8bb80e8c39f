"""All faults, in their order."""

from faults import broker_away, database_away, kills, ledger_away

from support.faults import Fault

FAULTS: tuple[Fault, ...] = (
    *kills.FAULTS,
    *broker_away.FAULTS,
    *database_away.FAULTS,
    *ledger_away.FAULTS,
)
