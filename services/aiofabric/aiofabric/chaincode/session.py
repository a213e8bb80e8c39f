"""One stream between a peer and this chaincode: handshake, transactions, and what ends them.

The rules, from Fabric's shim protocol (``peer/chaincode_shim.proto``, ``core/chaincode/handler.go``):

1. The chaincode registers with its package id; the peer answers REGISTERED, then READY with what it offers.
2. The peer starts transactions, any number at once; each is answered exactly once, with COMPLETED, whatever the
   contract does: its failures are statuses of 400 or more. ERROR says that this peer could not run it at all, and the
   client's gateway then tries another one; so it is kept for what cannot be decoded, and for a server that is stopping.
3. The answers to a transaction's requests carry its channel and transaction id; the id alone is not unique.
4. KEEPALIVE is sent back as it came.
5. When the stream ends, so does every transaction on it.

Nothing here knows of gRPC or of an event loop: messages come in through `Session.receive`, one after the other, and go
out through a function that queues them, from any thread.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from fabric_protos.peer import chaincode_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage
from google.protobuf.message import DecodeError

from aiofabric.chaincode.exchange import Exchange
from aiofabric.chaincode.execution import execute
from aiofabric.chaincode.features import NO_FEATURES, Features
from aiofabric.chaincode.interface import Chaincode
from aiofabric.chaincode.proposal import invocation
from aiofabric.chaincode.stub import PeerStub
from aiofabric.chaincode.workers import Workers

REGISTERING, REGISTERED, READY = "registering", "registered", "ready"
STOPPING = "the chaincode server is stopping"

Send = Callable[[ChaincodeMessage], None]
logger = logging.getLogger(__name__)


class ProtocolError(Exception):
    """The peer sent what it must not send at this point: the stream cannot go on."""


class Session:
    """The chaincode's side of one stream."""

    def __init__(self, chaincode: Chaincode, *, package_id: str, workers: Workers, send: Send) -> None:
        """Register. ``send`` must not block, and may be called from any thread."""
        self._chaincode = chaincode
        self._workers = workers
        self._send = send
        self._state = REGISTERING
        self._features = NO_FEATURES
        self._stopping = False
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], Exchange] = {}
        name = chaincode_pb2.ChaincodeID(name=package_id).SerializeToString()
        send(ChaincodeMessage(type=ChaincodeMessage.REGISTER, payload=name))

    @property
    def is_ready(self) -> bool:
        """Whether the peer has accepted the chaincode."""
        return self._state == READY

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is running, and the answers of those that ran are queued."""
        with self._lock:  # a worker queues its answer and takes its transaction off in one step
            return not self._running

    def receive(self, message: ChaincodeMessage) -> None:
        """Take the peer's next message; raises ProtocolError if the stream must end."""
        if message.type == ChaincodeMessage.KEEPALIVE:
            self._send(message)
        elif self._state == READY:
            self._receive_ready(message)
        elif (self._state, message.type) == (REGISTERING, ChaincodeMessage.REGISTERED):
            self._state = REGISTERED
        elif (self._state, message.type) == (REGISTERED, ChaincodeMessage.READY):
            self._features = Features.from_ready(message.payload)
            self._state = READY
            logger.info("a peer is ready: %s", self._features)
        else:
            text = f"{_name(message)} cannot come while {self._state}"
            self._refuse(message, text)
            raise ProtocolError(text)

    def stop(self) -> None:
        """Start no more transactions; those that run go on."""
        self._stopping = True

    def end(self, reason: str) -> None:
        """Give every transaction up: its open request and all later ones fail, and nobody gets its answer."""
        with self._lock:
            running, self._running = self._running, {}
        for exchange in running.values():
            exchange.end(reason)

    def _receive_ready(self, message: ChaincodeMessage) -> None:
        if message.type in (ChaincodeMessage.RESPONSE, ChaincodeMessage.ERROR):
            exchange = self._running.get((message.channel_id, message.txid))
            if exchange is None or not exchange.answer(message):
                logger.debug("transaction %s: %s to no request", message.txid, _name(message))
        elif message.type not in (ChaincodeMessage.TRANSACTION, ChaincodeMessage.INIT):
            logger.warning("transaction %s: %s is not for a chaincode", message.txid, _name(message))
            self._refuse(message, f"{_name(message)} is not for a chaincode")
        elif self._stopping:
            self._refuse(message, STOPPING)
        else:
            self._start(message)

    def _start(self, message: ChaincodeMessage) -> None:
        exchange = Exchange(message.channel_id, message.txid, send=self._send)
        key = (message.channel_id, message.txid)
        with self._lock:
            earlier = self._running.pop(key, None)
            self._running[key] = exchange
        if earlier is not None:  # the peer gave up waiting, and was asked again
            earlier.end("the peer has started this transaction anew")
        self._workers.submit(partial(self._run, message, exchange))

    def _run(self, message: ChaincodeMessage, exchange: Exchange) -> None:
        """Run one transaction on a worker's thread."""
        try:
            stub = PeerStub(invocation(message), exchange=exchange, features=self._features, workers=self._workers)
            answer = execute(self._chaincode, stub)
        except (DecodeError, UnicodeDecodeError) as error:
            logger.warning("transaction %s cannot be decoded: %s", message.txid, error)
            answer = _error(message, f"the transaction cannot be decoded: {error}")
        exchange.end("the transaction is over")
        key = (exchange.channel_id, exchange.tx_id)
        with self._lock:
            if self._running.get(key) is not exchange:  # given up: nobody waits for this answer
                return
            self._send(answer)
            del self._running[key]

    def _refuse(self, message: ChaincodeMessage, text: str) -> None:
        self._send(_error(message, text))


def _error(message: ChaincodeMessage, text: str) -> ChaincodeMessage:
    return ChaincodeMessage(
        type=ChaincodeMessage.ERROR, payload=text.encode(), txid=message.txid, channel_id=message.channel_id
    )


def _name(message: ChaincodeMessage) -> str:
    names = ChaincodeMessage.Type
    return str(names.Name(message.type)) if message.type in names.values() else f"message type {message.type}"
