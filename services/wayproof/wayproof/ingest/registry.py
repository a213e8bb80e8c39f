"""The device register as ingest remembers it: read from the store in one query for a whole group of messages.

What is known is believed for a while; what is not known is asked again, but for each device at most once a second, so
that strangers cost one question a group however many they are.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from wayproof.store.connection import Connection
from wayproof.store.devices import RegisteredDevice, find_devices
from wayproof.store.key_end import KeyEnd, Position, is_beyond, key_end
from wayproof_verifier.telemetry import PublicKey

BELIEVED_S = 10.0
"""How long a device's record is used before it is read again."""
ASKED_AGAIN_S = 1.0
"""The least time between two questions for the same device."""
MOST_REMEMBERED = 50_000
"""Devices, registered or not; beyond, all are forgotten and asked for anew."""

UNSIGNED = "none"
"""The algorithm of a device that does not sign."""


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device, ready to verify: every key it ever had by key id, ended ones too.

    `ends` tells, by key id, up to which positions a key that ended counts.
    """

    device_id: str
    organisation: str
    home_log: str
    keys: Mapping[bytes, PublicKey]
    may_be_unsigned: bool
    ends: Mapping[bytes, KeyEnd] = field(default_factory=dict)

    def has_key_ended(self, key_id: bytes, *, stream: str, position: Position) -> bool:
        """Tell whether a key ended before this position, so that a message that comes now can never count."""
        end = self.ends.get(key_id)
        return end is not None and is_beyond(end, stream=stream, position=position)


@dataclass(frozen=True, slots=True)
class _Answer:
    device: Device | None
    read_at_s: float


class Registry:
    """The register, remembered. Not shared between threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[str, _Answer] = {}

    def device(self, device_id: str) -> Device | None:
        """Return a device as it was last read, None if it is not registered. Asks nobody."""
        answer = self._answers.get(device_id)
        return answer.device if answer else None

    def look_up(self, connection: Connection, device_ids: Iterable[str]) -> None:
        """Read the devices that are not known, or were read too long ago."""
        self._read(connection, [it for it in set(device_ids) if self._age_s(it) > self._believed_s(it)])

    def look_again(self, connection: Connection, device_ids: Iterable[str]) -> set[str]:
        """Read devices again whose record seems out of date; return those that were read."""
        again = [it for it in set(device_ids) if self._age_s(it) > ASKED_AGAIN_S]
        self._read(connection, again)
        return set(again)

    def _believed_s(self, device_id: str) -> float:
        return ASKED_AGAIN_S if self.device(device_id) is None else BELIEVED_S

    def _age_s(self, device_id: str) -> float:
        answer = self._answers.get(device_id)
        return self._clock() - answer.read_at_s if answer else float("inf")

    def _read(self, connection: Connection, device_ids: list[str]) -> None:
        if not device_ids:
            return
        if len(self._answers) + len(device_ids) > MOST_REMEMBERED:
            self._answers.clear()
        found = find_devices(connection, device_ids)
        now_s = self._clock()
        for device_id in device_ids:
            registered = found.get(device_id)
            self._answers[device_id] = _Answer(ready(registered) if registered else None, now_s)


def ready(registered: RegisteredDevice) -> Device:
    """Return a device of the register with its keys ready to verify; the contract has checked that they are keys."""
    keys = [PublicKey.from_spki(key.public_key) for key in registered.keys if key.public_key is not None]
    latest = registered.keys[-1]
    return Device(
        device_id=registered.device_id,
        organisation=registered.organisation,
        home_log=registered.home_log,
        keys={key.key_id: key for key in keys},
        may_be_unsigned=latest.algorithm == UNSIGNED and not latest.has_ended,
        ends={
            it.key_id: key_end(it.last_positions)
            for it in registered.keys
            if it.key_id is not None and it.last_positions is not None
        },
    )
