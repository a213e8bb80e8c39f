"""At whose peer a contract is running: what Fabric's shims read from ``CORE_PEER_LOCALMSPID``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_running_at: ContextVar[str] = ContextVar("running_at", default="")


def peer_msp_id() -> str:
    """Return the organisation whose peer runs the contract.

    A server reads it from the environment, ``CORE_PEER_LOCALMSPID``; the embedded ledger, which plays several
    organisations, sets it for each run. Endorsers must come to the same result, so this is for choosing what only this
    organisation may see, such as its own collection, and not for what is written. LookupError if it is unknown.
    """
    msp_id = _running_at.get() or os.environ.get("CORE_PEER_LOCALMSPID", "")
    if not msp_id:
        raise LookupError("the peer's organisation is unknown: set CORE_PEER_LOCALMSPID where the chaincode is served")
    return msp_id


@contextmanager
def running_at(msp_id: str) -> Iterator[None]:
    """Say whose peer runs what is called in the block."""
    token = _running_at.set(msp_id)
    try:
        yield
    finally:
        _running_at.reset(token)
