"""`wayproof network`: a network of Fabric's own programs on this machine."""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

from aiofabric.network import Network, ProcessError, archive
from wayproof import observability
from wayproof.cli import fabric_home
from wayproof.up.ledgers import READY

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0

AT_HAND = (
    "With an archive or folder at hand: make fabric-binaries FABRIC_ARCHIVE=PATH (or wayproof network fetch --archive "
    f"PATH), or set {fabric_home.HOME} to a folder with Fabric's bin/ and config/."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    fetch = verbs.add_parser("fetch", help="get Fabric's programs: the official release archive, or what is at hand")
    fetch.add_argument("--archive", type=Path, help="a release archive, or a folder with bin/ and config/, at hand")
    fetch.set_defaults(run=_fetch)

    run = verbs.add_parser("run", help="keep a network up until interrupted; what ends by itself is started again")
    run.add_argument("directory", type=Path, help="the network's folder")
    run.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    observability.configure(process="network")
    asyncio.run(_keep_up(options.directory))
    return 0


async def _keep_up(directory: Path) -> None:
    """Start what does not run, again and again, until SIGINT or SIGTERM; then stop everything."""
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    async with Network.open(directory) as network:
        await network.start()
        (directory / READY).touch()
        print(f"channel {network.channel} of {', '.join(network.organisations)} takes transactions", flush=True)
        while not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), LOOK_AGAIN_S)
            await _start_what_ended(network)
    (directory / READY).unlink(missing_ok=True)


async def _start_what_ended(network: Network) -> None:
    for name in network.ended():
        logger.warning("ended, and is started again", extra={"service": name})
        try:
            await network.restart(name)
        except ProcessError as error:
            logger.warning("not started", extra={"service": name, "reason": str(error)})


def _fetch(options: argparse.Namespace) -> int:
    try:
        home = archive.obtain(fabric_home.cache(), say=lambda text: print(text, flush=True), source=options.archive)
    except archive.ArchiveError as error:
        print(f"wayproof: {error}\n{AT_HAND}", file=sys.stderr)
        return 1
    print(f"Fabric's programs are in {home}; `wayproof network doctor` says what they are")
    return 0
