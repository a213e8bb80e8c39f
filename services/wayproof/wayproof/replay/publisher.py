"""One short connection to the broker, to publish a few payloads as an operator."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.errors import WayproofError
from wayproof.settings import BrokerSettings
from wayproof.tls import client_context

ANSWERED_WITHIN_S = 10.0
KEEP_ALIVE_S = 30


class NotPublished(WayproofError):  # noqa: N818 - a state, not a fault
    """The broker did not take a payload: it is away, or it does not let us in."""

    code = "not_published"


class Publisher:
    """Publishes and waits until the broker has it. Made by `connected`."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish (QoS 1), and return once the broker acknowledged it. Raises NotPublished.

        An MQTT 3.1.1 broker also acknowledges what it then drops because we may not publish there.
        """
        try:
            sent = self._client.publish(topic, payload, qos=1)
            sent.wait_for_publish(ANSWERED_WITHIN_S)
        except (ValueError, RuntimeError) as error:  # a topic that none may be; the connection is gone
            raise NotPublished(f"{topic!r}: {error}") from error
        if not sent.is_published():
            raise NotPublished(f"{topic!r}: the broker did not acknowledge it within {ANSWERED_WITHIN_S:.0f} s")


@contextmanager
def connected(broker: BrokerSettings) -> Iterator[Publisher]:
    """Connect for the time of a block. Raises NotPublished, and TlsError for its files."""
    answered, refused = threading.Event(), list[str]()

    def on_connect(_: paho.Client, __: object, ___: paho.ConnectFlags, reason: ReasonCode, ____: object) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        answered.set()

    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=f"wayproof-replay-{secrets.token_hex(4)}", reconnect_on_failure=False
    )
    if broker.tls is not None:
        client.tls_set_context(client_context(broker.tls))
    client.on_connect = on_connect
    where = f"the broker at {broker.host}:{broker.port}"
    try:
        client.connect(broker.host, broker.port, keepalive=KEEP_ALIVE_S)
    except OSError as error:
        raise NotPublished(f"{where} cannot be reached: {error}") from error
    client.loop_start()
    try:
        if not answered.wait(ANSWERED_WITHIN_S) or refused:
            raise NotPublished(f"{where} does not let us in: {', '.join(refused) or 'no answer'}")
        yield Publisher(client)
    finally:
        client.disconnect()
        client.loop_stop()
