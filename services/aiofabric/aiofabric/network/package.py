"""Chaincode packages of type ``ccaas``: the address at which a peer finds the chaincode, in two archives."""

import hashlib
import io
import json
import re
import struct
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiofabric.network.errors import DeployError

PACKAGE_TYPE = "ccaas"
_STORED_BLOCK = 0xFFFF
_GZIP_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))  # deflate, no flags, no time, an unknown system
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class ChaincodeTls:
    """How a peer's connection to its chaincode is protected.

    Attributes:
        root_certificate_pem: what the chaincode's certificate must descend from; it must be for the address's host.
        client_certificate_pem: the peer's certificate, if the chaincode asks for one.
        client_key_pem: its key. It lies readable in the package.
    """

    root_certificate_pem: bytes
    client_certificate_pem: bytes = b""
    client_key_pem: bytes = b""


@dataclass(frozen=True, slots=True)
class ChaincodePackage:
    """A package: its bytes, and the id that chaincode and peer know it by (label and SHA-256 of the bytes)."""

    label: str
    content: bytes

    @property
    def package_id(self) -> str:
        """``label:hex``."""
        return f"{self.label}:{hashlib.sha256(self.content).hexdigest()}"


def ccaas_package(label: str, *, address: str, tls: ChaincodeTls | None = None) -> ChaincodePackage:
    """Return the package that tells a peer to find chaincode at an address. Equal input gives equal bytes.

    Raises DeployError if the label is none.
    """
    if not _LABEL.fullmatch(label):
        raise DeployError(f"{label!r} is not a label: begin with a letter or digit, go on with those and _ . + -")
    connection: dict[str, Any] = {"address": address, "dial_timeout": "10s", "tls_required": tls is not None}
    if tls is not None:
        connection |= {
            "root_cert": tls.root_certificate_pem.decode(),
            "client_auth_required": bool(tls.client_certificate_pem),
            "client_cert": tls.client_certificate_pem.decode(),
            "client_key": tls.client_key_pem.decode(),
        }
    code = _archive({"connection.json": _json(connection)})
    metadata = _json({"type": PACKAGE_TYPE, "label": label})
    return ChaincodePackage(label, _archive({"metadata.json": metadata, "code.tar.gz": code}))


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar without anything that differs from run to run or machine to machine."""
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)  # time and owner are 0
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return _gzipped(tarred.getvalue())


def _gzipped(content: bytes) -> bytes:
    """Return gzip (RFC 1952) with stored blocks (RFC 1951): what zlib compresses differs from version to version."""
    blocks = [content[start : start + _STORED_BLOCK] for start in range(0, len(content), _STORED_BLOCK)] or [b""]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, start=1)
    )
    return _GZIP_HEADER + body + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
