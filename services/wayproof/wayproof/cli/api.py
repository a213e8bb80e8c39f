"""`wayproof api`: serve an organisation's pages and API."""

import argparse

from wayproof.api import worker
from wayproof.cli.worker import add_settings, begin, run_asynchronous


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    return run_asynchronous(worker.run, begin(options, process="api"))
