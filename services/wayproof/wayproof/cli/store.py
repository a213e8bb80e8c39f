"""`wayproof store`: looking after the store as readings come and grow old."""

import argparse

from wayproof.cli.worker import add_settings, begin, run_asynchronous
from wayproof.maintenance import worker

MAINTAIN = """\
Every hour ([maintenance] interval_s):
  makes weeks of readings ahead of time,
  sums readings up by the hour (table reading_hour), each reading once,
  lets go of the weeks of readings that [database] keep_readings_weeks no longer keeps, unless an open shipment needs
  them. Messages, the evidence, are never let go of.
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


def _maintain(options: argparse.Namespace) -> int:
    if not options.once:
        return run_asynchronous(worker.run, begin(options, process="maintain"))
    done = worker.once(begin(options, process="store"))
    print(f"weeks made: {len(done.made)}; messages summed up: {done.leaves:,}; weeks dropped: {len(done.dropped)}")
    for reason in done.left:
        print(f"left: {reason}")
    return 0
