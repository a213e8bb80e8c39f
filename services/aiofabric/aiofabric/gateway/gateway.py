"""The gateway: a connection to a peer that endorses, orders and reports for its clients."""

import hashlib
from types import TracebackType
from typing import Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.gateway import gateway_pb2

from aiofabric.gateway.commit import Commit
from aiofabric.gateway.connection import Connection
from aiofabric.gateway.deadlines import Deadlines
from aiofabric.gateway.network import Network
from aiofabric.gateway.proposal import Proposal
from aiofabric.gateway.transaction import Transaction
from aiofabric.identity import Identity, Signer

MESSAGE_LIMIT_BYTES = 100 * 1024 * 1024
"""Fabric's own limit for a message; gRPC's default of 4 MB is too small for a block."""


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
        signer: Signer | None = None,
        deadlines: Deadlines | None = None,
        tls_certificate_hash: bytes = b"",
    ) -> None:
        """Use a gRPC channel made elsewhere. It stays its maker's: closing it is theirs, unless they call `close`.

        Args:
            channel: to a gateway peer.
            identity: who speaks.
            signer: signs as that identity; None to sign elsewhere.
            deadlines: seconds for each step.
            tls_certificate_hash: SHA-256 of the client's TLS certificate (DER), where peers ask for mutual TLS.
        """
        self._connection = Connection(
            channel=channel,
            identity=identity,
            signer=signer,
            deadlines=deadlines or Deadlines(),
            tls_certificate_hash=tls_certificate_hash,
        )

    @classmethod
    def connect(
        cls,
        target: str,
        *,
        tls_ca: bytes,
        identity: Identity,
        signer: Signer | None = None,
        deadlines: Deadlines | None = None,
        tls_certificate_pem: bytes | None = None,
        tls_key_pem: bytes | None = None,
        tls_server_name: str | None = None,
        keepalive_s: float | None = None,
    ) -> Self:
        """Return a gateway at ``host:port``; nothing is sent before the first call, and ``async with`` closes it.

        Args:
            target: ``host:port`` of the peer.
            tls_ca: PEM certificates of the CAs that may have issued the peer's TLS certificate.
            identity: who speaks.
            signer: signs as that identity; None to sign elsewhere.
            deadlines: seconds for each step.
            tls_certificate_pem: the client's TLS certificate, for mutual TLS.
            tls_key_pem: its key.
            tls_server_name: the name to expect in the peer's certificate, if it is not the target's host.
            keepalive_s: ping an idle connection this often, so that a dead one is noticed. Peers refuse less than 60 s
                unless they are configured for more pings.
        """
        credentials = grpc.ssl_channel_credentials(tls_ca, tls_key_pem, tls_certificate_pem)
        options = _options(tls_server_name=tls_server_name, keepalive_s=keepalive_s)
        return cls(
            grpc.aio.secure_channel(target, credentials, options=options),
            identity=identity,
            signer=signer,
            deadlines=deadlines,
            tls_certificate_hash=_certificate_hash(tls_certificate_pem) if tls_certificate_pem else b"",
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

    def signed_proposal(self, encoded: bytes, signature: bytes) -> Proposal:
        """Return a proposal from its ``bytes`` and a signature made elsewhere."""
        proposed = gateway_pb2.ProposedTransaction.FromString(encoded)
        proposed.proposal.signature = signature
        return Proposal(self._connection, proposed=proposed)

    def signed_transaction(self, encoded: bytes, signature: bytes) -> Transaction:
        """Return a transaction from its ``bytes`` and a signature made elsewhere."""
        prepared = gateway_pb2.PreparedTransaction.FromString(encoded)
        prepared.envelope.signature = signature
        return Transaction(self._connection, prepared=prepared)

    def signed_commit(self, encoded: bytes, signature: bytes) -> Commit:
        """Return a commit from its ``bytes`` and a signature made elsewhere."""
        request = gateway_pb2.SignedCommitStatusRequest.FromString(encoded)
        request.signature = signature
        return Commit(self._connection, signed_request=request)


def _options(*, tls_server_name: str | None, keepalive_s: float | None) -> list[tuple[str, str | int]]:
    options: list[tuple[str, str | int]] = [
        ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
        ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ]
    if tls_server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls_server_name))
    if keepalive_s is not None:
        # Pings also while no call is open, and without a limit: gRPC's default gives up after two.
        options += [
            ("grpc.keepalive_time_ms", round(keepalive_s * 1000)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return options


def _certificate_hash(certificate_pem: bytes) -> bytes:
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
