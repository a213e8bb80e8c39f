"""`wayproof database`: the embedded PostgreSQL, a default that needs nothing installed."""

import argparse
from pathlib import Path

from wayproof.database import Cluster

DEFAULT_PORT = 18_084


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    for name, run, text in (
        ("init", _init, "make a cluster in an absent or empty folder"),
        ("serve", _serve, "run it in the foreground until SIGINT"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("directory", type=Path, help="the cluster's folder")
        verb.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1 (default: %(default)s)")
        verb.set_defaults(run=run)


def _init(options: argparse.Namespace) -> int:
    Cluster(options.directory, options.port).initialise()
    print(f"PostgreSQL in {options.directory}; next: wayproof database serve {options.directory} --port {options.port}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    Cluster(options.directory, options.port).serve()
