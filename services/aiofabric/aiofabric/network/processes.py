"""Processes of a network: started, found again by whoever comes later, stopped.

A process holds a lock on its ``lock`` file for as long as it lives: the descriptor is inherited, so nobody has to
release it, and a process id that another program has got since is never taken for it.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiofabric.network import launcher
from aiofabric.network.errors import ProcessError

Child = subprocess.Popen[bytes]
"""What has to be waited for when it has ended."""

LOG_TAIL_LINES = 15
_POLL_S = 0.02
_STARTED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, in which environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProcessFolder:
    """The folder of one process: ``pid``, ``lock`` and ``log`` lie there, and its data."""

    path: Path

    @property
    def log(self) -> Path:
        """Standard output and error of all its runs."""
        return self.path / "log"

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def pid(self) -> int | None:
        """Return the id of the running process, None if it does not run."""
        if not self.is_alive():
            return None
        try:
            return int((self.path / "pid").read_text("ascii"))
        except (OSError, ValueError):
            return None  # it is just being started

    def tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of its log."""
        try:
            text = self.log.read_text("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def start(self, command: Command, *, detached: bool) -> Child:
        """Start it; return at once, before it is of use. The caller keeps what is returned, and waits for it in `stop`.

        Args:
            command: what to run.
            detached: whether it outlives this process. Otherwise it is killed when the *thread* that calls this ends
                (Linux; elsewhere it is not killed).

        Raises ProcessError if it runs already.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self.path / "pid").unlink(missing_ok=True)
            with self.log.open("ab") as log:
                return self._launch(command, detached=detached, lock=descriptor, log=log.fileno())
        except BlockingIOError as error:
            raise ProcessError(f"{self.path.name} runs already (process {self.pid()}): stop it first") from error
        finally:
            os.close(descriptor)

    def _launch(self, command: Command, *, detached: bool, lock: int, log: int) -> Child:
        mode = "detached" if detached else "attached"
        launched = subprocess.Popen(  # noqa: S603 - our launcher, with the command of our caller
            _launched(command.arguments, mode, pid_file=str(self.path / "pid")),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=dict(command.environment),
            pass_fds=[lock],
            start_new_session=True,  # an interrupt at the keyboard is for the one who started it
        )  # fmt: skip
        if detached:
            launched.wait(_STARTED_WITHIN_S)
        return launched

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; return whether there was a process to send it to."""
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while self.is_alive():
            pid = self.pid()
            if pid is not None:
                os.kill(pid, number)
                return True
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.path.name} runs, and nobody noted its process id: end it by hand")
            time.sleep(_POLL_S)
        return False

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until the process has ended; return whether it has."""
        deadline = time.monotonic() + timeout_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self, *, timeout_s: float = 15.0) -> None:
        """Ask it to end, and kill it if it does not. Raises ProcessError if even that does not end it."""
        if not self.signal(signal.SIGTERM) or self.wait_ended(timeout_s):
            return
        self.kill()

    def kill(self) -> None:
        """Kill it as ``kill -9`` does, and return when it has ended."""
        self.signal(signal.SIGKILL)
        if not self.wait_ended(_STARTED_WITHIN_S):
            raise ProcessError(f"{self.path.name} cannot be killed (process {self.pid()})")


def ending_with_parent(command: Sequence[str]) -> list[str]:
    """Return the command that runs another one so that the kernel kills it when the *thread* that starts it ends.

    The kernel is told by a program of its own (Linux; elsewhere nothing is killed). A ``preexec_fn`` would do it
    between fork and exec, where gRPC's threads are started again and then lose their descriptors: now and then the
    child dies of it.
    """
    return _launched(command, "attached", pid_file="-")


def _launched(command: Sequence[str], mode: str, *, pid_file: str) -> list[str]:
    return [sys.executable, "-I", "-S", launcher.__file__, pid_file, mode, str(os.getpid()), *command]
