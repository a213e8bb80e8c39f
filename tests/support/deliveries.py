"""What a device does until its messages are held: publish, and publish again, until receipts name them."""

from collections.abc import Sequence

from support.mqtt_line import Line
from support.site import Site
from support.telemetry_device import Device

SENDINGS, RESEND_S = 15, 2.0


def deliver(site: Site, device: Device, payloads: Sequence[bytes], *, wait: bool = True) -> None:
    """Publish a device's own messages; with `wait`, again until receipts name all that it sent."""
    with site.line(device) as own:
        own.subscribe(site.topic(device.device_id, kind="receipts"))
        for _ in range(SENDINGS if wait else 1):
            own.publish((device.topic, payload) for payload in payloads)
            if is_receipted(site, device, own) or not wait:
                return
    raise AssertionError(f"{device.device_id}: not everything is receipted")


def is_receipted(site: Site, device: Device, own: Line) -> bool:
    """Take the receipts that come; tell whether they name, in time, all that a device sent."""

    def has_come() -> bool:
        site.take_receipts(own)
        return site.receipted(device.device_id)

    return own.hears(has_come, within_s=RESEND_S)
