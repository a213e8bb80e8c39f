"""Fabric's programs on this machine: where they are looked for before PATH, and the option that asks for them."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from aiofabric.network import Binaries, BinariesMissingError, find_binaries

HOME = "WAYPROOF_FABRIC_HOME"
"""Environment: a folder with ``bin/`` and ``config/`` of a Fabric release. If it is set, nothing else will do."""

AT_HAND = (
    "With an archive or folder at hand: make fabric-binaries FABRIC_ARCHIVE=PATH (or wayproof network fetch --archive "
    f"PATH), or set {HOME} to a folder with Fabric's bin/ and config/."
)


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
    return require(named(), cache()) if options.ledger == "fabric" else None


def require(home: Path | None, other: Path | None) -> Binaries:
    """Return Fabric's programs. Raises BinariesMissingError, which says how to get them for us."""
    try:
        return find_binaries(home=home, cache=other)
    except BinariesMissingError as error:
        raise BinariesMissingError(f"{error}. {AT_HAND}") from None
