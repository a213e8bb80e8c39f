"""Ports for a network's processes: free now, and below the range that systems hand out to clients."""

import secrets
import socket
from collections.abc import Iterator

LOWEST, HIGHEST = 20_000, 32_000
"""Below 32768, where Linux begins to give ports to outgoing connections: a listener there could find its port taken."""

_ATTEMPTS = 10_000


def free_ports() -> Iterator[int]:
    """Yield ports of 127.0.0.1 that nobody listens on, each once.

    A port is free when it is yielded; nothing keeps it so. Raises OSError when no more can be found.
    """
    given: set[int] = set()
    for _ in range(_ATTEMPTS):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in given and is_free(port):
            given.add(port)
            yield port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} of 127.0.0.1")


def is_free(port: int) -> bool:
    """Return whether a listener could be bound to the port now."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
