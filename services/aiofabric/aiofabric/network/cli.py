"""``python -m aiofabric.network up | status | logs | add-organisation | add-user | down | doctor``."""

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aiofabric.errors import FabricError
from aiofabric.network.binaries import ADVICE, find_binaries, survey, version_of
from aiofabric.network.definition import ChaincodeDefinition
from aiofabric.network.errors import BinariesMissingError, PlanError
from aiofabric.network.identities import issue_client
from aiofabric.network.network import Network, remove
from aiofabric.network.plan import Layout, Organisation
from aiofabric.network.processes import LOG_TAIL_LINES

HOME_VARIABLE = "FABRIC_HOME"
DEFAULT_ORGANISATIONS = ("Org1MSP", "Org2MSP")

Handler = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 with one message on standard error."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("aiofabric.network").setLevel(logging.INFO)
    run: Handler = options.run
    try:
        return run(options)
    except (FabricError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> int:
    network = asyncio.run(_brought_up(options))
    for msp_id in network.organisations:
        endpoint = network.endpoint(msp_id)
        print(f"{msp_id}: gateway {endpoint.address}, TLS authority {endpoint.tls_ca}")
    print(f"channel {network.channel}, genesis block {network.genesis_hash}")
    return 0


async def _brought_up(options: argparse.Namespace) -> Network:
    if Layout(options.directory).description.exists():
        if options.organisation or options.chaincode:
            raise PlanError(f"{options.directory} holds a network already: up without organisations starts it")
        network = Network.open(options.directory, detached=True)
        await network.start()
        return network
    network = await Network.create(
        options.directory,
        organisations=[Organisation(msp_id) for msp_id in options.organisation or DEFAULT_ORGANISATIONS],
        orderers=options.orderers,
        channel=options.channel,
        binaries=find_binaries(home=options.fabric, cache=options.cache),
        detached=True,
    )
    for entry in options.chaincode:
        name, entry_point = entry.split("=", 1)
        await network.deploy(ChaincodeDefinition(name))
        # Contracts may lie where the command is given, as for `python -m`.
        path = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))
        await network.start_chaincode(name, entry_point=entry_point, environment={"PYTHONPATH": path})
    return network


def _status(options: argparse.Namespace) -> int:
    status = asyncio.run(Network.open(options.directory).status())
    if options.json:
        print(json.dumps(dataclasses.asdict(status), indent=2))
        return 0 if status.is_healthy else 1
    print(f"channel {status.channel}, {status.consensus}, Fabric {status.fabric_version}")
    for process in status.processes:
        state = "healthy" if process.is_healthy else "runs, does not answer" if process.pid else "stopped"
        blocks = "" if process.height is None else f"height {process.height}"
        print(f"  {process.name:32} {process.address:18} {process.pid or '-':>8}  {state:10} {blocks}")
    for chaincode in status.chaincodes:
        approved = ", ".join(chaincode.approved_by)
        print(f"  {chaincode.name} {chaincode.version}, sequence {chaincode.sequence}, approved by {approved}")
    return 0 if status.is_healthy else 1


def _logs(options: argparse.Namespace) -> int:
    network = Network.open(options.directory)
    for name in [options.name] if options.name else network.processes:
        print(f"==> {name}\n{network.log(name, lines=options.lines)}")
    return 0


def _add_organisation(options: argparse.Namespace) -> int:
    network = Network.open(options.directory, detached=True)
    asyncio.run(network.add_organisation(Organisation(options.organisation)))
    return 0


def _add_user(options: argparse.Namespace) -> int:
    attributes = dict(entry.split("=", 1) for entry in options.attribute)
    print(issue_client(options.directory, msp_id=options.organisation, name=options.name, attributes=attributes))
    return 0


def _down(options: argparse.Namespace) -> int:
    if options.remove:
        remove(options.directory)
        return 0
    asyncio.run(Network.open(options.directory).stop())
    return 0


def _doctor(options: argparse.Namespace) -> int:
    is_found = False
    for place in survey(home=options.fabric, cache=options.cache):
        if place.missing or place.programs is None:
            print(f"{place.label}: {place.programs or 'nothing'}: lacks {', '.join(place.missing)}")
            continue
        try:
            version = version_of(place.programs / "peer")
        except BinariesMissingError as error:
            print(f"{place.label}: {error}")
            continue
        is_found = True
        print(f"{place.label}: {place.programs}: Fabric {version}")
    if not is_found:
        print(f"no Fabric: {ADVICE}")
    return 0 if is_found else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aiofabric.network",
        description="A real Fabric network on this machine, for development and tests. All its keys lie in its folder.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "make a network in an empty folder and start it, or start the one that is there")
    up.add_argument("--organisation", action="append", metavar="MSP", help="give one or more; Org1MSP and Org2MSP")
    up.add_argument("--orderers", type=int, default=4, help="4 for BFT, 1 for Raft")
    up.add_argument("--channel", default="mychannel")
    chaincode = "deploy a contract and run its servers"
    up.add_argument(
        "--chaincode", action="append", default=[], metavar="NAME=MODULE:ATTRIBUTE", type=_pair, help=chaincode
    )
    add_fabric_arguments(up)
    add_operations(commands)
    return parser


def add_operations(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    *,
    home: Path | None = None,
    cache: Path | None = None,
) -> None:
    """Add the commands for a network that is there, and ``doctor``: a program of another name may offer them too.

    `home` and `cache` are where Fabric's programs are looked for unless the command says otherwise.
    """
    status = _command(commands, "status", _status, "say what runs; exit 1 unless everything does")
    status.add_argument("--json", action="store_true")
    logs = _command(commands, "logs", _logs, "show the end of the logs")
    logs.add_argument("name", nargs="?", help="of one process; all without")
    logs.add_argument("--lines", type=int, default=LOG_TAIL_LINES)
    newcomer = _command(commands, "add-organisation", _add_organisation, "add an organisation to the running channel")
    newcomer.add_argument("organisation", metavar="MSP")
    user = _command(commands, "add-user", _add_user, "issue one more client identity")
    user.add_argument("organisation", metavar="MSP")
    user.add_argument("name")
    user.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE", type=_pair)
    down = _command(commands, "down", _down, "stop every process; the ledger stays")
    down.add_argument("--remove", action="store_true", help="remove the folder too, also of a network half made")
    doctor = commands.add_parser("doctor", help="say which Fabric is found, and what is missing")
    doctor.set_defaults(run=_doctor)
    add_fabric_arguments(doctor, home=home, cache=cache)


def add_fabric_arguments(
    command: argparse.ArgumentParser, *, home: Path | None = None, cache: Path | None = None
) -> None:
    """Add the arguments that say where Fabric's programs are."""
    named = os.environ.get(HOME_VARIABLE)
    command.add_argument(
        "--fabric",
        type=Path,
        default=home or (Path(named) if named else None),
        metavar="FOLDER",
        help="with bin/ and config/ of Fabric's release archive, and nothing else will do (default: %(default)s)",
    )
    command.add_argument(
        "--cache",
        type=Path,
        default=cache,
        metavar="FOLDER",
        help="another such folder, looked at before PATH if the first is not given (default: %(default)s)",
    )


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Handler, about: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.add_argument("directory", type=Path, help="the network's folder")
    command.set_defaults(run=run)
    return command


def _pair(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return text
