"""`wayproof ledger`: the embedded ledger, a stand-in for Hyperledger Fabric."""

import argparse
import asyncio
import signal
import sys
import warnings
from pathlib import Path

from aiofabric import embedded
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS

DEFAULT_ORGANISATIONS = "ShipperMSP,CarrierMSP,ConsigneeMSP"
DEFAULT_PORT = 7051
STAND_IN = (
    "This ledger is a stand-in: one process on one machine that holds the keys of all its organisations. "
    "Its endorsements prove nothing between them. For more than trying out, use Hyperledger Fabric."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "One process that plays a small Fabric network on this machine and serves Fabric's Gateway and Deliver "
        "services. A stand-in: it holds the keys of all its organisations, so its endorsements prove nothing "
        "between them."
    )
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    init = verbs.add_parser("init", help="make identities, configuration and the genesis block in an empty folder")
    init.add_argument("directory", type=Path, help="folder to make; it must be absent or empty")
    init.add_argument(
        "--organisations", default=DEFAULT_ORGANISATIONS, help="MSP ids, separated by commas (default: %(default)s)"
    )
    init.add_argument("--channel", default=CONTRACT, help="name of the channel (default: %(default)s)")
    init.set_defaults(run=_ledger_init)

    serve = verbs.add_parser("serve", help="verify everything that is stored, then serve until interrupted")
    serve.add_argument("directory", type=Path, help="folder made by `wayproof ledger init`")
    serve.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1 (default: %(default)s)")
    serve.set_defaults(run=_ledger_serve)

    status = verbs.add_parser("status", help="verify everything that is stored and say what is there")
    status.add_argument("directory", type=Path, help="folder made by `wayproof ledger init`")
    status.set_defaults(run=_ledger_status)


def _ledger_init(options: argparse.Namespace) -> int:
    description = embedded.initialise(
        options.directory,
        channel=options.channel,
        organisations=[embedded.Organisation(msp_id, USERS) for msp_id in options.organisations.split(",")],
        chaincodes={CONTRACT: ENTRY_POINT},
    )
    print(f"ledger of channel {description.channel} in {options.directory}")
    print(f"  organisations  {', '.join(description.organisations)}")
    print(f"  users of each  {', '.join(USERS)} (organisations/MSP/users)")
    print(f"  genesis        {description.genesis_hash}")
    print(f"next: wayproof ledger serve {options.directory}")
    return 0


def _ledger_serve(options: argparse.Namespace) -> int:
    warnings.simplefilter("ignore", embedded.DevelopmentLedgerWarning)  # said in our own words
    print(STAND_IN, file=sys.stderr)
    asyncio.run(_serve(options.directory, port=options.port))
    return 0


async def _serve(directory: Path, *, port: int) -> None:
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    async with embedded.serve(directory, port=port) as endpoint:
        print(f"serving on {endpoint.address}, height {endpoint.ledger.height}", flush=True)
        await stopped.wait()


def _ledger_status(options: argparse.Namespace) -> int:
    status = embedded.status(options.directory)
    facts = {
        "channel": status.channel,
        "organisations": ", ".join(status.organisations),
        "contracts": ", ".join(status.chaincodes),
        "genesis": status.genesis_hash,
        "height": status.height,
        "last block": status.last_block_hash,
        "transactions": status.transactions,
        "torn bytes": status.torn_bytes,
        "verification": "passed" if status.verified else f"FAILED: {status.problem}",
    }
    for name, value in facts.items():
        print(f"{name:15}{value}")
    return 0 if status.verified else 1
