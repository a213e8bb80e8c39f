"""One connection to the broker, from CONNECT to its end: reads into the queue, writes what the outbox holds."""

import logging
import selectors
import socket
import ssl
import threading
import time
from dataclasses import dataclass

from wayproof.ingest.arrivals import Arrivals
from wayproof.ingest.mqtt import packets
from wayproof.ingest.mqtt.bell import Bell
from wayproof.ingest.mqtt.framer import Framer, Packet
from wayproof.ingest.mqtt.outbox import Outbox
from wayproof.ingest.mqtt.packets import Kind, MqttError, Version, VersionError
from wayproof.ingest.subscription import SHARED, SharedSubscriptionUnavailable

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
SILENT_TIMES = 1.5
"""Keep-alive intervals after which a silent broker is given up."""
LOOP_S = 0.5
READ_BYTES = 1 << 18
READS_AT_ONCE = 16
"""Before the outbox is looked at again."""
_SUBSCRIPTION_ID = 1
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class Session:
    """Who we are to the broker, and what we ask for."""

    version: Version
    client_id: str
    topic_filter: str
    receive_maximum: int
    """Most messages that the broker may send ahead of our acknowledgements (MQTT 5)."""
    kept_s: int = packets.KEEPS_SESSION
    """How long the broker keeps the session while we are away (MQTT 5)."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes take turns with us."""
        return self.topic_filter.startswith(SHARED)


class Conversation:
    """Owned by the network's thread."""

    def __init__(
        self, connected: socket.socket, session: Session, *, connection: int, arrivals: Arrivals, outbox: Outbox
    ) -> None:
        self._socket, self._session = connected, session
        self._arrivals, self._outbox = arrivals, outbox
        self._framer = Framer(version=session.version, connection=connection)
        self._keep_alive_s = KEEP_ALIVE_S
        self._sending = packets.connect(
            session.client_id,
            version=session.version,
            keep_alive_s=KEEP_ALIVE_S,
            receive_maximum=session.receive_maximum,
            session_s=session.kept_s,
        )
        self._pinged_at_s = self._heard_at_s = time.monotonic()
        self._is_more_to_read = False
        self.is_subscribed = False

    def hold(self, bell: Bell, *, stopping: threading.Event) -> None:
        """Read and write until the connection ends; the bell rings when the outbox has something new.

        Raises OSError for what ends it, SharedSubscriptionUnavailable for a broker that has none. Once `stopping` is
        set, what is ready is sent, and leave is taken.
        """
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        with selectors.DefaultSelector() as selector:
            selector.register(bell.wire, selectors.EVENT_READ)
            registered = 0
            while True:
                self._send()
                if stopping.is_set() and not self._sending:
                    self._take_leave()
                    return
                wanted = self._wanted()
                if wanted != registered:
                    _register(selector, self._socket, before=registered, wanted=wanted)
                    registered = wanted
                ready = selector.select(0 if self._is_more_to_read else LOOP_S)
                if any(key.fileobj is bell.wire for key, _ in ready):
                    bell.answer()
                if self._is_more_to_read or any(key.fileobj is self._socket for key, _ in ready):
                    self._read()
                self._keep_alive()

    def _wanted(self) -> int:
        reads = selectors.EVENT_READ if self._arrivals.has_room else 0
        return reads | (selectors.EVENT_WRITE if self._sending else 0)

    def _send(self) -> None:
        self._sending += self._outbox.take()
        try:
            while self._sending:
                self._sending = self._sending[self._socket.send(self._sending) :]
        except _WOULD_BLOCK:
            pass  # the rest when the socket takes more

    def _take_leave(self) -> None:
        self._socket.settimeout(LOOP_S)
        self._socket.sendall(packets.DISCONNECT)

    def _read(self) -> None:
        self._is_more_to_read = False
        for _ in range(READS_AT_ONCE):
            if not self._arrivals.has_room:
                return  # what is decrypted already waits too: room rings the bell, and the socket is asked again
            try:
                data = self._socket.recv(READ_BYTES)
            except _WOULD_BLOCK:
                return
            if not data:
                raise MqttError("the broker closed the connection")
            self._heard_at_s = time.monotonic()
            arrivals, control = self._framer.feed(data, at_ms=time.time_ns() // 1_000_000)
            if arrivals:
                self._arrivals.put_all(arrivals)
            for packet in control:
                self._answer(packet)
        self._is_more_to_read = True

    def _answer(self, packet: Packet) -> None:
        if packet.kind == Kind.PUBACK:
            self._outbox.acknowledged(packets.read_puback(packet.body))
        elif packet.kind == Kind.CONNACK:
            self._accepted(self._connack(packet.body))
        elif packet.kind == Kind.SUBACK:
            if not packets.read_suback(packet.body, version=self._session.version):
                logger.error("the broker refused the subscription", extra={"topic_filter": self._session.topic_filter})
                raise MqttError("the broker refused the subscription")
            self.is_subscribed = True
            logger.info("subscribed", extra={"topic_filter": self._session.topic_filter})
        elif packet.kind == Kind.DISCONNECT:
            code = packet.body[0] if packet.body else 0
            raise MqttError(f"the broker ended the session with code {code:#x}")
        elif packet.kind != Kind.PINGRESP:
            raise MqttError(f"the broker sent a packet of kind {packet.kind}")

    def _connack(self, body: bytes) -> packets.Connack:
        try:
            connack = packets.read_connack(body, version=self._session.version)
        except VersionError as error:
            if self._session.is_shared:
                raise SharedSubscriptionUnavailable(str(error)) from error
            raise
        if self._session.is_shared and not connack.has_shared_subscriptions:
            raise SharedSubscriptionUnavailable("the broker says that it has no shared subscriptions")
        return connack

    def _accepted(self, connack: packets.Connack) -> None:
        logger.info("connected", extra={"session_was_kept": connack.session_was_kept})
        if connack.keep_alive_s is not None:
            self._keep_alive_s = connack.keep_alive_s
        self._outbox.open(window=connack.receive_maximum)
        # Each time: a broker may have lost the session.
        self._sending += packets.subscribe(_SUBSCRIPTION_ID, self._session.topic_filter, version=self._session.version)

    def _keep_alive(self) -> None:
        """Ping twice an interval. Raises MqttError if the broker, being read, has been silent for too long."""
        now_s = time.monotonic()
        if not self._keep_alive_s:
            return
        if not self._arrivals.has_room:
            self._heard_at_s = now_s  # it may be saying something: we do not listen
        if now_s - self._heard_at_s > SILENT_TIMES * self._keep_alive_s:
            raise MqttError("the broker is silent")
        if now_s - self._pinged_at_s > self._keep_alive_s / 2:
            self._sending += packets.PINGREQ
            self._pinged_at_s = now_s


def _register(selector: selectors.BaseSelector, connected: socket.socket, *, before: int, wanted: int) -> None:
    if not before:
        selector.register(connected, wanted)
    elif wanted:
        selector.modify(connected, wanted)
    else:
        selector.unregister(connected)
