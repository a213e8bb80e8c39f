"""The root logger as it was before: for tests that run a command in their own process, which configures it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_root_log() -> Iterator[None]:
    """Put the root logger's handlers and level back at the end of the block, and close what came meanwhile."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers = handlers
        root.setLevel(level)  # and no logger remembers the other one
