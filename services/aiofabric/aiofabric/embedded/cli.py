"""``python -m aiofabric.embedded init | add-user | serve | status``."""

import argparse
import asyncio
import dataclasses
import json
import logging
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from aiofabric.embedded.channel import status
from aiofabric.embedded.errors import DevelopmentLedgerWarning, EmbeddedLedgerError
from aiofabric.embedded.provision import Organisation, initialise, issue_client
from aiofabric.embedded.server import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 with a message on standard error."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    warnings.simplefilter("ignore", DevelopmentLedgerWarning)  # a line of the log says the same
    sys.path.insert(0, str(Path.cwd()))  # contracts may lie where the command is given, as for `python -m`
    try:
        return int(options.run(options))
    except (EmbeddedLedgerError, OSError, ImportError, AttributeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


async def serve_until_stopped(directory: Path, *, port: int, without: Sequence[str] = ()) -> None:
    """Serve a ledger until SIGTERM or SIGINT; prints one line, "serving …", when it answers."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serve(directory, port=port, without=without) as endpoint:
        print(f"serving {directory} at {endpoint.address}", flush=True)
        await stopped.wait()


def _init(options: argparse.Namespace) -> int:
    description = initialise(
        options.directory,
        channel=options.channel,
        organisations=[Organisation(msp_id) for msp_id in options.organisation],
        chaincodes=dict(entry.split("=", 1) for entry in options.chaincode),
        policies=dict(entry.split("=", 1) for entry in options.policy),
    )
    print(f"channel {description.channel}, genesis block {description.genesis_hash}")
    return 0


def _add_user(options: argparse.Namespace) -> int:
    attributes = dict(entry.split("=", 1) for entry in options.attribute)
    print(issue_client(options.directory, msp_id=options.organisation, name=options.name, attributes=attributes))
    return 0


def _serve(options: argparse.Namespace) -> int:
    asyncio.run(serve_until_stopped(options.directory, port=options.port, without=options.without))
    return 0


def _status(options: argparse.Namespace) -> int:
    found = status(options.directory)
    print(json.dumps(dataclasses.asdict(found), indent=2))
    return 0 if found.verified else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aiofabric.embedded", description="A Fabric ledger to develop against."
    )
    commands = parser.add_subparsers(required=True)
    init = _command(commands, "init", _init, "make a new ledger in an empty directory")
    init.add_argument("--channel", default="mychannel")
    init.add_argument("--organisation", action="append", required=True, metavar="MSP", help="give one or more")
    init.add_argument("--chaincode", action="append", required=True, metavar="NAME=MODULE:ATTRIBUTE", type=_pair)
    init.add_argument(
        "--policy", action="append", default=[], metavar="NAME=POLICY", type=_pair,
        help="a chaincode's own endorsement policy, such as \"OR('Org1MSP.peer','Org2MSP.peer')\"",
    )  # fmt: skip
    add = _command(commands, "add-user", _add_user, "issue one more client identity")
    add.add_argument("organisation", metavar="MSP")
    add.add_argument("name")
    add.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE", type=_pair)
    serving = _command(commands, "serve", _serve, "serve a ledger on 127.0.0.1")
    serving.add_argument("--port", type=int, default=7051)
    serving.add_argument(
        "--without", action="append", default=[], metavar="MSP", help="an organisation whose peer is down"
    )
    _command(commands, "status", _status, "verify a ledger and say what it is")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: object,
    about: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.add_argument("directory", type=Path)
    command.set_defaults(run=run)
    return command


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return text
