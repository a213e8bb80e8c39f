"""Why the log's head cannot be recorded on the ledger."""

from wayproof.errors import WayproofError


class NotRegistered(WayproofError):  # noqa: N818 - a state that a person ends, not a fault
    """The ledger does not know this log, or this database does not know its epoch."""

    code = "log_not_registered"


class LogBehindLedger(WayproofError):  # noqa: N818 - it names the state
    """The ledger has a head that this database's log does not lead to: leaves were lost, or changed."""

    code = "log_behind_ledger"
