"""`python -m wayproof.broker --port N`: the broker alone."""

import argparse
import asyncio
import sys

from wayproof import observability
from wayproof.broker.errors import BrokerError
from wayproof.broker.limits import Limits
from wayproof.broker.server import serve


def main() -> int:
    """Run the broker and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m wayproof.broker", description="The embedded MQTT broker.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--max-held-bytes", type=int, default=Limits().max_held_bytes)
    options = parser.parse_args()
    observability.configure(process="broker")
    try:
        asyncio.run(serve(port=options.port, host=options.host, limits=Limits(max_held_bytes=options.max_held_bytes)))
    except BrokerError as error:
        sys.stderr.write(f"{error.diagnostics()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
