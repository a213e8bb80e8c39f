"""Named places at which a process can be told to die, as `kill -9` would let it: for tests of crash safety.

Unarmed, reaching one is a comparison. `docs/reference/faults.md` lists the names.
"""

import os
import signal
from dataclasses import dataclass


@dataclass(slots=True)
class _Armed:
    name: str = ""
    left: int = 0


_armed = _Armed()


def arm(specification: str) -> None:
    """Arm `NAME:N` (the N-th time; `NAME` alone is the first). The empty text disarms."""
    name, _, count = specification.partition(":")
    _armed.name, _armed.left = name, int(count or 1)


def reach(name: str) -> None:
    """End the process at once if this place is armed and its count is used up."""
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
