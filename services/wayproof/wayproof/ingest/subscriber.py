"""paho behind the narrow way to the broker (`wayproof.ingest.subscription`), its hazards kept in here.

- Messages are acknowledged by hand, after the commit, in the order they came (MQTT 3.1.1 §4.6).
- paho sends an acknowledgement blindly, even for a packet id of an earlier connection, which the broker may have given
  to another message since: each arrival knows its connection, and acknowledgements of an older one are dropped.
- While the queue has no room nothing is read: TCP holds the broker back. If that lasts, the broker drops us; the
  session stays, and what was not acknowledged comes again (§4.4).
- An exception on paho's own thread would end it while the process lives on. On ours it ends the connection, and the
  next one begins after a pause.
"""

import logging
import threading
import time
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.ingest.arrivals import Arrival, Arrivals, bounded
from wayproof.ingest.reconnecting import serve_again_and_again
from wayproof.ingest.subscription import SubscriberEnded
from wayproof.settings import BrokerSettings
from wayproof.tls import client_context

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
LOOP_S = 0.25
FLUSHED_WITHIN_S = 5.0
MOST_UNSENT = 10_000
"""Receipts that wait for the broker; more are dropped, as a device that gets none sends again."""
MOST_IN_FLIGHT = 500


class Subscriber:
    """A persistent session at the broker: what is published to `topic_filter` goes into `arrivals`."""

    def __init__(self, broker: BrokerSettings, *, client_id: str, topic_filter: str, arrivals: Arrivals) -> None:
        self._where = f"{broker.host}:{broker.port}"
        self._topic_filter = topic_filter
        self._arrivals = arrivals
        self._connection = 0
        self._connection_lock = threading.Lock()
        self.is_subscribed = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,  # we do that
            manual_ack=True,
        )
        if broker.tls is not None:
            self._client.tls_set_context(client_context(broker.tls))
        self._client.max_queued_messages_set(MOST_UNSENT)
        self._client.max_inflight_messages_set(MOST_IN_FLIGHT)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._arrived
        # With this callback set, only the thread that runs `loop` writes to the socket; others wake it.
        self._client.on_socket_register_write = _leave_writing_to_the_loop
        self._client.connect_async(broker.host, broker.port, keepalive=KEEP_ALIVE_S)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def require_alive(self) -> None:
        """Raise SubscriberEnded unless the thread lives."""
        if not self._thread.is_alive():
            raise SubscriberEnded("the broker's thread ended; see the log above for the reason")

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Let the broker forget messages, in this order, if they came by the present connection."""
        with self._connection_lock:
            for arrival in arrivals:
                if arrival.connection == self._connection and arrival.qos > 0:
                    self._client.ack(arrival.packet_id, arrival.qos)

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand a payload (QoS 1) over for sending, now or once connected; False if too many are waiting."""
        return self._client.publish(topic, payload, qos=1).rc != paho.MQTT_ERR_QUEUE_SIZE

    def close(self) -> None:
        """Send what is ready, take leave of the broker, end the thread. The session stays."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(FLUSHED_WITHIN_S)
        if not self._thread.is_alive():
            # paho closes its sockets when it is forgotten: at once where it knows nobody who knows it.
            self._client.on_connect = self._client.on_subscribe = self._client.on_message = None

    def _run(self) -> None:
        serve_again_and_again(
            self._serve_one_connection, was_good=lambda: self.is_subscribed, where=self._where, stopping=self._stopping
        )

    def _serve_one_connection(self) -> None:
        """Connect, and read until the connection ends."""
        with self._connection_lock:
            self._connection += 1  # from here on, acknowledgements of the old connection are dropped
        self.is_subscribed = False
        self._client.reconnect()
        has_taken_leave = False
        while self._client.loop(LOOP_S) == paho.MQTT_ERR_SUCCESS:
            while not self._arrivals.wait_for_room(LOOP_S) and not self._stopping.is_set():
                pass
            if self._stopping.is_set() and not has_taken_leave:
                self._client.disconnect()  # sent after everything that is ready
                has_taken_leave = True

    def _connected(
        self, client: paho.Client, _: object, flags: paho.ConnectFlags, reason: ReasonCode, __: object
    ) -> None:
        if reason.is_failure:
            logger.error("the broker refused us", extra={"broker": self._where, "reason": str(reason)})
            return
        logger.info("connected", extra={"broker": self._where, "session_was_kept": flags.session_present})
        client.subscribe(self._topic_filter, qos=1)  # each time: a broker may have lost the session

    def _subscribed(self, client: paho.Client, _: object, __: int, reasons: list[ReasonCode], ___: object) -> None:
        self.is_subscribed = not any(reason.is_failure for reason in reasons)
        if self.is_subscribed:
            logger.info("subscribed", extra={"topic_filter": self._topic_filter})
        else:
            logger.error("the broker refused the subscription", extra={"topic_filter": self._topic_filter})
            client.disconnect()

    def _arrived(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError as error:
            topic = error.object.decode("utf-8", "backslashreplace")  # no topic of ours; it is refused as such
        self._arrivals.put(
            Arrival(
                topic=topic,
                payload=bounded(bytes(message.payload)),
                received_at_ms=time.time_ns() // 1_000_000,
                connection=self._connection,
                packet_id=message.mid,
                qos=message.qos,
            )
        )


def _leave_writing_to_the_loop(*_: object) -> None:
    """Take note of nothing: `loop` is woken by paho's own pair of sockets."""
