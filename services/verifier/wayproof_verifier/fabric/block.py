"""Blocks: what their hashes are taken over, and reading one with its orderers' signatures and nothing else.

Source: Fabric's `protoutil/blockutils.go`: the header is hashed and signed as ASN.1, not as protobuf, and the data hash is
the SHA-256 of the envelopes, one after the other. Metadata is covered by no hash, so only slot 0, which the orderers
sign, is accepted.
"""

from dataclasses import dataclass

from wayproof_verifier.fabric.messages import BlockHeader, Metadata


@dataclass(frozen=True, slots=True)
class Block:
    """A block whose data hash is right: header, envelopes, and metadata slot 0 (`signatures.value`, `.signatures`)."""

    header: BlockHeader
    envelopes: tuple[bytes, ...]
    signatures: Metadata
    last_config: int

    @property
    def number(self) -> int:
        """The block's number."""
        return self.header.number


def read_block(data: bytes) -> Block:
    """Read a block with metadata slot 0 only, and check its data hash."""
    raise NotImplementedError


def header_bytes(header: BlockHeader) -> bytes:
    """Return the DER of SEQUENCE {INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash}."""
    raise NotImplementedError


def header_hash(header: BlockHeader) -> bytes:
    """Return the block's hash: 32 bytes, SHA-256 of `header_bytes`."""
    raise NotImplementedError


def data_hash(envelopes: tuple[bytes, ...]) -> bytes:
    """Return SHA-256 of the envelopes, one after the other."""
    raise NotImplementedError
