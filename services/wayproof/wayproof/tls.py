"""TLS 1.3 with a certificate of our own: how our processes and devices speak to a broker that asks who they are."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from wayproof.errors import WayproofError


class TlsError(WayproofError):
    """A file that TLS needs is missing, or is not what it should be."""

    code = "tls_files"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authority of the other side, our certificate with what leads to its authority, its key."""

    authority: Path
    certificate: Path
    key: Path


class ClosedWhereRefused(ssl.SSLSocket):
    """A socket that a handshake which fails leaves closed: paho and others forget it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the standard library's own signature
        """Shake hands; close before raising what went wrong, unless more is to be read or written first."""
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return what a client connects with: TLS 1.3 or nothing, the server's name checked. Raises TlsError.

    Files are read here, so whoever makes a context for each connection takes up a renewed certificate by itself.
    """
    try:
        context = ssl.create_default_context(cafile=files.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.sslsocket_class = ClosedWhereRefused
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:  # ssl.SSLError too
        named = ", ".join(str(path) for path in (files.authority, files.certificate, files.key))
        raise TlsError(f"no TLS with {named}: {error}") from error
    return context
