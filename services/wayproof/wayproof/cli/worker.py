"""What all long-running processes share on the command line: settings, log, fail point, signals."""

import argparse
import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from wayproof import failpoint, observability, settings
from wayproof.cli.observed import PROCESSES, observe
from wayproof.observability.health import HEALTH
from wayproof.settings import Settings

BEAT_S = 1.0

Blocking = Callable[..., None]
Asynchronous = Callable[..., Awaitable[None]]


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the settings file."""
    parser.add_argument(
        "--settings", type=Path, required=True, metavar="FILE", help="the organisation's settings (TOML)"
    )


def begin(options: argparse.Namespace, *, process: str) -> Settings:
    """Read the settings, send the log to standard error, arm the fail point; show a long-running process to others."""
    read = settings.load(options.settings)
    observability.configure(process=process, organisation=read.organisation)
    failpoint.arm(read.failpoint)
    failpoint.watch(read.failpoints)
    if process in PROCESSES:
        observe(read, process=process)
    return read


def run_blocking(worker: Blocking, read: Settings) -> int:
    """Run a worker with a `threading.Event` that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, lambda *_: stop.set())
    worker(read, stop=stop)
    return 0


def run_asynchronous(worker: Asynchronous, read: Settings) -> int:
    """Run a worker with an `asyncio.Event` that SIGTERM and SIGINT set."""
    asyncio.run(_until_stopped(worker, read))
    return 0


async def _until_stopped(worker: Asynchronous, read: Settings) -> None:
    stop = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stop.set)
    beating = asyncio.create_task(_beat())
    try:
        await worker(read, stop=stop)
    finally:
        beating.cancel()


async def _beat() -> None:
    """Show that the event loop turns."""
    while True:
        HEALTH.beat()
        await asyncio.sleep(BEAT_S)
