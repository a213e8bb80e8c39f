"""A proposal: what a client asks the endorsers to run."""

from collections.abc import Mapping, Sequence
from time import time_ns

from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2
from fabric_protos.peer import proposal_pb2

from aiofabric.gateway import wire
from aiofabric.gateway.agreement import agreed
from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.signable import Octets, Signable
from aiofabric.gateway.transaction import Transaction


class Proposal(Signable):
    """One call of a contract's function, with its own transaction id, ready to be evaluated or endorsed.

    Each proposal is one transaction: endorsing it twice gives the same transaction id, which commits at most once.
    """

    def __init__(self, connection: Connection, *, proposed: Message) -> None:
        """Take a ``gateway.ProposedTransaction``, signed or not."""
        signed = proposed.proposal
        super().__init__(connection, message=signed.proposal_bytes, signature=signed.signature)
        header = common_pb2.Header.FromString(proposal_pb2.Proposal.FromString(signed.proposal_bytes).header)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        self._channel: str = channel_header.channel_id
        self._transaction_id: str = channel_header.tx_id
        self._organizations = tuple(proposed.endorsing_organizations)

    @classmethod
    def build(
        cls,
        connection: Connection,
        *,
        channel: str,
        chaincode: str,
        args: Sequence[Octets],
        transient: Mapping[str, Octets],
        endorsing_organizations: Sequence[str],
    ) -> "Proposal":
        """Return a new proposal, its nonce and time being now's."""
        encoded = wire.proposal_bytes(
            channel=channel,
            chaincode=chaincode,
            args=args,
            transient=transient,
            creator=connection.identity.serialized(),
            nonce=wire.new_nonce(),
            timestamp_ns=time_ns(),
            tls_certificate_hash=connection.tls_certificate_hash,
        )
        proposed = gateway_pb2.ProposedTransaction(
            proposal=proposal_pb2.SignedProposal(proposal_bytes=encoded),
            endorsing_organizations=endorsing_organizations,
        )
        return cls(connection, proposed=proposed)

    @property
    def transaction_id(self) -> str:
        """Lower-case hex SHA-256 of nonce and creator."""
        return self._transaction_id

    @property
    def bytes(self) -> Octets:
        """The serialized ``gateway.ProposedTransaction``, for signing elsewhere."""
        proposed = gateway_pb2.ProposedTransaction(
            transaction_id=self._transaction_id,
            proposal=proposal_pb2.SignedProposal(proposal_bytes=self.message, signature=self.signature),
            endorsing_organizations=self._organizations,
        )
        encoded: Octets = proposed.SerializeToString()
        return encoded

    async def evaluate(self, *, timeout_s: float | None = None) -> Octets:
        """Let one peer run it, and return the contract's answer. Nothing is ordered or changed.

        Raises `EvaluateError`.
        """
        request = gateway_pb2.EvaluateRequest(
            transaction_id=self._transaction_id,
            channel_id=self._channel,
            proposed_transaction=await self._signed_proposal(),
            target_organizations=self._organizations,
        )
        response = await self._connection.evaluate(request, timeout_s=timeout_s)
        payload: Octets = response.result.payload
        return payload

    async def endorse(self, *, timeout_s: float | None = None) -> Transaction:
        """Collect the endorsements that the channel's policy asks for; nothing changes until the result is submitted.

        Raises `EndorseError`, or `TransactionMismatchError` if what came back is not this proposal's transaction.
        """
        request = gateway_pb2.EndorseRequest(
            transaction_id=self._transaction_id,
            channel_id=self._channel,
            proposed_transaction=await self._signed_proposal(),
            endorsing_organizations=self._organizations,
        )
        envelope = (await self._connection.endorse(request, timeout_s=timeout_s)).prepared_transaction
        agreed(envelope.payload, proposal=self.message, transaction_id=self._transaction_id)
        # A signature from elsewhere is the client's to give, so one that the peer put there is dropped.
        prepared = gateway_pb2.PreparedTransaction(envelope=common_pb2.Envelope(payload=envelope.payload))
        return Transaction(self._connection, prepared=prepared)

    async def _signed_proposal(self) -> Message:
        return proposal_pb2.SignedProposal(proposal_bytes=self.message, signature=await self._sign())
