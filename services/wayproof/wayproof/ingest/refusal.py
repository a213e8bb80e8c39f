"""Why the platform refuses what the bytes alone do not decide: stable codes beside the verifier's `RejectionCode`."""

from dataclasses import dataclass
from enum import StrEnum

from wayproof_verifier.telemetry import RejectionCode


class PlatformCode(StrEnum):
    """What is wrong here and now; none of them is final. A value is never renamed or used for anything else."""

    UNKNOWN_DEVICE = "unknown_device"
    """The device is not registered, or the registration has not reached us yet."""
    OTHER_ORGANISATION = "other_organisation"
    """The topic, or the device that it names, belongs to another organisation."""
    OTHER_LOG = "other_log"
    """The device's home log is not the one that is kept here."""
    NOT_SIGNED = "not_signed"
    """The device is registered with a key, and this message bears no signature."""
    KEY_ENDED = "key_ended"
    """The key was rotated or revoked, and the message lies beyond the position up to which it counts."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A payload that is not accepted.

    `device_id` is the registered device on whose topic it came, None if there is none. `is_entry`: it is kept as a row
    of `message` and becomes a leaf of the log; otherwise it is only counted. `is_final`: the bytes alone decide it, so
    the device is told to give it up.
    """

    code: RejectionCode | PlatformCode
    detail: str
    device_id: str | None = None
    is_entry: bool = False
    is_final: bool = False
