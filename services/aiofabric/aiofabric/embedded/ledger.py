"""The embedded ledger without any transport: what Fabric's Gateway does, as coroutines over the official messages."""

import asyncio
import datetime as dt
import functools
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2
from google.protobuf.message import DecodeError

from aiofabric.chaincode import Response
from aiofabric.embedded import proposal as proposals
from aiofabric.embedded.channel import Channel
from aiofabric.embedded.contracts import Contracts
from aiofabric.embedded.description import describe
from aiofabric.embedded.endorser import COLLECT_FAILED, ENDORSE_FAILED, EVALUATE_FAILED, Endorser
from aiofabric.embedded.errors import (
    Code,
    DevelopmentLedgerWarning,
    IdentityRefusedError,
    ProvisionError,
    RequestRefusedError,
)
from aiofabric.embedded.events import EventFilter
from aiofabric.embedded.genesis import MAX_MESSAGE_BYTES
from aiofabric.embedded.membership import Member
from aiofabric.embedded.ordering import Orderer
from aiofabric.embedded.peer import Simulator, load_peers
from aiofabric.embedded.planning import Planner
from aiofabric.embedded.policy import READERS, WRITERS
from aiofabric.embedded.proposal import Proposal, ProposalRefusedError
from aiofabric.embedded.provision import load_identity
from aiofabric.embedded.seek import Seek, SeekReader, position
from aiofabric.embedded.storage import DirectoryLock
from aiofabric.embedded.transaction import Candidate
from aiofabric.embedded.worker import Worker
from aiofabric.errors import PeerDetail

WARNING = (
    "this is an embedded ledger: one machine holds the keys of all its organisations, so its endorsements and blocks "
    "prove nothing between them. Use it to develop and to try things out"
)

# What an orderer can see is no transaction, and therefore never puts into a block.
_NEVER_ORDERED = frozenset({transaction_pb2.BAD_COMMON_HEADER, transaction_pb2.UNKNOWN_TX_TYPE})

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
        proposal = self._parse(request.channel_id, request.transaction_id, request.proposed_transaction)
        self._require_config(proposal.invocation.channel_id, code=Code.UNAVAILABLE)
        try:
            caller = self._check(proposal)
        except ProposalRefusedError as error:
            is_dropped = error.code is Code.UNAVAILABLE
            message = EVALUATE_FAILED if is_dropped else f"evaluate call to endorser returned error: {error.message}"
            raise RequestRefusedError(error.code, message=message, details=(self._detail(error.message),)) from error
        return self._endorser.evaluate(proposal, organisations=request.target_organizations, caller=caller)

    async def endorse(self, request: gateway_pb2.EndorseRequest) -> common_pb2.Envelope:
        """Collect endorsements and return the transaction for its creator to sign."""
        return await self._on_worker(self._endorse, request)

    def _endorse(self, request: gateway_pb2.EndorseRequest) -> common_pb2.Envelope:
        proposal = self._parse(request.channel_id, request.transaction_id, request.proposed_transaction)
        organisations: Sequence[str] = request.endorsing_organizations
        if proposal.invocation.channel_id != self.channel.name:
            raise self._endorser.unserved(proposal.invocation, organisations=organisations)
        try:
            caller = self._check(proposal)
        except ProposalRefusedError as error:
            # Also where the peer drops the connection (the clock, an expired certificate): every peer does the same.
            message = COLLECT_FAILED if organisations else ENDORSE_FAILED
            raise RequestRefusedError(Code.ABORTED, message=message, details=(self._detail(error.message),)) from error
        return self._endorser.endorse(proposal, organisations=organisations, caller=caller)

    async def submit(self, request: gateway_pb2.SubmitRequest) -> None:
        """Take a signed transaction for ordering. Success means accepted, not committed."""
        candidate = await self._on_worker(self._inspect, request)
        self._orderer.accept(candidate)

    def _inspect(self, request: gateway_pb2.SubmitRequest) -> Candidate:
        envelope = request.prepared_transaction
        if not request.HasField("prepared_transaction") or not envelope.payload:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a prepared transaction is required")
        if not envelope.signature:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="prepared transaction must be signed")
        self._require_config(request.channel_id, code=Code.FAILED_PRECONDITION)
        serialized = envelope.SerializeToString()
        if len(serialized) > MAX_MESSAGE_BYTES:
            _refuse_broadcast("BAD_REQUEST", f"{len(serialized)} bytes exceed the maximum of {MAX_MESSAGE_BYTES}")
        candidate = self.channel.chain.inspector.inspect(serialized)
        if candidate.code == transaction_pb2.TARGET_CHAIN_NOT_FOUND:
            _refuse_broadcast("NOT_FOUND", "the transaction is for a channel that does not exist here")
        creator = candidate.creator
        if candidate.code in _NEVER_ORDERED or (candidate.code == transaction_pb2.BAD_PAYLOAD and not creator):
            _refuse_broadcast("BAD_REQUEST", "only well-formed endorser transactions are taken")
        if candidate.code == transaction_pb2.BAD_CREATOR_SIGNATURE or not creator or not self._is(creator, WRITERS):
            _refuse_broadcast("FORBIDDEN", "implicit policy evaluation failed: the Writers policy was not satisfied")
        return candidate

    async def commit_status(self, request: gateway_pb2.SignedCommitStatusRequest) -> tuple[int, int]:
        """Return (block number, validation code) of a transaction, waiting until it is committed."""
        inner = _decode(gateway_pb2.CommitStatusRequest, request.request)
        if not inner.transaction_id:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a transaction id is required")
        self._authorise_reader(inner.channel_id, inner.identity, request)
        return await self._orderer.status(inner.transaction_id)

    async def chaincode_events(
        self, request: gateway_pb2.SignedChaincodeEventsRequest
    ) -> AsyncIterator[gateway_pb2.ChaincodeEventsResponse]:
        """Iterate over the events of a chaincode's valid transactions, a block at a time, without end."""
        inner = _decode(gateway_pb2.ChaincodeEventsRequest, request.request)
        if not inner.chaincode_id:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a chaincode name is required")
        self._authorise_reader(inner.channel_id, inner.identity, request)
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
        return self._seeks.read(envelope, height=self.height, now=_now())

    def private_data(self, number: int, *, msp_id: str) -> dict[int, rwset_pb2.TxPvtReadWriteSet]:
        """Return what an organisation holds of a block's private data, by the transaction's index."""
        return self.channel.chain.private.of(msp_id).stored(number)

    async def block(self, number: int) -> common_pb2.Block:
        """Return a committed block, waiting until there is one of that number. Not to be changed: it is shared."""
        return await self._orderer.block(number)

    def _parse(self, channel_id: str, tx_id: str, signed: proposal_pb2.SignedProposal) -> Proposal:
        if not signed.proposal_bytes:
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message="a signed proposal is required")
        proposal = proposals.parse(signed)
        named = proposal.invocation
        if (channel_id and channel_id != named.channel_id) or (tx_id and tx_id != named.tx_id):
            message = "the request names another channel or transaction than its proposal"
            raise RequestRefusedError(Code.INVALID_ARGUMENT, message=message)
        return proposal

    def _check(self, proposal: Proposal) -> str:
        """Check a proposal and return its creator's organisation."""
        channel = self.channel
        creator = proposals.check(proposal, membership=channel.membership, policies=channel.policies, now=_now())
        if proposal.invocation.tx_id in channel.chain.statuses:
            raise ProposalRefusedError(f"duplicate transaction found [{proposal.invocation.tx_id}]")
        return creator.msp_id

    def _detail(self, message: str) -> PeerDetail:
        msp_id = self.channel.description.organisations[0]
        return PeerDetail(address=f"embedded/{msp_id}", msp_id=msp_id, message=message)

    def _require_config(self, channel_id: str, *, code: Code) -> None:
        if channel_id != self.channel.name:
            words = (
                f"failed to get config for channel [{channel_id}]: could not get last config for channel {channel_id}"
            )
            raise RequestRefusedError(code, message=words)

    def _authorise_reader(
        self,
        channel_id: str,
        identity: bytes,
        request: gateway_pb2.SignedCommitStatusRequest | gateway_pb2.SignedChaincodeEventsRequest,
    ) -> None:
        if channel_id != self.channel.name:
            words = f"Failed to get policy manager for channel [{channel_id}]"
            raise RequestRefusedError(Code.PERMISSION_DENIED, message=words)
        if not self._may(identity, policy=READERS, signature=request.signature, message=request.request):
            raise RequestRefusedError(
                Code.PERMISSION_DENIED, message="access denied: the Readers policy was not satisfied"
            )

    def _may(self, identity: bytes, *, policy: str, signature: bytes, message: bytes) -> bool:
        try:
            member = self.channel.membership.member(identity)
        except IdentityRefusedError:
            return False
        return self._is(member, policy) and member.verifies(signature, message=message)

    def _is(self, member: Member, policy: str) -> bool:
        return member.not_after >= _now() and self.channel.policies.satisfied(policy, members=[member])

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


def _refuse_broadcast(status: str, info: str) -> NoReturn:
    message = f"received unsuccessful response from orderer: status={status}, info={info}"
    raise RequestRefusedError(Code.ABORTED, message=message)


def _now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


def _decode(kind: type, encoded: bytes) -> "gateway_pb2.CommitStatusRequest":
    try:
        return kind.FromString(encoded)  # type: ignore[attr-defined]
    except DecodeError as error:
        raise RequestRefusedError(Code.INVALID_ARGUMENT, message=f"the request is malformed: {error}") from error
