"""What a device must not do, for demonstrations and tests of those who must notice."""

from collections.abc import Sequence

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from wayproof.simulate.device import Device, sign_message
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.identity import DeviceKey, generate_key, read_key
from wayproof.simulate.pack import Measured, encode_pack
from wayproof.simulate.spool import Place, SpooledMessage
from wayproof_verifier.telemetry import Message, decode

PUBLISH_WITHIN_S = 10.0


def equivocation(
    device: Device, message: SpooledMessage, *, measured: Sequence[Measured], observed_at_ms: int
) -> bytes:
    """Return a second message in the place of a recorded one, other readings under the device's own signature."""
    pack = encode_pack(measured, observed_at_ms=observed_at_ms)
    return sign_message(pack, place=_place(device, message), key=device.key)


def forgery(device: Device, message: SpooledMessage, *, measured: Sequence[Measured], observed_at_ms: int) -> bytes:
    """Return a message after a recorded one, under the device's key id and with a stranger's signature."""
    stranger = read_key(generate_key(device.key.algorithm))
    place = Place(message.stream, message.boot, message.sequence + 1, message.message_hash, None)
    claimed = DeviceKey(device.key.algorithm, device.key.public_key, stranger.sign)
    return sign_message(encode_pack(measured, observed_at_ms=observed_at_ms), place=place, key=claimed)


def publish(payload: bytes, *, topic: str, broker_host: str, broker_port: int) -> None:
    """Publish any bytes on any topic, past the spool: a message again, or on somebody else's topic.

    Returns once the broker has them. Raises DeviceError if it does not take them.
    """
    connection = mqtt.Client(CallbackAPIVersion.VERSION2)
    try:
        connection.connect(broker_host, broker_port)
        connection.loop_start()
        published = connection.publish(topic, payload, qos=1)
        published.wait_for_publish(PUBLISH_WITHIN_S)
    except (OSError, ValueError, RuntimeError) as error:
        raise DeviceError(f"the broker does not take it: {error}", code="device_broker") from error
    finally:
        connection.disconnect()
        connection.loop_stop()
    if not published.is_published():
        raise DeviceError(f"the broker does not acknowledge within {PUBLISH_WITHIN_S} s", code="device_broker")


def _place(device: Device, message: SpooledMessage) -> Place:
    decoded = decode(message.payload, topic=device.identity.messages_topic)
    if not isinstance(decoded, Message):
        raise DeviceError(f"the spool holds what is no message: {decoded.code}")
    return Place(decoded.stream, decoded.boot, decoded.sequence, decoded.previous, decoded.after)
