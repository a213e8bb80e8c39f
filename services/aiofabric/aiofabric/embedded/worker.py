"""One thread for work that would hold the event loop up: contracts, and the verification of whole transactions.

A thread pool wakes the event loop for every call, and under load that costs as much as the work. This thread takes what
has gathered, and wakes the loop once for all of it.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]

MOST_AT_ONCE = 8
"""Calls done before their results are handed over: more would be cheaper still, and make the first wait longer."""


class Worker:
    """Runs calls one after the other on a thread of its own; made and used on one event loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: deque[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = deque()
        self._available = threading.Semaphore(0)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[], Result]) -> Result:
        """Return what the call returns, or raise what it raises."""
        if self._closed:
            raise RuntimeError("the worker is closed")
        future: asyncio.Future[Result] = self._loop.create_future()
        self._calls.append((call, future))
        self._available.release()
        return await future

    async def close(self) -> None:
        """Finish the calls made so far and end the thread."""
        self._closed = True
        self._calls.append(None)
        self._available.release()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            done: list[Outcome] = []
            self._available.acquire()
            while True:
                entry = self._calls.popleft()
                if entry is None:
                    self._hand_over(done)
                    return
                call, future = entry
                try:
                    done.append((future, call(), None))
                except BaseException as error:  # noqa: BLE001 - raised again where the call was awaited
                    done.append((future, None, error))
                if len(done) >= MOST_AT_ONCE or not self._available.acquire(blocking=False):
                    break
            self._hand_over(done)

    def _hand_over(self, done: list[Outcome]) -> None:
        if done:
            self._loop.call_soon_threadsafe(_resolve, done)


def _resolve(done: list[Outcome]) -> None:
    for future, result, error in done:
        if future.done():  # whoever asked has gone
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
