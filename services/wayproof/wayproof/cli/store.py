"""`wayproof store`: looking after the store as readings come and grow old."""

import argparse
import time

from wayproof.cli.worker import add_settings, begin, run_asynchronous
from wayproof.maintenance import worker
from wayproof.store import rollups, schema
from wayproof.store.connection import connect
from wayproof.store.errors import StoreError, store_errors
from wayproof.store.restoring import restore_week
from wayproof.store.weeks import week_of

MAINTAIN = """\
Every hour ([maintenance] interval_s):
  makes weeks of readings ahead of time,
  sums readings up by the hour (table reading_hour), each reading once,
  lets go of the weeks of readings that [database] keep_readings_weeks no longer keeps, unless an open shipment needs
  them. Messages, the evidence, are never let go of,
  compresses weeks ([database] compress_readings_after_weeks) where TimescaleDB's licence allows it.
One process looks after a database; a second one waits for the first to end. Without it, readings that come later than
four weeks from now lie together with those of wrong clocks, and nothing is lost.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    maintain = verbs.add_parser(
        "maintain",
        help="make weeks ahead, sum readings up by the hour, let old weeks of readings go; every hour",
        description=MAINTAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_settings(maintain)
    maintain.add_argument("--once", action="store_true", help="do it once, say what was done, and end")
    maintain.set_defaults(run=_maintain)
    restore = verbs.add_parser(
        "restore-week", help="derive the readings of a dropped week from its messages again, as the tables' owner"
    )
    add_settings(restore)
    restore.add_argument("week", type=int, metavar="WEEK", help="its number, as table reading_week_dropped has it")
    restore.set_defaults(run=_restore)


def _maintain(options: argparse.Namespace) -> int:
    if not options.once:
        return run_asynchronous(worker.run, begin(options, process="maintain"))
    done = worker.once(begin(options, process="store"))
    print(f"weeks made: {len(done.made)}; messages summed up: {done.leaves:,}; weeks dropped: {len(done.dropped)}")
    for reason in done.left:
        print(f"left: {reason}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    read = begin(options, process="store")
    kept = read.database.keep_readings_weeks
    if kept is not None and options.week < week_of(time.time_ns() // 1_000_000) - kept:
        raise StoreError(
            f"week {options.week} would be dropped again: let database.keep_readings_weeks keep it first",
            code="week_not_kept",
        )
    with connect(read.database, application="restore") as connection:
        schema.require_current(connection)
        if not rollups.become_keeper(connection):
            raise StoreError(
                "`wayproof store maintain` looks after this database: stop it first", code="keeper_running"
            )
        with store_errors(), connection.transaction():
            count = restore_week(connection, options.week)
    print(f"week {options.week}: {count:,} readings are back; `wayproof store maintain` sums up its hours again")
    return 0
