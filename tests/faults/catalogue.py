"""All faults, in their order."""

from faults import kills

from support.faults import Fault

FAULTS: tuple[Fault, ...] = (*kills.FAULTS,)
