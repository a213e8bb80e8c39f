"""What goes wrong around a device, by code.

device_exists            the folder for a new device holds something already
device_incomplete        the folder is not that of a device, or a part of it is missing or unusable
device_in_use            another process works with this device's spool
device_reading           a reading that no platform would accept: nothing was signed or numbered
device_spool             the spool cannot be read or written; what was recorded before is kept
device_spool_full        the disk is full: nothing more is recorded until receipts, or somebody, make room
device_broker            the broker does not take what is published past the spool
device_replay            a file of readings to replay is not readable
"""

from wayproof.errors import WayproofError

SPOOL_FULL = "device_spool_full"


class DeviceError(WayproofError):
    """A device cannot be made, opened or used as asked."""

    code = "device_spool"
