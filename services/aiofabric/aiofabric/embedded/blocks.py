"""Blocks as Fabric makes them: header hash, data hash, the orderer's signature (``protoutil/blockutils.go``)."""

import hashlib
import os
from collections.abc import Sequence

from fabric_protos.common import common_pb2

from aiofabric.blocks import block_hash, header_bytes, header_der
from aiofabric.embedded.membership import Member
from aiofabric.identity.signing import Signer

__all__ = [
    "COMMIT_HASH",
    "FILTER",
    "LAST_CONFIG",
    "ORDERER",
    "SIGNATURES",
    "block_hash",
    "data_hash",
    "header_bytes",
    "header_der",
    "signatures_of",
    "signed_block",
    "signed_by",
    "unsigned_block",
]

SIGNATURES, LAST_CONFIG, FILTER, ORDERER, COMMIT_HASH = range(5)
"""Slots of the block metadata. None of them is covered by the block hash."""


def data_hash(data: Sequence[bytes]) -> bytes:
    """Return SHA-256 of the plain concatenation of a block's envelopes."""
    return hashlib.sha256(b"".join(data)).digest()


def unsigned_block(number: int, *, previous_hash: bytes, data: Sequence[bytes], codes: bytes) -> common_pb2.Block:
    """Return a block with its five metadata slots and no orderer's signature.

    The last configuration is block 0 for ever (the channel's configuration does not change), so slot 1 is empty, as
    Fabric leaves it then. Slot 4, the peers' commit hash, is empty too: there is one copy of the state.
    """
    block = common_pb2.Block()
    block.header.number = number
    block.header.previous_hash = previous_hash
    block.header.data_hash = data_hash(data)
    block.data.data.extend(data)
    signatures = common_pb2.Metadata(value=_orderer_metadata()).SerializeToString()
    block.metadata.metadata.extend([signatures, b"", codes, b"", b""])
    return block


def signed_block(
    number: int, *, previous_hash: bytes, data: Sequence[bytes], codes: bytes, orderer: bytes, sign: Signer
) -> common_pb2.Block:
    """Return a block with its orderer's signature in the form that a Raft orderer gives it."""
    block = unsigned_block(number, previous_hash=previous_hash, data=data, codes=codes)
    metadata = common_pb2.Metadata(value=_orderer_metadata())
    header = common_pb2.SignatureHeader(creator=orderer, nonce=os.urandom(24)).SerializeToString()
    signature = sign(metadata.value + header + header_der(block.header))
    metadata.signatures.append(common_pb2.MetadataSignature(signature_header=header, signature=signature))
    block.metadata.metadata[SIGNATURES] = metadata.SerializeToString()
    return block


def signatures_of(block: common_pb2.Block) -> list[tuple[bytes, bytes, bytes]]:
    """Return (creator, signature, signed bytes) of each orderer's signature."""
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[SIGNATURES])
    header = header_der(block.header)
    return [
        (
            common_pb2.SignatureHeader.FromString(entry.signature_header).creator,
            entry.signature,
            metadata.value + entry.signature_header + header,
        )
        for entry in metadata.signatures
    ]


def signed_by(block: common_pb2.Block, *, members: Sequence[Member]) -> list[Member]:
    """Return those of the members whose signatures on the block verify."""
    by_identity = {member.serialized: member for member in members}
    return [
        by_identity[creator]
        for creator, signature, message in signatures_of(block)
        if creator in by_identity and by_identity[creator].verifies(signature, message=message)
    ]


def _orderer_metadata() -> bytes:
    metadata: bytes = common_pb2.OrdererBlockMetadata(last_config=common_pb2.LastConfig(index=0)).SerializeToString()
    return metadata
