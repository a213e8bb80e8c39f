"""What the platform takes while something happens to it, and how soon it works again: asked from outside."""

import asyncio
import threading
import time
import urllib.request
from types import TracebackType
from typing import Self

import psutil

from support.platform import SHIPPER, Platform
from wayproof import settings

OURS = ("ingest", "anchor", "projection", "monitor", "plausibility", "maintain", "gate", "api")
"""Our long-running processes: the broker, the database and the ledger have memory of their own."""

SAMPLE_S = 0.25
ASKED_EVERY_S = 0.05
ANSWER_S = 2.0
MIB = 1 << 20
STORED = "wayproof_ingest_messages_stored_total"
RECEIPTED = "wayproof_ingest_messages_receipted_total"


class Watch:
    """Samples the memory of our processes; asks ingest what it counts."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._port = settings.load(platform.deployment.settings(SHIPPER)).metrics.port_of("ingest")
        self._peaks: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def begin(self) -> None:
        """Forget the peaks so far."""
        self._peaks = {}

    def figures(self) -> dict[str, int | float]:
        """Return the largest resident memory of one of our processes and of ingest, in MiB, and the disk taken."""
        peaks = dict(self._peaks)
        ingest = max((peak for name, peak in peaks.items() if name.startswith("ingest-")), default=0)
        return {
            "max_rss_mib": round(max(peaks.values(), default=0) / MIB, 1),
            "max_rss_ingest_mib": round(ingest / MIB, 1),
            "disk_mib": round(self.disk_bytes() / MIB, 1),
        }

    def disk_bytes(self) -> int:
        """Return what the deployment's files take."""
        found = 0
        for path in self._platform.deployment.directory.rglob("*"):
            try:
                found += path.lstat().st_blocks * 512
            except FileNotFoundError:  # gone meanwhile: these programs work
                continue
        return found

    def counted(self, name: str) -> float | None:
        """Return a number that ingest counts, all labels together; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=ANSWER_S) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    async def first_acknowledged_s(self, *, within_s: float = 60.0) -> float | None:
        """Return how many seconds from now ingest receipts something; None if it does not in time.

        A number that is smaller than the one before is another life's, and counts when it is not 0.
        """
        began, before = time.monotonic(), await asyncio.to_thread(self.counted, RECEIPTED)
        while time.monotonic() - began < within_s:
            now = await asyncio.to_thread(self.counted, RECEIPTED)
            if now is not None:
                if before is None or now < before:
                    before = 0.0
                if now > before:
                    return round(time.monotonic() - began, 2)
            await asyncio.sleep(ASKED_EVERY_S)
        return None

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            for name in self._platform.supervisor.names:
                pid = self._platform.supervisor.pid(name) if name.startswith(OURS) else None
                if pid is None:
                    continue
                try:
                    resident = psutil.Process(pid).memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
                self._peaks[name] = max(self._peaks.get(name, 0), resident)
