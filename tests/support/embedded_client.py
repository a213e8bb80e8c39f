"""Requests to a ledger made from the official messages alone, so that a test can bend every part of them."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2, proposal_response_pb2, transaction_pb2

from aiofabric.embedded import DevelopmentLedgerWarning, EmbeddedLedger, load_user
from aiofabric.identity import Identity, Signer
from support.embedded_network import is_provisioned, provision

FOREVER = 2**64 - 1


@asynccontextmanager
async def opened(directory: Path, *, without: Sequence[str] = ()) -> AsyncIterator[EmbeddedLedger]:
    """Open a ledger in this process, made first if it is not there; the warning that it gives is expected."""
    if not is_provisioned(directory):
        provision(directory)
    with pytest.warns(DevelopmentLedgerWarning):
        ledger = await EmbeddedLedger.open(directory, without=without)
    try:
        yield ledger
    finally:
        await ledger.close()


@dataclass(frozen=True, slots=True)
class Client:
    """A member of an organisation who makes requests by hand."""

    identity: Identity
    sign: Signer
    channel: str = "trade"
    chaincode: str = "assets"

    @classmethod
    def of(cls, directory: Path, msp_id: str = "Org1MSP", name: str = "admin") -> "Client":
        identity, sign = load_user(directory, msp_id=msp_id, name=name)
        return cls(identity, sign)

    def proposal(
        self,
        *args: str,
        transient: Mapping[str, bytes] | None = None,
        age_s: float = 0,
        nonce: bytes | None = None,
        tx_id: str | None = None,
        epoch: int = 0,
        creator: bytes | None = None,
    ) -> tuple[str, proposal_pb2.SignedProposal]:
        """Return a transaction id and a signed proposal; each part can be given wrong."""
        by = self.identity.serialized() if creator is None else creator
        nonce = os.urandom(24) if nonce is None else nonce
        tx_id = hashlib.sha256(nonce + by).hexdigest() if tx_id is None else tx_id
        chaincode_id = chaincode_pb2.ChaincodeID(name=self.chaincode)
        channel_header = common_pb2.ChannelHeader(
            type=common_pb2.ENDORSER_TRANSACTION,
            channel_id=self.channel,
            tx_id=tx_id,
            epoch=epoch,
            extension=proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode_id).SerializeToString(),
        )
        channel_header.timestamp.FromMilliseconds(int((time.time() - age_s) * 1000))
        spec = chaincode_pb2.ChaincodeSpec(
            chaincode_id=chaincode_id, input=chaincode_pb2.ChaincodeInput(args=[arg.encode() for arg in args])
        )
        payload = proposal_pb2.ChaincodeProposalPayload(
            input=chaincode_pb2.ChaincodeInvocationSpec(chaincode_spec=spec).SerializeToString(),
            TransientMap=transient or {},
        )
        header = common_pb2.Header(
            channel_header=channel_header.SerializeToString(),
            signature_header=common_pb2.SignatureHeader(creator=by, nonce=nonce).SerializeToString(),
        )
        proposal = proposal_pb2.Proposal(
            header=header.SerializeToString(), payload=payload.SerializeToString()
        ).SerializeToString()
        return tx_id, proposal_pb2.SignedProposal(proposal_bytes=proposal, signature=self.sign(proposal))

    def endorse_request(
        self, *args: str, organisations: Sequence[str] = (), transient: Mapping[str, bytes] | None = None
    ) -> gateway_pb2.EndorseRequest:
        tx_id, signed = self.proposal(*args, transient=transient)
        return gateway_pb2.EndorseRequest(
            transaction_id=tx_id,
            channel_id=self.channel,
            proposed_transaction=signed,
            endorsing_organizations=organisations,
        )

    def evaluate_request(
        self, tx_id: str, signed: proposal_pb2.SignedProposal, *, organisations: Sequence[str] = ()
    ) -> gateway_pb2.EvaluateRequest:
        return gateway_pb2.EvaluateRequest(
            transaction_id=tx_id,
            channel_id=self.channel,
            proposed_transaction=signed,
            target_organizations=organisations,
        )

    def signed(self, envelope: common_pb2.Envelope) -> common_pb2.Envelope:
        return common_pb2.Envelope(payload=envelope.payload, signature=self.sign(envelope.payload))

    def submit_request(self, envelope: common_pb2.Envelope) -> gateway_pb2.SubmitRequest:
        return gateway_pb2.SubmitRequest(
            transaction_id=transaction_id(envelope), channel_id=self.channel, prepared_transaction=envelope
        )

    def status_request(self, tx_id: str) -> gateway_pb2.SignedCommitStatusRequest:
        request = gateway_pb2.CommitStatusRequest(
            transaction_id=tx_id, channel_id=self.channel, identity=self.identity.serialized()
        ).SerializeToString()
        return gateway_pb2.SignedCommitStatusRequest(request=request, signature=self.sign(request))

    def events_request(
        self, *, start: ab_pb2.SeekPosition | None = None, after: str = "", chaincode: str | None = None
    ) -> gateway_pb2.SignedChaincodeEventsRequest:
        request = gateway_pb2.ChaincodeEventsRequest(
            channel_id=self.channel,
            chaincode_id=chaincode or self.chaincode,
            identity=self.identity.serialized(),
            start_position=start,
            after_transaction_id=after,
        ).SerializeToString()
        return gateway_pb2.SignedChaincodeEventsRequest(request=request, signature=self.sign(request))

    def seek_envelope(
        self, start: ab_pb2.SeekPosition, stop: ab_pb2.SeekPosition, *, age_s: float = 0, **info: int
    ) -> common_pb2.Envelope:
        channel_header = common_pb2.ChannelHeader(type=common_pb2.DELIVER_SEEK_INFO, channel_id=self.channel)
        channel_header.timestamp.FromMilliseconds(int((time.time() - age_s) * 1000))
        header = common_pb2.Header(
            channel_header=channel_header.SerializeToString(),
            signature_header=common_pb2.SignatureHeader(creator=self.identity.serialized()).SerializeToString(),
        )
        seek = ab_pb2.SeekInfo(start=start, stop=stop, **info)
        payload = common_pb2.Payload(header=header, data=seek.SerializeToString()).SerializeToString()
        return common_pb2.Envelope(payload=payload, signature=self.sign(payload))

    async def evaluate(self, ledger: EmbeddedLedger, *args: str) -> bytes:
        response = await ledger.evaluate(self.evaluate_request(*self.proposal(*args)))
        payload: bytes = response.payload
        return payload

    async def endorse(
        self,
        ledger: EmbeddedLedger,
        *args: str,
        organisations: Sequence[str] = (),
        transient: Mapping[str, bytes] | None = None,
    ) -> common_pb2.Envelope:
        """Return the endorsed transaction, signed."""
        request = self.endorse_request(*args, organisations=organisations, transient=transient)
        return self.signed(await ledger.endorse(request))

    async def commit(self, ledger: EmbeddedLedger, envelope: common_pb2.Envelope) -> tuple[int, int]:
        """Submit a signed transaction and return its block and code."""
        await ledger.submit(self.submit_request(envelope))
        return await ledger.commit_status(self.status_request(transaction_id(envelope)))

    async def submit(
        self,
        ledger: EmbeddedLedger,
        *args: str,
        organisations: Sequence[str] = (),
        transient: Mapping[str, bytes] | None = None,
    ) -> tuple[int, int]:
        envelope = await self.endorse(ledger, *args, organisations=organisations, transient=transient)
        return await self.commit(ledger, envelope)


async def commit_together(
    client: Client, ledger: EmbeddedLedger, *envelopes: common_pb2.Envelope
) -> list[tuple[int, int]]:
    """Commit transactions in one block, in this order."""
    candidates = [ledger._admission.transaction(client.submit_request(envelope)) for envelope in envelopes]
    for candidate in candidates:  # the orderer's task does not run in between
        ledger._orderer.accept(candidate)
    requests = [client.status_request(transaction_id(envelope)) for envelope in envelopes]
    return list(await asyncio.gather(*map(ledger.commit_status, requests)))


def transaction_id(envelope: common_pb2.Envelope) -> str:
    header = common_pb2.Payload.FromString(envelope.payload).header
    tx_id: str = common_pb2.ChannelHeader.FromString(header.channel_header).tx_id
    return tx_id


def action_payload(envelope: common_pb2.Envelope) -> transaction_pb2.ChaincodeActionPayload:
    transaction = transaction_pb2.Transaction.FromString(common_pb2.Payload.FromString(envelope.payload).data)
    return transaction_pb2.ChaincodeActionPayload.FromString(transaction.actions[0].payload)


def with_action(envelope: common_pb2.Envelope, action: transaction_pb2.ChaincodeActionPayload) -> common_pb2.Envelope:
    """Return the transaction with another action, unsigned."""
    payload = common_pb2.Payload.FromString(envelope.payload)
    transaction = transaction_pb2.Transaction.FromString(payload.data)
    transaction.actions[0].payload = action.SerializeToString()
    payload.data = transaction.SerializeToString()
    return common_pb2.Envelope(payload=payload.SerializeToString())


def result_of(envelope: common_pb2.Envelope) -> proposal_pb2.ChaincodeAction:
    payload = action_payload(envelope).action.proposal_response_payload
    extension = proposal_response_pb2.ProposalResponsePayload.FromString(payload).extension
    return proposal_pb2.ChaincodeAction.FromString(extension)


def at(number: int) -> ab_pb2.SeekPosition:
    return ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=number))


OLDEST = ab_pb2.SeekPosition(oldest=ab_pb2.SeekOldest())
NEWEST = ab_pb2.SeekPosition(newest=ab_pb2.SeekNewest())
NEXT_COMMIT = ab_pb2.SeekPosition(next_commit=ab_pb2.SeekNextCommit())
