"""`wayproof demo`: the story on this machine."""

import argparse
import asyncio
from pathlib import Path

from wayproof.demo import stage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("demo-output"),
        help="where ledger, evidence and trust root are left for you to open (default: %(default)s; replaced)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return asyncio.run(stage.run(options.directory, say=lambda text="": print(text, flush=True)))
