"""A gRPC channel to a peer as Fabric wants it: TLS, messages of 100 MB, pings that find a dead connection."""

import hashlib
from collections.abc import Sequence

import grpc
from cryptography.hazmat.primitives.serialization import Encoding

from aiofabric.errors import IdentityError
from aiofabric.identity.files import load_certificate

MESSAGE_LIMIT_BYTES = 100 * 1024 * 1024
"""Fabric's own limit for a message; gRPC's default of 4 MB is too small for a block."""

Option = tuple[str, str | int]


def secure_channel(
    target: str,
    *,
    tls_ca: bytes,
    tls_certificate_pem: bytes | None,
    tls_key_pem: bytes | None,
    tls_server_name: str | None,
    keepalive_s: float | None,
    options: Sequence[Option],
) -> grpc.aio.Channel:
    """Return a channel; it connects with the first call. Raises IdentityError if half of a client's pair is missing."""
    if (tls_certificate_pem is None) != (tls_key_pem is None):
        raise IdentityError("mutual TLS takes a certificate and its key: give both, or neither", code="TLS_INCOMPLETE")
    credentials = grpc.ssl_channel_credentials(tls_ca, tls_key_pem, tls_certificate_pem)
    ours = _options(tls_server_name=tls_server_name, keepalive_s=keepalive_s)
    # One of each name: gRPC takes the first of two.
    return grpc.aio.secure_channel(target, credentials, options=list({**dict(ours), **dict(options)}.items()))


def certificate_hash(certificate_pem: bytes) -> bytes:
    """Return SHA-256 of a certificate's DER: what binds a request to the TLS connection. Raises IdentityError."""
    certificate = load_certificate(certificate_pem, source="the TLS certificate")
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def _options(*, tls_server_name: str | None, keepalive_s: float | None) -> list[Option]:
    options: list[Option] = [
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
