"""Runs services as child processes: in order, ready one after the other, again when they end, and none left behind.

A service that ends is started again after a pause, which grows while it keeps failing by itself, and stays short where
it was killed. When the supervisor ends, however it ends, its children do: each asks the kernel to be told
(`PR_SET_PDEATHSIG`), so that even `kill -9` of the supervisor leaves nothing running.
"""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiofabric.network import ending_with_parent
from wayproof.errors import WayproofError

logger = logging.getLogger(__name__)

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
STEADY_AFTER_S = 10.0
"""A service that ran this long has started well: the next pause is short again."""

PROBE_S = 0.05


class ServiceError(WayproofError):
    """A service could not be started; its log says why."""

    code = "service_failed"


@dataclass(frozen=True, slots=True)
class Service:
    """A process to keep running.

    Attributes:
        name: unique; also the name of its log file.
        command: program and arguments.
        port: TCP port on 127.0.0.1 that it listens on once it is ready; None if it listens on none.
        prepare: run before each start, in a thread: what an earlier life may have left, for instance.
        ready: tells whether it can be used, when an open port does not say it.
        stop_signal: what ends it in an orderly way.
    """

    name: str
    command: Sequence[str]
    port: int | None = None
    prepare: Callable[[], None] | None = None
    ready: Callable[[], bool] | None = None
    stop_signal: int = signal.SIGTERM


@dataclass(slots=True)
class _Running:
    service: Service
    group: int
    process: asyncio.subprocess.Process | None = None
    keeper: asyncio.Task[None] | None = None
    starts: int = 0


class Supervisor:
    """A set of services: those started together are stopped together, the last ones first."""

    def __init__(self, *, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, _Running] = {}
        self._groups = 0

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *services: Service) -> None:
        """Start services together and return when all are ready. Raises ServiceError."""
        self._groups += 1
        await asyncio.gather(*[self._start(service) for service in services])

    async def run_once(self, name: str, command: Sequence[str]) -> None:
        """Run a step to its end. Raises ServiceError, with the step's last words, if it fails."""
        with self._log(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(*ending_with_parent(command), stdout=log, stderr=log)
            if await process.wait() != 0:
                raise self._failed(name)

    def pid(self, name: str) -> int | None:
        """Return the process id of a service, None while it is down."""
        process = self._running[name].process
        return process.pid if process and process.returncode is None else None

    @property
    def names(self) -> Sequence[str]:
        """The services, in the order in which they were started."""
        return tuple(self._running)

    def starts(self, name: str) -> int:
        """Return how often a service was started."""
        return self._running[name].starts

    async def wait_until_ready(self, name: str, *, within_s: float = READY_WITHIN_S) -> None:
        """Return once a service runs and is ready. Raises ServiceError."""
        service, deadline = self._running[name].service, time.monotonic() + within_s
        while not (self.pid(name) is not None and await asyncio.to_thread(_is_ready, service)):
            if time.monotonic() > deadline:
                raise self._failed(name)
            await asyncio.sleep(PROBE_S)

    async def stop(self, *names: str) -> None:
        """Stop services, all of them when none is named, last started first."""
        stopped = [self._running.pop(name) for name in names or tuple(self._running)]
        for group in sorted({running.group for running in stopped}, reverse=True):
            await asyncio.gather(*[self._end(running) for running in stopped if running.group == group])

    async def _start(self, service: Service) -> None:
        if service.port is not None and _is_listening(service.port):
            raise ServiceError(
                f"{service.name}: port {service.port} is in use; stop what listens there, or choose another",
                code="port_in_use",
            )
        running = self._running[service.name] = _Running(service, self._groups)
        await self._launch(running)
        running.keeper = asyncio.create_task(self._keep(running), name=f"keep {service.name}")
        await self.wait_until_ready(service.name)

    async def _launch(self, running: _Running) -> None:
        service = running.service
        if service.prepare is not None:
            await asyncio.to_thread(service.prepare)
        with self._log(service.name).open("ab") as log:
            running.process = await asyncio.create_subprocess_exec(
                *ending_with_parent(service.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to hand on, in order
            )
        running.starts += 1
        logger.info("started", extra={"service": service.name, "pid": running.process.pid, "starts": running.starts})

    async def _keep(self, running: _Running) -> None:
        """Start a service again whenever it ends."""
        pause_s = FIRST_PAUSE_S
        while True:
            assert running.process is not None  # noqa: S101 - launched before it is kept
            began = time.monotonic()
            status = await running.process.wait()
            if status == -signal.SIGKILL or time.monotonic() - began > STEADY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            logger.warning("ended", extra={"service": running.service.name, "status": status, "again_in_s": pause_s})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._launch(running)
            except (OSError, WayproofError) as error:
                logger.warning("not started", extra={"service": running.service.name, "reason": str(error)})

    async def _end(self, running: _Running) -> None:
        if running.keeper is not None:
            running.keeper.cancel()
            with suppress(asyncio.CancelledError):
                await running.keeper
        process = running.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(running.service.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            logger.warning("does not stop: killed", extra={"service": running.service.name})
            process.kill()
            await process.wait()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _failed(self, name: str) -> ServiceError:
        lines = self._log(name).read_text("utf-8", errors="replace").splitlines() if self._log(name).exists() else []
        return ServiceError(f"{name} did not start; the end of {self._log(name)}:\n" + "\n".join(lines[-8:]))


def _is_ready(service: Service) -> bool:
    if service.port is not None and not _is_listening(service.port):
        return False
    return service.ready is None or service.ready()


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
