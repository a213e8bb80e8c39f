"""Fabric's programs on this machine: where they are looked for before PATH, and the option that asks for them."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from aiofabric.network import Binaries, find_binaries

HOME = "WAYPROOF_FABRIC_HOME"
"""Environment: a folder with ``bin/`` and ``config/`` of a Fabric release. If it is set, nothing else will do."""


def named(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that the environment names, if it names one."""
    return Path(environment[HOME]).expanduser() if environment.get(HOME) else None


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that `make fabric-binaries` fills, outside of any checkout."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wayproof" / "fabric"


def add_ledger_argument(parser: argparse.ArgumentParser) -> None:
    """Add the choice between the embedded ledger and Fabric."""
    parser.add_argument(
        "--ledger",
        choices=("embedded", "fabric"),
        default="embedded",
        help="the embedded ledger, or a network of Fabric's own programs: `wayproof network doctor` says whether "
        "they are here (default: %(default)s)",
    )


def wanted(options: argparse.Namespace) -> Binaries | None:
    """Return Fabric's programs if the option asks for them. Raises BinariesMissingError."""
    return find_binaries(home=named(), cache=cache()) if options.ledger == "fabric" else None
