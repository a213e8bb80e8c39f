"""The embedded ledger without any transport: what Fabric's Gateway does, as coroutines over the official messages."""

import asyncio
import functools
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.peer import proposal_response_pb2
from google.protobuf.message import DecodeError

from aiofabric.chaincode import Response
from aiofabric.embedded.admission import Admission, now
from aiofabric.embedded.channel import Channel
from aiofabric.embedded.contracts import Contracts
from aiofabric.embedded.description import describe
from aiofabric.embedded.endorser import COLLECT_FAILED, ENDORSE_FAILED, EVALUATE_FAILED, Endorser
from aiofabric.embedded.errors import (
    Code,
    DevelopmentLedgerWarning,
    ProvisionError,
    RequestRefusedError,
)
from aiofabric.embedded.events import EventFilter
from aiofabric.embedded.ordering import Orderer
from aiofabric.embedded.peer import Simulator, load_peers
from aiofabric.embedded.planning import Planner
from aiofabric.embedded.proposal import ProposalRefusedError
from aiofabric.embedded.provision import load_identity
from aiofabric.embedded.seek import Seek, SeekReader, position
from aiofabric.embedded.storage import DirectoryLock
from aiofabric.embedded.worker import Worker

WARNING = (
    "this is an embedded ledger: one machine holds the keys of all its organisations, so its endorsements and blocks "
    "prove nothing between them. Use it to develop and to try things out"
)

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class EmbeddedLedger:
    """One channel with its peers, its orderer and its contracts, in this process.

    Every method raises `RequestRefusedError` with the code that Fabric's Gateway answers in that situation. Contracts
    run and transactions are verified on a worker thread, blocks are written on another; only the one signature of a
    status or event request is verified where it arrives, which costs less than the way to a thread.
    """

    def __init__(self, channel: Channel, *, endorser: Endorser, orderer: Orderer, lock: DirectoryLock) -> None:
        self.channel = channel
        self._endorser = endorser
        self._orderer = orderer
        self._lock = lock
        self._worker = Worker("aiofabric-worker")
        self._admission = Admission(channel)
        self._seeks = SeekReader(channel.name, membership=channel.membership, policies=channel.policies)

    @classmethod
    async def open(cls, directory: Path, *, without: Collection[str] = ()) -> "EmbeddedLedger":
        """Verify a directory's ledger from its first block to its last and open it.

        The peers of the organisations in ``without`` are down: nobody can have their endorsement.
        Raises LedgerDamagedError, LedgerInUseError, ProvisionError. Warns with `DevelopmentLedgerWarning`.
        """
        warnings.warn(WARNING, DevelopmentLedgerWarning, stacklevel=2)
        logger.warning("%s: %s", directory, WARNING)
        describe(directory)  # before anything is made in what may not be a ledger's directory
        lock = DirectoryLock(directory)
        try:
            channel = await asyncio.to_thread(Channel.open, directory)
        except BaseException:
            lock.release()
            raise
        try:
            orderer_home = directory / "organisations" / channel.description.orderer / "orderer"
            identity, sign = load_identity(orderer_home, msp_id=channel.description.orderer)
            endorser = _endorser(directory, channel, without=without)
        except BaseException:
            channel.chain.close()
            lock.release()
            raise
        orderer = Orderer(channel.chain, identity=identity.serialized(), sign=sign)
        return cls(channel, endorser=endorser, orderer=orderer, lock=lock)

    @property
    def height(self) -> int:
        """The number of committed blocks."""
        return self._orderer.height

    async def drain(self) -> None:
        """Commit what was accepted, take nothing more, and tell whoever waits that it ends."""
        await self._orderer.close()

    async def close(self) -> None:
        """Drain, then give the directory up."""
        await self.drain()
        await self._worker.close()
        self.channel.chain.close()
        self._lock.release()

    async def evaluate(self, request: gateway_pb2.EvaluateRequest) -> proposal_response_pb2.Response:
        """Run a query on one peer and return the chaincode's response."""
        response = await self._on_worker(self._evaluate, request)
        return proposal_response_pb2.Response(
            status=response.status, message=response.message, payload=response.payload
        )

    def _evaluate(self, request: gateway_pb2.EvaluateRequest) -> Response:
        proposal = self._admission.proposal(request)
        self._admission.require_config(proposal.invocation.channel_id, code=Code.UNAVAILABLE)
        try:
            caller = self._admission.check(proposal)
        except ProposalRefusedError as error:
            is_dropped = error.code is Code.UNAVAILABLE
            message = EVALUATE_FAILED if is_dropped else f"evaluate call to endorser returned error: {error.message}"
            raise RequestRefusedError(
                error.code, message=message, details=(self._admission.detail(proposal, error.message),)
            ) from error
        return self._endorser.evaluate(proposal, organisations=request.target_organizations, caller=caller)

    async def endorse(self, request: gateway_pb2.EndorseRequest) -> common_pb2.Envelope:
        """Collect endorsements and return the transaction for its creator to sign."""
        return await self._on_worker(self._endorse, request)

    def _endorse(self, request: gateway_pb2.EndorseRequest) -> common_pb2.Envelope:
        proposal = self._admission.proposal(request)
        organisations: Sequence[str] = request.endorsing_organizations
        if proposal.invocation.channel_id != self.channel.name:
            raise self._endorser.unserved(proposal.invocation, organisations=organisations)
        try:
            caller = self._admission.check(proposal)
        except ProposalRefusedError as error:
            # Also where the peer drops the connection (the clock, an expired certificate): every peer does the same.
            message = COLLECT_FAILED if organisations else ENDORSE_FAILED
            raise RequestRefusedError(
                Code.ABORTED, message=message, details=(self._admission.detail(proposal, error.message),)
            ) from error
        return self._endorser.endorse(proposal, organisations=organisations, caller=caller)

    async def submit(self, request: gateway_pb2.SubmitRequest) -> None:
        """Take a signed transaction for ordering. Success means accepted, not committed."""
        candidate = await self._on_worker(self._admission.transaction, request)
        self._orderer.accept(candidate)

    async def commit_status(self, request: gateway_pb2.SignedCommitStatusRequest) -> tuple[int, int]:
        """Return (block number, validation code) of a transaction, waiting until it is committed."""
        inner = _decode(gateway_pb2.CommitStatusRequest, request.request)
        if not inner.transaction_id:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a transaction id is required")
        self._admission.authorise_reader(inner, request)
        return await self._orderer.status(inner.transaction_id)

    async def chaincode_events(
        self, request: gateway_pb2.SignedChaincodeEventsRequest
    ) -> AsyncIterator[gateway_pb2.ChaincodeEventsResponse]:
        """Iterate over the events of a chaincode's valid transactions, a block at a time, without end."""
        inner = _decode(gateway_pb2.ChaincodeEventsRequest, request.request)
        if not inner.chaincode_id:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a chaincode name is required")
        self._admission.authorise_reader(inner, request)
        number = self._first_event_block(inner)
        events = EventFilter(inner.chaincode_id, after_transaction_id=inner.after_transaction_id)
        while True:
            selected = events.select(await self._orderer.block(number))
            if selected:
                yield gateway_pb2.ChaincodeEventsResponse(events=selected, block_number=number)
            number += 1

    def _first_event_block(self, request: gateway_pb2.ChaincodeEventsRequest) -> int:
        kind = request.start_position.WhichOneof("Type")
        if kind in {"oldest", "newest"}:
            message = f"invalid start position type: {kind}; use a block number or next commit"
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message=message)
        known = self.channel.chain.statuses.get(request.after_transaction_id)
        if known is not None:  # a transaction on the ledger says more than the position that came with it
            return known[0]
        return position(request.start_position, height=self.height)

    def seek(self, envelope: common_pb2.Envelope) -> Seek:
        """Check a signed seek envelope of the Deliver service; raises SeekRefusedError."""
        return self._seeks.read(envelope, height=self.height, now=now())

    def private_data(self, number: int, *, msp_id: str) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """Return what an organisation holds of a block's private data, by the transaction's index."""
        return self.channel.chain.private.of(msp_id).stored(number)

    async def block(self, number: int) -> common_pb2.Block:
        """Return a committed block, waiting until there is one of that number. Not to be changed: it is shared."""
        return await self._orderer.block(number)

    async def _on_worker(self, function: Callable[..., Result], *args: object) -> Result:
        return await self._worker.run(functools.partial(function, *args))


def _endorser(directory: Path, channel: Channel, *, without: Collection[str]) -> Endorser:
    chain, description = channel.chain, channel.description
    unknown = [msp_id for msp_id in without if msp_id not in description.organisations]
    if unknown:
        raise ProvisionError(f"no organisation of the ledger in {directory}: {', '.join(unknown)}")
    running = [msp_id for msp_id in description.organisations if msp_id not in without]
    peers = load_peers(directory, organisations=running, membership=channel.membership)
    return Endorser(
        peers,
        simulator=Simulator(Contracts(description.chaincodes), chain.state, chain.private, channel.collections),
        planner=Planner([peer.member for peer in peers], rules=chain.rules, collections=channel.collections),
        lock=chain.lock,
    )


def _decode(kind: type, encoded: bytes) -> "gateway_pb2.CommitStatusRequest":
    try:
        return kind.FromString(encoded)  # type: ignore[attr-defined]
    except DecodeError as error:
        raise RequestRefusedError(Code.INVALID_ARGUMENT, message=f"the request is malformed: {error}") from error
