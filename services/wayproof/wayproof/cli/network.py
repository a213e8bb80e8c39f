"""`wayproof network`: a network of Fabric's own programs on this machine."""

import argparse
import sys
from pathlib import Path

from aiofabric.network import archive
from wayproof.up import fabric_home

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


def _fetch(options: argparse.Namespace) -> int:
    try:
        home = archive.obtain(fabric_home.cache(), say=lambda text: print(text, flush=True), source=options.archive)
    except archive.ArchiveError as error:
        print(f"wayproof: {error}\n{AT_HAND}", file=sys.stderr)
        return 1
    print(f"Fabric's programs are in {home}; `wayproof network doctor` says what they are")
    return 0
