"""A client that keeps a real Fabric network busy, may be killed between any two steps, and goes on from its journal.

    python -m support.fabric_client NETWORK JOURNAL --msp-id Org1MSP --parent PID --fail-points FOLDER

It ends in order, with everything resolved, when its standard input ends, and at once when its parent has ended. A file
of a fail point's name in the folder lets it die there, once, as ``kill -9`` would have it.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from aiofabric.errors import CommitStatusError, EndorseError, EvaluateError, SubmitError, UnknownOutcomeError
from aiofabric.gateway import Contract, Deadlines, Gateway, Transaction
from aiofabric.identity import Signer
from aiofabric.network import Network
from support.fabric_journal import Journal, Request, requests
from support.fabric_network import CHAINCODE

FAIL_POINTS = ("after_endorse", "after_sign", "after_submit", "after_status")
WRITERS = 6
COUNTERS = 2
"""Writers that read, modify and write one key: they conflict now and then."""

DEADLINES = Deadlines(evaluate_s=5, endorse_s=15, submit_s=15, commit_status_s=10)
AGAIN_S = 0.3
"""Until a failed step is tried again."""

READ_EVERY_S = 0.2
NOT_FOUND = 404
RESEND_AFTER = 2
"""Questions without an answer until the same transaction is sent once more: perhaps nobody ever got it."""


class Client:
    """One organisation's client: requests until it is told to stop, each until it is done."""

    def __init__(self, gateway: Gateway, *, network: Network, signer: Signer, journal: Path, fail_points: Path) -> None:
        self._gateway = gateway
        self._network = gateway.network(network.channel)
        self._contract: Contract = self._network.contract(CHAINCODE)
        self._signer = signer
        self._msp_id = gateway.identity.msp_id
        self._fail_points = fail_points
        self._journal = Journal(journal)
        known = requests(journal)
        self._unfinished = [request for request in known.values() if not request.is_done]
        self._numbers = itertools.count(len(known))
        self._counter = f"counter-{self._msp_id}"
        counting = [request for request in known.values() if request.arguments[0] == "add"]
        self._added = sum(request.is_done for request in counting)
        self._adding = len(counting)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing more."""
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self._stopping.set()

    async def run(self) -> None:
        """Finish what an earlier life began, then work until `stop`."""
        reader = asyncio.create_task(self._read())
        await asyncio.gather(*(self._finish(request) for request in self._unfinished))
        await asyncio.gather(*(self._write() for _ in range(WRITERS)), *(self._count() for _ in range(COUNTERS)))
        reader.cancel()

    async def _write(self) -> None:
        while not self._stopping.is_set():
            name = f"{self._msp_id}-{next(self._numbers):06d}"
            await self._begin(Request(name, ("append_once", name)))

    async def _count(self) -> None:
        while not self._stopping.is_set():
            self._adding += 1
            await self._begin(Request(f"{self._msp_id}-{next(self._numbers):06d}", ("add", self._counter, "1")))

    async def _begin(self, request: Request) -> None:
        self._journal.begun(request)
        await self._finish(request)

    async def _finish(self, request: Request) -> None:
        """Resolve what is unknown of a request; propose it anew as long as it certainly changed nothing."""
        for tx_id, encoded in list(request.unknown.items()):
            await self._resolve(request, self._gateway.transaction(encoded), tx_id=tx_id, is_new=False)
        while not request.is_done:
            await self._attempt(request)
        self._added += request.arguments[0] == "add"

    async def _attempt(self, request: Request) -> None:
        proposal = self._contract.proposal(*request.arguments)
        tx_id = proposal.transaction_id
        try:
            endorsed = await proposal.endorse()
        except EndorseError as error:
            self._journal.failed(request, tx_id=tx_id, error=str(error))
            await asyncio.sleep(AGAIN_S)
            return
        self._perhaps_die("after_endorse")
        transaction = self._gateway.signed_transaction(endorsed.bytes, self._signer(endorsed.payload))
        self._journal.sent(request, tx_id=tx_id, encoded=transaction.bytes)
        self._perhaps_die("after_sign")
        await self._resolve(request, transaction, tx_id=tx_id, is_new=True)

    async def _resolve(self, request: Request, transaction: Transaction, *, tx_id: str, is_new: bool) -> None:
        """Send a transaction and ask until it is known what became of it."""
        was_unknown = not is_new
        for questions in itertools.count():
            try:
                if questions % RESEND_AFTER == 0:
                    await transaction.submit()
                    self._perhaps_die("after_submit")
            except UnknownOutcomeError:
                was_unknown = True
            except SubmitError as error:
                if not was_unknown:
                    self._journal.failed(request, tx_id=tx_id, error=str(error))
                    return
            try:
                status = await self._network.commit(tx_id).status()
            except CommitStatusError:
                was_unknown = True
                await asyncio.sleep(AGAIN_S)
                continue
            self._perhaps_die("after_status")
            self._journal.told(
                request, tx_id=tx_id, code=status.code, block=status.block_number, was_unknown=was_unknown
            )
            return

    async def _read(self) -> None:
        """Ask the own peer for the counter: it must know what it told, and nothing that was never asked for."""
        while True:
            await asyncio.sleep(READ_EVERY_S)
            least = self._added
            try:
                answer = await self._contract.evaluate("get", self._counter, endorsing_organizations=[self._msp_id])
            except EvaluateError as error:
                if error.chaincode_status != NOT_FOUND:
                    self._journal.note("unanswered", error=str(error))
                    continue
                answer = b"0"
            self._journal.note("read", value=int(answer), least=least, most=self._adding)

    def _perhaps_die(self, point: str) -> None:
        try:
            (self._fail_points / point).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


async def work(options: argparse.Namespace) -> None:
    """Keep the network busy until standard input ends."""
    network = Network.open(options.network)
    identity, signer = network.user(options.msp_id)
    endpoint = network.endpoint(options.msp_id)
    gateway = Gateway.connect(
        endpoint.address,
        tls_ca=endpoint.tls_ca_pem,
        identity=identity,
        signer=signer,
        deadlines=DEADLINES,
        channel_options=[("grpc.max_reconnect_backoff_ms", 1000)],  # a peer that comes again is found soon
    )
    async with gateway:
        client = Client(
            gateway, network=network, signer=signer, journal=options.journal, fail_points=options.fail_points
        )
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), client.stop)  # nothing is ever sent: it is the end
        await client.run()


def end_with(parent: int) -> None:
    """End at once when the process that started this one is gone: another life will go on from the journal."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Do as the module's docstring says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--msp-id", required=True)
    parser.add_argument("--parent", type=int, required=True, help="the process id of the one who starts it")
    parser.add_argument("--fail-points", type=Path, required=True)
    options = parser.parse_args(arguments)
    threading.Thread(target=end_with, args=(options.parent,), daemon=True).start()
    asyncio.run(work(options))


if __name__ == "__main__":
    main()
