"""The threads that contracts run on.

A contract that calls another chaincode waits for it, and that chaincode may be served by the same process. So a thread
that waits in this way does not count: another one takes its place, or calls that wait for calls would wait for ever.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue


class Workers:
    """Runs calls on at most so many threads, which are started when they are needed and end with the process."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("a chaincode server needs at least one worker")
        self._limit = limit
        self._threads = 0
        self._free = 0  # threads that wait for a call, less calls that wait for a thread
        self._lock = threading.Lock()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def submit(self, call: Callable[[], None]) -> None:
        """Run a call as soon as a thread is free; the call must not raise."""
        with self._lock:
            self._free -= 1
            self._start_if_needed()
        self._calls.put(call)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let another thread work while the calling one waits for something that may need a thread."""
        with self._lock:
            self._limit += 1
            self._start_if_needed()
        try:
            yield
        finally:
            with self._lock:
                self._limit -= 1

    def close(self) -> None:
        """Let every thread end after the call that it is busy with."""
        with self._lock:
            self._limit = 0
            for _ in range(self._threads):
                self._calls.put(None)

    def _start_if_needed(self) -> None:
        if self._free < 0 and self._threads < self._limit:
            self._threads += 1
            self._free += 1
            threading.Thread(target=self._run, name=f"chaincode-{self._threads}", daemon=True).start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            with self._lock:
                if self._threads > self._limit:  # it stood in for one that waited
                    self._threads -= 1
                    return
                self._free += 1
