"""Room on the device's disk that messages never get: with a full disk, taking the receipts that free it needs some.

A file as large as that room lies beside the spool. It is given up when a receipt, or the count of a boot, finds the
disk full, and made again as soon as there is room for it.
"""

import os
from pathlib import Path

RESERVE = "spool.reserve"
RESERVE_BYTES = 1 << 20
"""Enough for the spool's own journal to be written back (`wal_checkpoint`), and for a receipt."""


class Reserve:
    """The file."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(RESERVE)

    def keep(self) -> None:
        """Make it, if there is room and it is not there."""
        if self._path.exists():
            return
        try:
            with self._path.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:  # no room for it now
            self.give_up()

    def give_up(self) -> None:
        """Remove it."""
        self._path.unlink(missing_ok=True)
