"""Named places at which a process can be told to die, as `kill -9` would let it: for tests of crash safety.

One is armed before the process starts (`arm`), or while it runs, by a file of its name in a folder that it watches
(`watch`). Unarmed, reaching one is a comparison. `docs/reference/faults.md` lists the names.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class _Armed:
    name: str = ""
    left: int = 0
    folder: Path | None = None


_armed = _Armed()


def arm(specification: str) -> None:
    """Arm `NAME:N` (the N-th time; `NAME` alone is the first). The empty text disarms."""
    name, _, count = specification.partition(":")
    _armed.name, _armed.left = name, int(count or 1)


def watch(folder: Path | None) -> None:
    """Arm whatever place has a file of its name in this folder, for once: the file is gone when the process is."""
    _armed.folder = folder


def reach(name: str) -> None:
    """End the process at once if this place is armed and its count is used up."""
    if _armed.folder is not None and _take(_armed.folder / name):
        os.kill(os.getpid(), signal.SIGKILL)
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _take(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
