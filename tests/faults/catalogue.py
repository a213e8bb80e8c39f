"""All faults, in their order."""

from faults import (
    broker_away,
    clocks,
    database_away,
    delivery,
    disk_full,
    forged,
    kills,
    ledger_away,
    links,
    oversize,
    poison,
    slow_clients,
    storm,
)

from support.faults import Fault

FAULTS: tuple[Fault, ...] = (
    *kills.FAULTS,
    *broker_away.FAULTS,
    *database_away.FAULTS,
    *ledger_away.FAULTS,
    *disk_full.FAULTS,
    *clocks.FAULTS,
    *delivery.FAULTS,
    *poison.FAULTS,
    *oversize.FAULTS,
    *slow_clients.FAULTS,
    *storm.FAULTS,
    *links.FAULTS,
    *forged.FAULTS,
)
