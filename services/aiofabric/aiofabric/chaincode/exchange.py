"""One transaction's talk with its peer: requests, one at a time, from the thread that the contract runs on.

A peer drops a second request of one transaction while the first is open, and does not say so: the contract would hang
until the peer gives up. Hence the lock, although a contract is one function: it may use threads of its own.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage
from google.protobuf.message import Message

from aiofabric.chaincode.errors import PeerError, StreamEndedError

MAX_MESSAGE_BYTES = 100 * 1024 * 1024
"""What a peer accepts, and what it sends at most."""
MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES - 64 * 1024


class Exchange:
    """Sends a transaction's requests and waits for their answers."""

    def __init__(self, channel_id: str, tx_id: str, *, send: Callable[[ChaincodeMessage], None]) -> None:
        """Use ``send`` (which must not block) for every message."""
        self.channel_id = channel_id
        self.tx_id = tx_id
        self._send = send
        self._turn = threading.Lock()
        self._outstanding = False
        self._answers: SimpleQueue[ChaincodeMessage | None] = SimpleQueue()
        self._ended = ""

    def request(self, kind: int, payload: Message) -> bytes:
        """Send one request and return its answer's payload.

        Raises PeerError if the peer refuses, StreamEndedError if there is nobody to ask, and ValueError if the request
        is larger than a peer accepts (the stream, and every transaction on it, would end).
        """
        encoded = payload.SerializeToString()
        if len(encoded) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a request of {len(encoded)} bytes is larger than a peer accepts ({MAX_PAYLOAD_BYTES})")
        message = ChaincodeMessage(type=kind, payload=encoded, txid=self.tx_id, channel_id=self.channel_id)
        with self._turn:
            self._outstanding = True  # set before `_ended` is read: `end` does these two the other way round
            if self._ended:
                raise StreamEndedError(self._ended)
            self._send(message)
            answer = self._answers.get()
        if answer is None:
            raise StreamEndedError(self._ended)
        if answer.type == ChaincodeMessage.RESPONSE:
            return bytes(answer.payload)
        raise PeerError(ChaincodeMessage.Type.Name(kind), answer.payload.decode("utf-8", "replace"))

    def answer(self, message: ChaincodeMessage) -> bool:
        """Hand an answer over to whoever waits for it; False if nobody does."""
        if not self._outstanding:
            return False
        self._outstanding = False
        self._answers.put(message)
        return True

    def end(self, reason: str) -> None:
        """Let the open request, and every later one, fail."""
        self._ended = reason
        if self._outstanding:
            self._answers.put(None)
