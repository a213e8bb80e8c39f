"""Sealing: **where a stored message gets its index in the log**, in steps of one transaction each."""

import time

from wayproof import failpoint
from wayproof.observability import metrics, tracing
from wayproof.store import log
from wayproof.store.connection import Connection
from wayproof.store.traced import followed_leaves

SEALED = metrics.counter("wayproof_log_sealed_total", "Messages that got their index in the log.")
SIZE = metrics.gauge("wayproof_log_size", "Leaves of the log's open epoch.")
SEALING = metrics.histogram("wayproof_log_sealing_seconds", "How long one step of sealing took.")

STEP = 10_000
"""Most messages of one transaction."""


def seal_step(connection: Connection, *, limit: int = STEP) -> int:
    """Seal what waits, at most `limit` messages, into the open epoch; return how many there were.

    None while the log is not registered: they wait.
    """
    began_ns = time.time_ns()
    with connection.transaction():
        epochs = log.epochs(connection)
        if not epochs:
            return 0
        epoch = epochs[-1].epoch
        sealed, size = log.seal(connection, epoch=epoch, limit=limit)
        failpoint.reach("sealer.before_commit")
    SIZE.put(size)
    if sealed:
        failpoint.reach("sealer.after_commit")
        ended_ns = time.time_ns()
        SEALED.add(sealed)
        SEALING.observe((ended_ns - began_ns) / 1e9)
        if tracing.is_on():
            followed = followed_leaves(connection, epoch=epoch, first=size - sealed, end=size, below=tracing.below())
            tracing.record("seal", followed, start_ns=began_ns, end_ns=ended_ns, facts={"epoch": epoch})
    return sealed
