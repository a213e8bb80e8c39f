"""`wayproof simulate`: be devices."""

import argparse
import signal
import threading

from wayproof import observability
from wayproof.simulate import worker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    worker.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    observability.configure(process="simulate")
    stop = threading.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interruption, lambda *_: stop.set())
    return worker.run(options, stop=stop, say=lambda text: print(text, flush=True))
