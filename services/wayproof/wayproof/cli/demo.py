"""`wayproof demo`: the story on this machine."""

import argparse
import asyncio
from pathlib import Path

from wayproof.cli import fabric_home
from wayproof.demo import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("demo-output"),
        help="where everything is left for you to open (default: %(default)s; replaced)",
    )
    parser.add_argument("--once", action="store_true", help="end after the summary instead of leaving the pages up")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="replay a real logger's trace: time, temperature")
    fabric_home.add_ledger_argument(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    wish = stage.Wish(options.directory, once=options.once, trace=options.csv, fabric=fabric_home.wanted(options))
    return asyncio.run(stage.run(wish, say=lambda text: print(text, flush=True)))
