"""What a killed server leaves behind, and when the next one may start.

PostgreSQL guards a cluster twice: by `postmaster.pid` and by a System V shared memory segment that every process of the
server is attached to. After `kill -9` of the postmaster it takes over both by itself, with two exceptions that are
handled here: processes of the old server that have not noticed yet (it refuses at once; we wait), and a number in
`postmaster.pid` that by now is someone else's, as after a restart of a container (it refuses forever; the file is
removed, but only when nobody is attached to the memory that it names).
"""

import time
from dataclasses import dataclass
from pathlib import Path

from wayproof.database.errors import DatabaseError

LEFTOVERS_WITHIN_S = 30.0
STRANGER_AFTER_S = 2.0
"""A server that is ending lets go of its memory first and of its file last: that long it may take."""
LOOK_AGAIN_S = 0.05
SEGMENTS = Path("/proc/sysvipc/shm")
KEY_SPAN = 1 << 32
"""A key has 32 bits, from the data folder's inode: the kernel writes it with a sign, PostgreSQL without."""
_PID_LINE, _MEMORY_LINE, _STATE_LINE = 0, 6, 7


@dataclass(frozen=True, slots=True)
class LockFile:
    """What `postmaster.pid` says: the server's process, its memory (None while it starts), and whether it is ending."""

    path: Path
    pid: int
    memory_key: int | None
    memory_id: int | None
    is_stopping: bool = False


def read_lock_file(data: Path) -> LockFile | None:
    """Return what a cluster's `postmaster.pid` says; None if there is none, or none that can be understood."""
    path = data / "postmaster.pid"
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
        memory = [int(number) for number in lines[_MEMORY_LINE].split()] if len(lines) > _MEMORY_LINE else []
        key, identifier = memory or (None, None)
        is_stopping = len(lines) > _STATE_LINE and lines[_STATE_LINE].strip() == "stopping"
        return LockFile(path, int(lines[_PID_LINE]), key, identifier, is_stopping)
    except (FileNotFoundError, ValueError, IndexError):
        return None


def attached_processes(lock: LockFile, *, segments: Path = SEGMENTS) -> int | None:
    """Return how many processes are attached to a server's memory; None where that cannot be known."""
    if lock.memory_key is None or not segments.exists():
        return None
    heading, *rows = segments.read_text("ascii").splitlines()
    for row in rows:
        segment = dict(zip(heading.split(), row.split(), strict=False))
        if int(segment["shmid"]) == lock.memory_id and (int(segment["key"]) - lock.memory_key) % KEY_SPAN == 0:
            return int(segment["nattch"])
    return 0


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is only not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not state.rpartition(")")[2].lstrip().startswith(("Z", "X"))


def clear_the_way(data: Path, *, within_s: float = LEFTOVERS_WITHIN_S) -> None:
    """Return when a server may start on a cluster.

    Raises DatabaseError: database_running if one already works there, database_leftovers if processes of one that is
    ending or was killed are still there after `within_s` seconds.
    """
    started = time.monotonic()
    while (lock := read_lock_file(data)) is not None:
        attached, alive, waited_s = attached_processes(lock), is_alive(lock.pid), time.monotonic() - started
        if attached == 0 and (not alive or waited_s > STRANGER_AFTER_S):
            lock.path.unlink(missing_ok=True)
            return
        if attached != 0 and alive and not lock.is_stopping:
            raise DatabaseError(
                f"a server already works on {data} (process {lock.pid}): stop it first (kill -INT {lock.pid})",
                code="database_running",
            )
        if attached is None:
            return  # not Linux: PostgreSQL itself decides
        if waited_s > within_s:
            raise DatabaseError(
                f"{attached} processes of a server that is ending or was killed still work on {data}: "
                "end them, then start again",
                code="database_leftovers",
            )
        time.sleep(LOOK_AGAIN_S)
