"""A block's hash, and what of a block the orderers answer for (``protoutil/blockutils.go``)."""

import hashlib

from fabric_protos.common import common_pb2
from fabric_protos.peer import proposal_pb2
from google.protobuf.message import DecodeError


def signed_part(block: bytes) -> bytes:
    """Return a `common.Block` with metadata slot 0 only: header, data, and the orderers' signatures over them.

    The other slots are written by each peer for itself and signed by nobody, so two peers may hold different ones.
    """
    whole = common_pb2.Block.FromString(block)
    kept = common_pb2.Block(header=whole.header, data=whole.data)
    kept.metadata.metadata.append(whole.metadata.metadata[0])
    part: bytes = kept.SerializeToString(deterministic=True)
    return part


def invoked(envelope: bytes) -> tuple[int, str]:
    """Return the header type of a `common.Envelope` and, of an endorser transaction (3), its chaincode's name.

    Read as peers read, which also take encodings that nobody needs. Raises ValueError if it is no envelope.
    """
    try:
        payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(envelope).payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        if header.type != common_pb2.ENDORSER_TRANSACTION:
            return header.type, ""
        extension = proposal_pb2.ChaincodeHeaderExtension.FromString(header.extension)
    except DecodeError as error:
        raise ValueError("these bytes are no envelope") from error
    return header.type, extension.chaincode_id.name


def header_bytes(number: int, *, previous_hash: bytes, data_hash: bytes) -> bytes:
    """Return DER ``SEQUENCE {INTEGER, OCTET STRING, OCTET STRING}``: what is hashed and signed, not the protobuf."""
    integer = number.to_bytes(number.bit_length() // 8 + 1, "big")  # one bit more keeps it positive
    content = _der(0x02, integer) + _der(0x04, previous_hash) + _der(0x04, data_hash)
    return _der(0x30, content)


def _der(tag: int, content: bytes) -> bytes:
    # Numbers have 9 bytes at most and hashes 32, so every length fits DER's short form.
    return bytes((tag, len(content))) + content


def header_der(header: common_pb2.BlockHeader) -> bytes:
    """Return `header_bytes` of a protobuf header."""
    return header_bytes(header.number, previous_hash=header.previous_hash, data_hash=header.data_hash)


def block_hash(header: common_pb2.BlockHeader) -> bytes:
    """Return the SHA-256 by which the next block names this one."""
    return hashlib.sha256(header_der(header)).digest()
