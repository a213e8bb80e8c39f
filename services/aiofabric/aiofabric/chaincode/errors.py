"""What a contract can meet when it asks its peer.

FabricError
└── ChaincodeError
    ├── PeerError           the peer refused a request: which one, and its words
    └── StreamEndedError    the stream to the peer is gone, or the transaction is over: no request can be made
"""

from aiofabric.errors import FabricError


class ChaincodeError(FabricError):
    """Root of what a stub raises on purpose, apart from ValueError and TypeError for wrong arguments."""


class PeerError(ChaincodeError):
    """The peer answered a request with ERROR.

    A contract may catch it. If it does not, the transaction is answered with status 500 and this text.

    Attributes:
        code: the refused request in the protocol's words, such as ``GET_STATE``.
        text: what the peer said; it begins with the request and the transaction.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class StreamEndedError(ChaincodeError):
    """No request can be made any more: the peer is gone, has given the transaction up, or has its answer."""
