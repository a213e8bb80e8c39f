"""Writing a network's files: new ones only, durable, and those with keys for the owner alone."""

import os
import tempfile
from pathlib import Path

PRIVATE, PUBLIC, EXECUTABLE = 0o600, 0o644, 0o755


def write_new(path: Path, content: bytes, *, mode: int = PUBLIC) -> None:
    """Write a file that must not exist yet, and the folders to it. Raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - the mode
        file.write(content)


def replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another in one step: after a crash there is the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with open(handle, "wb") as file:  # noqa: PTH123 - a file descriptor
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(PUBLIC)
    Path(name).replace(path)
