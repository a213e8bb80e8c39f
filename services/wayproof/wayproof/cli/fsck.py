"""`wayproof fsck`: compute the log and the projection again, and name what does not match."""

import argparse
import asyncio
import sys
import time

from wayproof.cli.worker import add_settings, begin
from wayproof.fsck import report
from wayproof.fsck.check import Scope, check
from wayproof.fsck.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.epilog = "Exit status: 0 consistent, 1 something does not match, 2 something could not be checked."
    add_settings(parser)
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--log-only", action="store_true", help="messages, readings, their flags and the log; asks no ledger"
    )
    part.add_argument("--ledger-only", action="store_true", help="the tables that come from the ledger")
    parser.add_argument("--json", action="store_true", help="say it as JSON")
    parser.add_argument("--progress", action="store_true", help="say how far it is, also where that is no terminal")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    read = begin(options, process="fsck")
    begun_s = time.monotonic()
    scope = Scope(log=not options.ledger_only, ledger=not options.log_only)
    progress = Progress(is_shown=options.progress or sys.stderr.isatty())
    findings = asyncio.run(check(read, scope=scope, progress=progress))
    words = report.as_json if options.json else report.as_text
    print(words(findings, duration_s=time.monotonic() - begun_s), end="")
    return report.status(findings)
