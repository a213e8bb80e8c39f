"""`wayproof ingest`: take messages from the broker into the store."""

import argparse

from wayproof.cli.worker import add_settings, begin, run_blocking
from wayproof.ingest import worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return run_blocking(worker.run, begin(options, process="ingest"))
