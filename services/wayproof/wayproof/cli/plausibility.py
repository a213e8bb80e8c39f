"""`wayproof plausibility`: flag readings that are not plausible; `--again` from the beginning, by the present rules."""

import argparse

from wayproof.cli.worker import add_settings, begin, run_asynchronous
from wayproof.flags import worker
from wayproof.settings import Settings
from wayproof.store import flags, schema
from wayproof.store.connection import connect
from wayproof.store.errors import StoreError, store_errors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add_settings(parser)
    parser.add_argument(
        "--again", action="store_true", help="remove all flags first, and judge the whole log by the present rules"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    read = begin(options, process="plausibility")
    if options.again:
        _forget(read)
    return run_asynchronous(worker.run, read)


def _forget(read: Settings) -> None:
    """Remove all flags. Raises StoreError while another process is flagging."""
    with connect(read.database, application="plausibility", role="plausibility") as connection:
        schema.require_current(connection)
        if not flags.become_flagger(connection):
            raise StoreError("another process flags this database: stop it first", code="flagger_running")
        with store_errors(), connection.transaction():
            flags.forget(connection)
