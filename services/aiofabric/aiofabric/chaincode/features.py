"""What a peer offers beyond the oldest protocol, as it says when it is ready."""

from dataclasses import dataclass

from fabric_protos.peer import chaincode_pb2
from google.protobuf.message import DecodeError


@dataclass(frozen=True, slots=True)
class Features:
    """How many entries one message may carry; 0 where the peer does not know the message.

    Attributes:
        write_batch: records in a WRITE_BATCH_STATE.
        get_multiple: keys in a GET_STATE_MULTIPLE.
    """

    write_batch: int = 0
    get_multiple: int = 0

    @classmethod
    def from_ready(cls, payload: bytes) -> "Features":
        """Read the payload of READY: peers before 3.1 send none, and what cannot be read offers nothing."""
        try:
            offered = chaincode_pb2.ChaincodeAdditionalParams.FromString(payload)
        except DecodeError:
            return cls()
        return cls(
            write_batch=offered.max_size_write_batch if offered.use_write_batch else 0,
            get_multiple=offered.max_size_get_multiple_keys if offered.use_get_multiple_keys else 0,
        )


NO_FEATURES = Features()
