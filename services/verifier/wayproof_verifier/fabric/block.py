"""Blocks: what their hashes are taken over, and reading one with its orderers' signatures and nothing else.

Source: Fabric's `protoutil/blockutils.go`: the header is hashed and signed as ASN.1, not as protobuf, and the data hash
is the SHA-256 of the envelopes, one after the other, without lengths: so each must be exactly one strict `Envelope`.
Metadata is covered by no hash, so only slot 0, which the orderers sign, is accepted. Nobody signs a genesis block: its
slot 0 must be what Fabric's own tools write there.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wayproof_verifier.errors import BlockError
from wayproof_verifier.fabric import messages
from wayproof_verifier.fabric.messages import BlockHeader, Envelope, LastConfig, Metadata, OrdererBlockMetadata

_INTEGER: Final = 0x02
_OCTET_STRING: Final = 0x04
_SEQUENCE: Final = 0x30

_GENESIS_METADATA: Final = OrdererBlockMetadata(last_config=LastConfig())


@dataclass(frozen=True, slots=True)
class Block:
    """A block whose data hash is right: header, envelopes, and metadata slot 0 (`signatures.value`, `.signatures`)."""

    header: BlockHeader
    envelopes: tuple[bytes, ...]
    signatures: Metadata
    last_config: int  # number of the last config block, this one included

    @property
    def number(self) -> int:
        """The block's number."""
        return self.header.number


def read_block(data: bytes) -> Block:
    """Read a block with metadata slot 0 only, and check its data hash."""
    block = messages.Block.read(data)
    if block.header is None or block.data is None or block.metadata is None:
        raise BlockError("a block has a header, data and metadata")
    if len(block.metadata.metadata) != 1:
        raise BlockError(f"block {block.header.number}: metadata slot 0 and no other belongs here")
    envelopes = block.data.data
    for envelope in envelopes:
        Envelope.read(envelope)
    if data_hash(envelopes) != block.header.data_hash:
        raise BlockError(f"block {block.header.number}: the data hash is not that of its envelopes")
    signatures = Metadata.read(block.metadata.metadata[0])
    return Block(block.header, envelopes, signatures, _last_config(block.header, signatures))


def _last_config(header: BlockHeader, signatures: Metadata) -> int:
    metadata = OrdererBlockMetadata.read(signatures.value)
    if header.number == 0 and (metadata != _GENESIS_METADATA or signatures.signatures):
        raise BlockError("block 0: metadata that nobody signs")
    if metadata.last_config is None:
        raise BlockError(f"block {header.number}: no last config block is named")
    return metadata.last_config.index


def header_bytes(header: BlockHeader) -> bytes:
    """Return the DER of SEQUENCE {INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash}."""
    number = header.number.to_bytes(header.number.bit_length() // 8 + 1, "big")  # a leading zero bit: never negative
    parts = (
        _der(_INTEGER, number),
        _der(_OCTET_STRING, header.previous_hash),
        _der(_OCTET_STRING, header.data_hash),
    )
    return _der(_SEQUENCE, b"".join(parts))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:  # noqa: PLR2004 - DER's short form
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def header_hash(header: BlockHeader) -> bytes:
    """Return the block's hash: 32 bytes, SHA-256 of `header_bytes`."""
    return hashlib.sha256(header_bytes(header)).digest()


def data_hash(envelopes: Iterable[bytes]) -> bytes:
    """Return SHA-256 of the envelopes, one after the other."""
    return hashlib.sha256(b"".join(envelopes)).digest()
