"""`wayproof broker`: the embedded MQTT broker, a stand-in for Mosquitto."""

import argparse
import asyncio

from wayproof import observability
from wayproof.broker.limits import Limits
from wayproof.broker.server import serve

DEFAULT_PORT = 18_083


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument(
        "--max-held-bytes",
        type=int,
        default=Limits().max_held_bytes,
        help="most bytes of messages held for subscribers that are away or slow (default: %(default)s)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    observability.configure(process="broker")
    asyncio.run(serve(port=options.port, host=options.host, limits=Limits(max_held_bytes=options.max_held_bytes)))
    return 0
