"""`wayproof network`: a network of Fabric's own programs on this machine."""

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from pathlib import Path

from aiofabric.network import Binaries, Network, ProcessError, archive, cli
from aiofabric.network.plan import Layout
from wayproof import observability
from wayproof.cli import fabric_home
from wayproof.up import ledgers, provision
from wayproof.up.ledgers import READY

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 1.0
MOST_ORGANISATIONS = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "A real network on this machine: a peer for each organisation, orderers, the contract and its servers, all "
        "native processes on 127.0.0.1. Its folder holds the keys of all organisations: it is for development, tests "
        "and demonstrations."
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    fetch = verbs.add_parser("fetch", help="get Fabric's programs: the official release archive, or what is at hand")
    fetch.add_argument("--archive", type=Path, help="a release archive, or a folder with bin/ and config/, at hand")
    fetch.set_defaults(run=_fetch)

    up = verbs.add_parser("up", help="make a network with our contract and leave it running, or start what is there")
    up.add_argument("--dir", type=Path, default=Path("fabric-network"), help="its folder (default: %(default)s)")
    up.add_argument("--organisations", type=int, default=3, help="how many, from 1 to 9 (default: %(default)s)")
    up.add_argument("--orderers", type=int, default=4, help="4 for BFT, 1 for Raft (default: %(default)s)")
    cli.add_fabric_arguments(up, home=fabric_home.named(), cache=fabric_home.cache())
    up.set_defaults(run=_up)

    run = verbs.add_parser("run", help="keep a network up until interrupted; what ends by itself is started again")
    run.add_argument("directory", type=Path, help="the network's folder")
    run.set_defaults(run=_run)
    cli.add_operations(verbs, home=fabric_home.named(), cache=fabric_home.cache())


def _up(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("aiofabric.network").setLevel(logging.INFO)  # a line for each step
    binaries = None if Layout(options.dir).description.exists() else fabric_home.require(options.fabric, options.cache)
    network = asyncio.run(_brought_up(options, binaries))
    print(f"channel {network.channel}, genesis block {network.genesis_hash}")
    for msp_id in network.organisations:
        endpoint = network.endpoint(msp_id)
        print(f"  {msp_id:14} Gateway {endpoint.address}, users {options.dir / 'organisations' / msp_id / 'users'}")
    print(f"next: wayproof network status {options.dir}; it ends with: wayproof network down {options.dir}")
    return 0


async def _brought_up(options: argparse.Namespace, binaries: Binaries | None) -> Network:
    if binaries is None:
        network = Network.open(options.dir, detached=True)
        await network.start()
        return network
    return await ledgers.make_network(
        options.dir, _msp_ids(options.organisations), binaries=binaries, orderers=options.orderers, detached=True
    )


def _msp_ids(number: int) -> list[str]:
    named = [member.msp_id for member in provision.DEFAULT_MEMBERS]
    return [*named, *(f"Partner{index}MSP" for index in range(1, MOST_ORGANISATIONS))][:number]


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
        print(f"wayproof: {error}\n{fabric_home.AT_HAND}", file=sys.stderr)
        return 1
    print(f"Fabric's programs are in {home}; `wayproof network doctor` says what they are")
    return 0
