"""The `wayproof` command: one verb for every process. Only this package reads arguments and prints.

A verb's module is loaded when it is called, so that a process has in memory what it needs and a missing extra is named.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, cast

from aiofabric.errors import FabricError
from wayproof.errors import WayproofError


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb: what it is for, and the extra of this distribution that it needs, if any."""

    help: str
    extra: str = ""


class Command(Protocol):
    """What a verb's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's arguments; among their defaults is `run`, a function of the options."""


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "demo": Verb("the story: real records travel from devices to pages and proof", "demo,embedded"),
        "init": Verb("make a deployment on this machine: database, broker, ledger, three organisations", "embedded"),
        "up": Verb("run everything of a deployment on this machine, until interrupted", "embedded"),
        "ingest": Verb("take messages from the broker into the store, and receipt them", "ingest"),
        "anchor": Verb("seal the log and anchor its head on the ledger"),
        "projection": Verb("bring the ledger's blocks into the store's tables"),
        "monitor": Verb("follow open shipments against their limits, and record excursions"),
        "plausibility": Verb("follow the log, and flag readings that are not plausible"),
        "api": Verb("serve an organisation's pages and API", "api"),
        "simulate": Verb("be devices: measure, sign, publish, keep until receipted", "simulate"),
        "device": Verb("devices: authority, claim, enrol, renew, revoke, list, gate", "ingest"),
        "evidence": Verb("write the evidence file of a shipment"),
        "fsck": Verb("compute the log and the projection again, and name what does not match"),
        "log": Verb("the organisation's log: register, retire"),
        "rejections": Verb("refused payloads: list, show, replay", "ingest"),
        "store": Verb("the store as it grows: maintain, restore-week"),
        "schema": Verb("the store's tables: apply, status"),
        "ledger": Verb("the embedded ledger: init, serve, status"),
        "network": Verb("a network of Fabric's own programs: fetch, doctor, up, status, logs, down"),
        "broker": Verb("the embedded MQTT broker", "embedded"),
        "database": Verb("the embedded PostgreSQL: init, serve", "embedded"),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 refused or failed (with the reason), 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(given).parse_args(given)
        status: int = options.run(options)
    except (WayproofError, FabricError) as error:
        print(f"wayproof: {error.diagnostics()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wayproof",
        description="Supply-chain provenance: what sensors said and who had the goods, provable offline.",
        epilog="Evidence is checked with `wayproof-verify`, which needs nothing of this program.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, verb in VERBS.items():
        command = commands.add_parser(name, help=verb.help, description=verb.help.capitalize() + ".")
        if name in given[:1]:
            _load(name, verb=verb).add_arguments(command)
    return parser


def _load(name: str, *, verb: Verb) -> Command:
    try:
        return cast("Command", importlib.import_module(f"wayproof.cli.{name}"))
    except ModuleNotFoundError as error:
        if not verb.extra or (error.name or "").startswith("wayproof"):
            raise
        raise WayproofError(
            f"{error.name} is not installed: pip install 'wayproof[{verb.extra}]'", code="extra_missing"
        ) from error
