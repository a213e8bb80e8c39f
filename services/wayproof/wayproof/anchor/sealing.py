"""Sealing: **where a stored message gets its index in the log**, in steps of one transaction each."""

from wayproof import failpoint
from wayproof.store import log
from wayproof.store.connection import Connection

STEP = 10_000
"""Most messages of one transaction."""


def seal_step(connection: Connection, *, limit: int = STEP) -> int:
    """Seal what waits, at most `limit` messages, into the open epoch; return how many there were.

    None while the log is not registered: they wait.
    """
    with connection.transaction():
        epochs = log.epochs(connection)
        if not epochs:
            return 0
        sealed, _ = log.seal(connection, epoch=epochs[-1].epoch, limit=limit)
        failpoint.reach("sealer.before_commit")
    if sealed:
        failpoint.reach("sealer.after_commit")
    return sealed
