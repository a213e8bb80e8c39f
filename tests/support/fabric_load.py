"""Clients that keep a real Fabric network busy, each in a process of its own, and what their journals say of time."""

import asyncio
import itertools
import json
import os
import sys
import time
from pathlib import Path

from support.fabric_journal import VALID
from support.fabric_network import TESTS

CLIENTS = ("Org1MSP", "Org2MSP")
"""Organisations that have a client; the third has none, so its peer and chaincode are nobody's own."""

RESOLVED_WITHIN_S = 240.0
SERVED_WITHIN_S = 120.0

NEWEST_BYTES = 500_000
RECENT_BYTES = 64_000_000
"""Of a journal: what was written just now, and more than is written between a kill and what follows it."""


class Load:
    """The clients of a network."""

    def __init__(self, network: Path, *, directory: Path) -> None:
        self._network = network
        self._directory = directory
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def journals(self) -> list[Path]:
        """Where the clients write."""
        return [self.journal(msp_id) for msp_id in CLIENTS]

    def journal(self, msp_id: str) -> Path:
        return self._directory / f"{msp_id}.journal"

    async def begin(self, *msp_ids: str) -> None:
        """Start clients: those named, or all."""
        for msp_id in msp_ids or CLIENTS:
            self._fail_points(msp_id).mkdir(parents=True, exist_ok=True)
            with (self._directory / f"{msp_id}.log").open("ab") as log:
                self._processes[msp_id] = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "support.fabric_client", self._network, self.journal(msp_id),
                    "--msp-id", msp_id, "--fail-points", self._fail_points(msp_id), "--parent", str(os.getpid()),
                    env={**os.environ, "PYTHONPATH": str(TESTS)},
                    stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log,
                )  # fmt: skip

    async def kill(self, msp_id: str, *, point: str, within_s: float) -> bool:
        """Let a client die at a fail point, or kill it now if there is none; return whether it died in time."""
        process = self._processes[msp_id]
        if not point:
            process.kill()
        else:
            (self._fail_points(msp_id) / point).touch()
        try:
            await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            (self._fail_points(msp_id) / point).unlink(missing_ok=True)
            return False
        return True

    async def served(self, *, since_s: float) -> None:
        """Return when every client was told of a valid transaction since then. Raises AssertionError after a while."""
        deadline = time.monotonic() + SERVED_WITHIN_S
        for msp_id, process in self._processes.items():
            while not any(at_s >= since_s for at_s in self._acknowledged_s(msp_id)):
                if process.returncode is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the client of {msp_id} was not served again (ended: {process.returncode})")
                await asyncio.sleep(0.1)

    def longest_silence_s(self, *, killed_at_s: float, msp_ids: tuple[str, ...] = CLIENTS) -> float:
        """Return the longest time around and after a kill in which a client was told of no valid transaction."""
        longest = 0.0
        for msp_id in msp_ids:
            times = self._acknowledged_s(msp_id, most_bytes=RECENT_BYTES)
            pairs = itertools.pairwise([killed_at_s, *(at_s for at_s in times if at_s > killed_at_s)])
            longest = max([longest, *(later - earlier for earlier, later in pairs)])
        return longest

    async def end(self) -> None:
        """Let every client finish what it began. Raises AssertionError if one does not."""
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
        for msp_id, process in self._processes.items():
            try:
                code = await asyncio.wait_for(process.wait(), RESOLVED_WITHIN_S)
            except TimeoutError as error:
                raise AssertionError(f"the client of {msp_id} does not come to an end") from error
            if code:
                raise AssertionError(f"the client of {msp_id} ended with {code}: see {msp_id}.log")

    async def stop(self) -> None:
        """End the clients, however they are."""
        for process in self._processes.values():
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _acknowledged_s(self, msp_id: str, *, most_bytes: int = NEWEST_BYTES) -> list[float]:
        """Return when a client was told of valid transactions lately."""
        path = self.journal(msp_id)
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - most_bytes, 0))
            lines = file.read().splitlines()[1:]
        notes = (json.loads(line) for line in lines if line.startswith(b'{"kind": "told"'))
        return [note["at_s"] for note in notes if note["code"] == VALID]

    def _fail_points(self, msp_id: str) -> Path:
        return self._directory / f"{msp_id}.fail-points"
