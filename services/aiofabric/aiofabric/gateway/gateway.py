"""The gateway: a connection to a peer that endorses, orders and reports for its clients."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc

from aiofabric.gateway import events_request as services
from aiofabric.gateway import rebuild
from aiofabric.gateway.channel import MESSAGE_LIMIT_BYTES, certificate_hash, secure_channel
from aiofabric.gateway.commit import Commit
from aiofabric.gateway.connection import Connection, Message
from aiofabric.gateway.deadlines import Deadlines
from aiofabric.gateway.event import ChaincodeEvent
from aiofabric.gateway.events_request import EventsRequest
from aiofabric.gateway.network import Network
from aiofabric.gateway.proposal import Proposal
from aiofabric.gateway.transaction import Transaction
from aiofabric.identity import AsyncSigner, HashName, Identity, Signer

__all__ = ["MESSAGE_LIMIT_BYTES", "Gateway"]


class Gateway:
    """One connection, one identity. Many gateways may share a channel, each with its own identity.

    Example:
        >>> async with Gateway.connect("peer:7051", tls_ca=pem, identity=identity, signer=signer) as gateway:
        ...     contract = gateway.network("channel").contract("assets")
        ...     await contract.submit("put", "asset-1", b"blue")
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        identity: Identity,
        signer: Signer | AsyncSigner | None = None,
        deadlines: Deadlines | None = None,
        tls_certificate_hash: bytes = b"",
        hash_name: HashName = "sha256",
    ) -> None:
        """Use a gRPC channel made elsewhere. It stays its maker's: closing it is theirs, unless they call `close`.

        Args:
            channel: to a gateway peer.
            identity: who speaks.
            signer: signs as that identity; None to sign elsewhere.
            deadlines: seconds for each step.
            tls_certificate_hash: SHA-256 of the client's TLS certificate (DER), where peers ask for mutual TLS.
            hash_name: the hash of ``digest`` for signing elsewhere. A signer gets whole messages and hashes by itself.
        """
        self._connection = Connection(
            channel=channel,
            identity=identity,
            signer=signer,
            deadlines=deadlines or Deadlines(),
            tls_certificate_hash=tls_certificate_hash,
            hash_name=hash_name,
        )

    @classmethod
    def connect(
        cls,
        target: str,
        *,
        tls_ca: bytes,
        identity: Identity,
        signer: Signer | AsyncSigner | None = None,
        deadlines: Deadlines | None = None,
        tls_certificate_pem: bytes | None = None,
        tls_key_pem: bytes | None = None,
        tls_server_name: str | None = None,
        keepalive_s: float | None = None,
        hash_name: HashName = "sha256",
        channel_options: Sequence[tuple[str, str | int]] = (),
    ) -> Self:
        """Return a gateway at ``host:port``; nothing is sent before the first call, and ``async with`` closes it.

        Args:
            target: ``host:port`` of the peer.
            tls_ca: PEM certificates of the CAs that may have issued the peer's TLS certificate.
            identity: who speaks.
            signer: signs as that identity; None to sign elsewhere.
            deadlines: seconds for each step.
            tls_certificate_pem: the client's TLS certificate, for mutual TLS; requests are bound to it.
            tls_key_pem: its key.
            tls_server_name: the name to expect in the peer's certificate, if it is not the target's host.
            keepalive_s: ping an idle connection this often, so that a dead one is noticed. Peers refuse less than 60 s
                unless they are configured for more pings.
            hash_name: the hash of ``digest`` for signing elsewhere. A signer gets whole messages and hashes by itself.
            channel_options: gRPC channel arguments, in addition to ours or instead of them.

        Raises IdentityError for a TLS certificate without its key, or one that cannot be read.
        """
        binding = certificate_hash(tls_certificate_pem) if tls_certificate_pem is not None else b""
        channel = secure_channel(
            target,
            tls_ca=tls_ca,
            tls_certificate_pem=tls_certificate_pem,
            tls_key_pem=tls_key_pem,
            tls_server_name=tls_server_name,
            keepalive_s=keepalive_s,
            options=channel_options,
        )
        return cls(
            channel,
            identity=identity,
            signer=signer,
            deadlines=deadlines,
            tls_certificate_hash=binding,
            hash_name=hash_name,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the gRPC channel. Calls under way fail, streams end; what was submitted stays submitted."""
        await self._connection.channel.close()

    @property
    def identity(self) -> Identity:
        """Who speaks."""
        return self._connection.identity

    def network(self, channel_name: str) -> Network:
        """Return the network of a channel."""
        return Network(self._connection, channel=channel_name)

    def proposal(self, encoded: bytes) -> Proposal:
        """Return a proposal from its ``bytes``, with the signature that they hold, if any. Raises `MalformedError`."""
        return rebuild.proposal(self._connection, encoded, None)

    def transaction(self, encoded: bytes) -> Transaction:
        """Return a transaction from its ``bytes``, as they are. Raises `MalformedError`."""
        return rebuild.transaction(self._connection, encoded, None)

    def commit(self, encoded: bytes) -> Commit:
        """Return a commit from its ``bytes``, as they are: to ask again in another process. Raises `MalformedError`."""
        return rebuild.commit(self._connection, encoded, None)

    def signed_proposal(self, encoded: bytes, signature: bytes) -> Proposal:
        """Return a proposal from its ``bytes`` and a signature made elsewhere. Raises `MalformedError`."""
        return rebuild.proposal(self._connection, encoded, signature)

    def signed_transaction(self, encoded: bytes, signature: bytes) -> Transaction:
        """Return a transaction from its ``bytes`` and a signature made elsewhere. Raises `MalformedError`."""
        return rebuild.transaction(self._connection, encoded, signature)

    def signed_commit(self, encoded: bytes, signature: bytes) -> Commit:
        """Return a commit from its ``bytes`` and a signature made elsewhere. Raises `MalformedError`."""
        return rebuild.commit(self._connection, encoded, signature)

    def signed_chaincode_events_request(self, encoded: bytes, signature: bytes) -> EventsRequest[ChaincodeEvent]:
        """Return a request for chaincode events from its ``bytes`` and a signature made elsewhere."""
        return rebuild.events_request(self._connection, encoded, signature, services.CHAINCODE_EVENTS)

    def signed_block_events_request(self, encoded: bytes, signature: bytes) -> EventsRequest[Message]:
        """Return a request for whole blocks from its ``bytes`` and a signature made elsewhere."""
        return rebuild.events_request(self._connection, encoded, signature, services.BLOCKS)

    def signed_filtered_block_events_request(self, encoded: bytes, signature: bytes) -> EventsRequest[Message]:
        """Return a request for filtered blocks from its ``bytes`` and a signature made elsewhere."""
        return rebuild.events_request(self._connection, encoded, signature, services.FILTERED_BLOCKS)

    def signed_block_and_private_data_events_request(self, encoded: bytes, signature: bytes) -> EventsRequest[Message]:
        """Return a request for blocks with private data from its ``bytes`` and a signature made elsewhere."""
        return rebuild.events_request(self._connection, encoded, signature, services.BLOCKS_AND_PRIVATE_DATA)
