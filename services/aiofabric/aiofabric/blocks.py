"""What of a block the orderers answer for."""

from fabric_protos.common import common_pb2


def signed_part(block: bytes) -> bytes:
    """Return a `common.Block` with metadata slot 0 only: header, data, and the orderers' signatures over them.

    The other slots are written by each peer for itself and signed by nobody, so two peers may hold different ones.
    """
    whole = common_pb2.Block.FromString(block)
    kept = common_pb2.Block(header=whole.header, data=whole.data)
    kept.metadata.metadata.append(whole.metadata.metadata[0])
    part: bytes = kept.SerializeToString(deterministic=True)
    return part
