"""What Mosquitto drops: it says so on a topic of its own, and nowhere else that anybody would look.

A queue that is full (`max_queued_messages`, while ingest is away) is no error to Mosquitto: the rest is left out, and
acknowledged. Devices send it again, as no receipt names it; an operator should know all the same.
"""

import logging

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.enrolment.mosquitto import DROPPED
from wayproof.observability import metrics
from wayproof.observability.health import HEALTH
from wayproof.settings import BrokerSettings
from wayproof.tls import TlsFiles, client_context

logger = logging.getLogger(__name__)

PART = "broker"
LONGEST_PAUSE_S = 15

MESSAGES_DROPPED = metrics.counter(
    "wayproof_broker_messages_dropped_total", "Messages that Mosquitto says it dropped, since it began."
)


class DroppedMessages:
    """Counts what Mosquitto drops, as long as it is open; says whether the broker lets us in."""

    def __init__(self, broker: BrokerSettings, *, files: TlsFiles) -> None:
        self._said = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.tls_set_context(client_context(files))
        self._client.reconnect_delay_set(1, LONGEST_PAUSE_S)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._heard
        HEALTH.expect(PART)
        self._client.connect_async(broker.host, broker.port)
        self._client.loop_start()

    def close(self) -> None:
        """Take leave of the broker."""
        self._client.disconnect()
        self._client.loop_stop()
        # paho closes its sockets when it is forgotten: at once where it knows nobody who knows it.
        self._client.on_connect = self._client.on_disconnect = self._client.on_message = None

    def _connected(self, client: paho.Client, _: object, __: object, reason: ReasonCode, ___: object) -> None:
        if reason.is_failure:
            HEALTH.fails(PART, f"the broker refused us: {reason}")
            return
        HEALTH.works(PART)
        client.subscribe(DROPPED)

    def _disconnected(self, *_: object) -> None:
        HEALTH.fails(PART, "the broker is away")

    def _heard(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        if not message.payload.isdigit():
            return  # an exception would end paho's thread
        said = int(message.payload)
        more = said - self._said if said >= self._said else said  # it began anew
        self._said = said
        if more:
            MESSAGES_DROPPED.add(more)
            logger.warning("the broker dropped messages; devices send them again", extra={"messages": more})
