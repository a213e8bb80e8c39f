"""Ordering: submitted transactions gather while a block is being written, and are cut at once when none is."""

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from fabric_protos.common import common_pb2

from aiofabric.embedded.committer import Chain
from aiofabric.embedded.errors import Code, RequestRefusedError
from aiofabric.embedded.genesis import MAX_MESSAGES, PREFERRED_BLOCK_BYTES
from aiofabric.embedded.transaction import Candidate
from aiofabric.identity import Signer

MAX_WAITING = 10_000
RECENT_BLOCKS = 64
GATHER_S = 0.01
"""How long a block gathers when the one before held several transactions: each costs a signature and an fsync."""

logger = logging.getLogger(__name__)


class Orderer:
    """Cuts blocks, has them written on a thread of their own, then tells everybody who waits."""

    def __init__(self, chain: Chain, *, identity: bytes, sign: Signer) -> None:
        self._chain = chain
        self._identity = identity
        self._sign = sign
        self._waiting: deque[Candidate] = deque()
        self._arrived = asyncio.Event()
        self._grown = asyncio.Event()
        self._status_waiters: dict[str, list[asyncio.Future[tuple[int, int]]]] = {}
        self._recent: dict[int, common_pb2.Block] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="aiofabric-writer")
        self._closing = False
        self._failure: BaseException | None = None
        self.height = chain.height
        self._task = asyncio.create_task(self._run(), name="aiofabric-orderer")

    def accept(self, candidate: Candidate) -> None:
        """Take a transaction for ordering; raise RequestRefusedError when no more can be taken."""
        self._require_open()
        if len(self._waiting) >= MAX_WAITING:
            message = "no orderers could successfully process transaction: SERVICE_UNAVAILABLE, too many are waiting"
            raise RequestRefusedError(Code.UNAVAILABLE, message=message)
        self._waiting.append(candidate)
        self._arrived.set()

    async def status(self, tx_id: str) -> tuple[int, int]:
        """Return (block, code) of a transaction, waiting until it is committed."""
        known = self._chain.statuses.get(tx_id)
        if known is not None and known[0] < self.height:
            return known
        self._require_open()
        waiter: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        waiters = self._status_waiters.setdefault(tx_id, [])
        waiters.append(waiter)
        try:
            return await waiter
        finally:
            waiters.remove(waiter)
            if not waiters and self._status_waiters.get(tx_id) is waiters:
                del self._status_waiters[tx_id]

    async def block(self, number: int) -> common_pb2.Block:
        """Return a committed block, waiting until there is one of that number."""
        while number >= self.height:
            self._require_open()
            await self._grown.wait()
        block = self._recent.get(number)
        if block is not None:
            return block
        await asyncio.sleep(0)  # whoever reads a long past lets the others go on in between
        return common_pb2.Block.FromString(self._chain.file.read(number))

    async def close(self) -> None:
        """Write what was accepted, then stop; whoever still waits is told."""
        self._closing = True
        self._arrived.set()
        await self._task
        self._writer.shutdown()
        self._release_waiters()

    def _require_open(self) -> None:
        if self._failure is not None:
            message = f"the embedded ledger stopped after a failed write: {self._failure}; restart it"
            raise RequestRefusedError(Code.UNAVAILABLE, message=message)
        if self._closing:
            raise RequestRefusedError(Code.UNAVAILABLE, message="the embedded ledger is shutting down")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting or not self._closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            batch = self._cut()
            try:
                block = await loop.run_in_executor(self._writer, self._write, batch)
            except Exception as error:
                # Memory may now be ahead of the disk or behind it: nothing may be answered from it any more.
                logger.critical("the ledger stops: block %d could not be written", self.height, exc_info=error)
                self._failure = error
                self._waiting.clear()
                self._release_waiters()
                return
            self._publish(block, batch)
            if len(batch) > 1:
                await asyncio.sleep(GATHER_S)

    def _cut(self) -> list[Candidate]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].envelope)
        while self._waiting and len(batch) < MAX_MESSAGES:
            size += len(self._waiting[0].envelope)
            if size > PREFERRED_BLOCK_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _write(self, batch: list[Candidate]) -> common_pb2.Block:
        return self._chain.extend(batch, orderer=self._identity, sign=self._sign)

    def _publish(self, block: common_pb2.Block, batch: list[Candidate]) -> None:
        number = block.header.number
        self._recent[number] = block
        self._recent.pop(number - RECENT_BLOCKS, None)
        self.height = number + 1
        for candidate in batch:
            for waiter in self._status_waiters.pop(candidate.tx_id, ()):
                if not waiter.done():
                    waiter.set_result(self._chain.statuses[candidate.tx_id])
        self._wake_readers()

    def _wake_readers(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def _release_waiters(self) -> None:
        for waiters in self._status_waiters.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(
                        RequestRefusedError(Code.UNAVAILABLE, message="the embedded ledger is shutting down")
                    )
        self._wake_readers()
