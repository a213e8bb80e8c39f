"""Progress of long work on standard error: what is done, how fast, how long it will still take."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

EVERY_S = 1.0


class Progress:
    """Says how far something is, once a second at most."""

    def __init__(self, *, is_shown: bool, out: TextIO = sys.stderr) -> None:
        self._is_shown, self._out = is_shown, out

    def of(self, what: str, *, total: int) -> Callable[[int], None]:
        """Return what is told of each step that is done of `total`."""
        begun_s = said_s = time.monotonic()
        done = 0

        def tick(count: int) -> None:
            nonlocal done, said_s
            done += count
            now_s = time.monotonic()
            if self._is_shown and now_s - said_s >= EVERY_S:
                said_s = now_s
                rate = done / (now_s - begun_s)
                left_s = max(0, total - done) / rate
                print(f"fsck: {done:,} of {total:,} {what}, {rate:,.0f}/s, {left_s:,.0f} s left", file=self._out)

        return tick
