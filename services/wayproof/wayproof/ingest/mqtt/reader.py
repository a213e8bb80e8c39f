"""The lean client behind the narrow way to the broker (`wayproof.ingest.subscription`): one thread, one socket.

- Only the network's thread touches the socket; others fill the outbox and wake it.
- While the queue has no room nothing is read, yet acknowledgements and pings go on. In MQTT 5 the broker keeps back
  what exceeds our Receive Maximum, which is the queue's size.
- An acknowledgement of an earlier connection is dropped: the broker may have given its packet id to another message.
- Whatever goes wrong ends the connection, never the thread.
"""

import socket
import threading
from collections.abc import Sequence

from wayproof.ingest.arrivals import Arrival, Arrivals
from wayproof.ingest.mqtt.bell import Bell
from wayproof.ingest.mqtt.conversation import Conversation, Session
from wayproof.ingest.mqtt.outbox import Outbox
from wayproof.ingest.mqtt.packets import KEEPS_SESSION, Version
from wayproof.ingest.reconnecting import serve_again_and_again
from wayproof.ingest.subscription import SHARED, SharedSubscriptionUnavailable, SubscriberEnded
from wayproof.settings import BrokerSettings
from wayproof.tls import client_context

CONNECTED_WITHIN_S = 10.0
FLUSHED_WITHIN_S = 5.0
MOST_UNACKNOWLEDGED = 65_535
"""What MQTT 5 allows."""
SHARED_SESSION_S = 20
"""How long a session outlives its connection where processes take turns. A broker may go on to give an absent one its
turn: without an end, what falls to a process that never comes back would wait for ever, and so might, turn for turn,
what a device sends again. What the broker then drops has no receipt, so devices send it again."""


class Reader:
    """A persistent session at the broker: what is published to `topic_filter` goes into `arrivals`."""

    def __init__(self, broker: BrokerSettings, *, client_id: str, topic_filter: str, arrivals: Arrivals) -> None:
        self._broker = broker
        version = Version.V5 if broker.kind == "mosquitto" else Version.V311
        kept_s = SHARED_SESSION_S if topic_filter.startswith(SHARED) else KEEPS_SESSION
        self._session = Session(version, client_id, topic_filter, min(arrivals.most, MOST_UNACKNOWLEDGED), kept_s)
        self._refused: SharedSubscriptionUnavailable | None = None
        self._arrivals = arrivals
        self._connection = 0
        self._conversation: Conversation | None = None
        self._stopping = threading.Event()
        self._bell = Bell()
        self._outbox = Outbox(version=version, wake=self._bell.ring)
        arrivals.when_room(self._bell.ring)
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker sends us what is published."""
        return self._conversation is not None and self._conversation.is_subscribed

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def require_alive(self) -> None:
        """Raise SubscriberEnded unless the thread lives, SharedSubscriptionUnavailable if that ended it."""
        if self._refused is not None:
            raise self._refused
        if not self._thread.is_alive():
            raise SubscriberEnded("the broker's thread ended; see the log above for the reason")

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Let the broker forget messages, in this order, if they came by the present connection."""
        self._outbox.acknowledge(arrivals)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand a payload (QoS 1) over for sending, now or once connected; False if too many are waiting."""
        return self._outbox.publish(topic, payload)

    def close(self) -> None:
        """Send what is ready, take leave of the broker, end the thread. The session stays."""
        self._stopping.set()
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join(FLUSHED_WITHIN_S)
        if not self._thread.is_alive():
            self._bell.close()

    def _run(self) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        serve_again_and_again(
            self._serve_one_connection, was_good=lambda: self.is_subscribed, where=where, stopping=self._stopping
        )

    def _serve_one_connection(self) -> None:
        """Connect, and read until the connection ends."""
        self._conversation = None
        self._connection += 1
        self._outbox.begin(connection=self._connection)
        with self._connected() as connected:
            self._conversation = Conversation(
                connected,
                self._session,
                connection=self._connection,
                arrivals=self._arrivals,
                outbox=self._outbox,
            )
            try:
                self._conversation.hold(self._bell, stopping=self._stopping)
            except SharedSubscriptionUnavailable as error:
                self._refused = error
                self._stopping.set()

    def _connected(self) -> socket.socket:
        plain = socket.create_connection((self._broker.host, self._broker.port), CONNECTED_WITHIN_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._broker.tls is None:
            return plain
        return client_context(self._broker.tls).wrap_socket(plain, server_hostname=self._broker.host)
