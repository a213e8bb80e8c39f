"""What sends a device's messages: one MQTT connection after another, until receipts name everything.

    with DeviceClient(device) as client:      # connects in its own thread; a dead broker is waited for
        device.record("conditions", measured=measured, observed_at_ms=now_ms)
        client.wait_until_receipted(30.0)

The rules:
- Only the spool knows what is to be sent. A PUBACK says that the next hop has a message, and frees nothing.
- The oldest messages are sent first, in the order of recording, at most `window` of them ahead of the receipts.
- Every connection begins with nothing: a fresh MQTT client, a fresh session. What is unreceipted is sent again.
- One thread owns the connection; others only write to the spool, which it looks at every `TICK_S`.
"""

import logging
import random
import threading
import time
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from wayproof.simulate.device import Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.receipt import ReceiptRejection
from wayproof.simulate.resend import Outstanding, pause_s
from wayproof.tls import TlsError, client_context

logger = logging.getLogger(__name__)

TICK_S = 0.1
KEEPALIVE_S = 30


class DeviceClient:
    """Sends what a device's spool holds, and hands it the receipts that come back.

    Close it before the device; to be online again, make another one.
    """

    def __init__(
        self,
        device: Device,
        *,
        window: int = 100,
        resend_after_s: float = 10.0,
        reconnect_after_s: float = 0.5,
        reconnect_at_most_s: float = 30.0,
    ) -> None:
        """Prepare a client; `resend_after_s` doubles with each time a message is sent, the reconnect delay likewise."""
        self._device = device
        self._window = window
        self._resend_after_s = resend_after_s
        self._reconnect_after_s = reconnect_after_s
        self._reconnect_at_most_s = reconnect_at_most_s
        self._stop = threading.Event()
        self._taken = threading.Condition()
        self._is_subscribed = False
        self._is_reachable = True
        self._thread = threading.Thread(target=self._run, name=f"device {device.identity.device_id}", daemon=True)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Begin: connect, and connect again whenever it is necessary, until `close`. Returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End the connection. What is not receipted stays in the spool."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def pending(self) -> int:
        """Return how many messages no receipt named yet."""
        return self._device.spool.tally().waiting

    def wait_until_receipted(self, timeout_s: float) -> bool:
        """Wait until nothing is pending; tell whether that is so."""
        with self._taken:
            return self._taken.wait_for(lambda: self.pending() == 0, timeout_s)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._is_subscribed = False
            try:
                self._serve()
            except (OSError, ValueError) as error:  # paho's word for a host that cannot be one is ValueError
                self._say_unreachable(str(error))
            except TlsError as error:
                self._say_unreachable(error.diagnostics())
            except DeviceError:
                logger.exception("the spool failed", extra=self._who())
            failures = 0 if self._is_subscribed else failures + 1
            self._stop.wait(
                pause_s(
                    failures,
                    first_s=self._reconnect_after_s,
                    longest_s=self._reconnect_at_most_s,
                    draw=random.uniform,
                )
            )

    def _serve(self) -> None:
        """Live through one connection, from its beginning to its end. Raises OSError if it cannot begin."""
        identity = self._device.identity
        connection = self._new_connection()
        outstanding = Outstanding(self._resend_after_s)
        try:
            connection.connect(identity.broker_host, identity.broker_port, keepalive=KEEPALIVE_S)
            while not self._stop.is_set():
                result = connection.loop(TICK_S)
                if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._say_unreachable(mqtt.error_string(result))
                    return
                if self._is_subscribed:
                    self._send(connection, outstanding)
        finally:
            connection.disconnect()

    def _send(self, connection: mqtt.Client, outstanding: Outstanding) -> None:
        """Hand the connection what is due, as far as its queue has room."""
        spool, topic = self._device.spool, self._device.identity.messages_topic
        now_s = time.monotonic()
        for number in outstanding.due(spool.waiting(self._window), now_s=now_s):
            message = spool.message(number)
            if message is None:
                continue
            if connection.publish(topic, message.payload, qos=1).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            outstanding.sent(number, now_s=now_s)

    def _new_connection(self) -> mqtt.Client:
        identity = self._device.identity
        connection = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{identity.organisation}/{identity.device_id}",
            clean_session=True,
            protocol=mqtt.MQTTv311,
        )
        tls = identity.tls(self._device.directory)
        if tls is not None:
            connection.tls_set_context(client_context(tls))
        connection.max_inflight_messages_set(self._window)
        connection.max_queued_messages_set(self._window)
        connection.on_connect = self._on_connect
        connection.on_subscribe = self._on_subscribe
        connection.on_message = self._on_message
        return connection

    def _on_connect(self, connection: mqtt.Client, _: Any, __: Any, reason: ReasonCode, ___: Any) -> None:  # noqa: ANN401 - as paho declares it
        if not reason.is_failure:
            connection.subscribe(self._device.identity.receipts_topic, qos=1)

    def _on_subscribe(self, connection: mqtt.Client, _: Any, __: int, reasons: list[ReasonCode], ___: Any) -> None:  # noqa: ANN401 - as paho declares it
        if any(reason.is_failure for reason in reasons):
            logger.warning("the broker refuses the receipts topic", extra=self._who())
            connection.disconnect()
            return
        self._is_subscribed = self._is_reachable = True
        logger.info("connected", extra=self._who())

    def _on_message(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - as paho declares it
        taken = self._device.take_receipt(bytes(message.payload))
        if isinstance(taken, ReceiptRejection):
            logger.warning("receipt refused", extra={**self._who(), "code": taken.code, "detail": taken.detail})
            return
        if taken.refused or taken.contradicted:
            facts = {"refused": taken.refused, "contradicted": [str(held) for held in taken.contradicted]}
            logger.warning("the platform refuses or contradicts messages", extra={**self._who(), **facts})
        with self._taken:
            self._taken.notify_all()

    def _say_unreachable(self, reason: str) -> None:
        """Log that the broker is away, once until it is there again."""
        if self._is_reachable:
            logger.warning("no broker: what is recorded stays in the spool", extra={**self._who(), "reason": reason})
        self._is_reachable = False

    def _who(self) -> dict[str, object]:
        identity = self._device.identity
        return {
            "device_id": identity.device_id,
            "broker": f"{identity.broker_host}:{identity.broker_port}",
        }
