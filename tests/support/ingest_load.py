"""Messages as a fleet sends them, built beforehand: unsigned, or signed by each device in a chain of its own."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.ingest_world import LOG_ID, ORGANISATION
from support.telemetry_device import Device
from wayproof.store.connection import Connection
from wayproof_verifier.telemetry import SENML_JSON, encode_message
from wayproof_verifier.telemetry.envelope import message_hash

KINDS = ("unsigned", "ES256", "EdDSA")
NAMES = (
    ("temperature", "Cel"),
    ("humidity", "%RH"),
    ("battery", "%EL"),
    ("light", "lx"),
    ("pressure", "Pa"),
    ("shock", "m/s2"),
    ("altitude", "m"),
    ("latitude", "lat"),
    ("longitude", "lon"),
    ("door-count", "count"),
)
T = int(time.time()) // 86_400 * 86_400
"""When the first message measures, in seconds: today, so that readings lie in a table of their week."""


@dataclass
class Load:
    """A fleet: `kind` is `unsigned` or a signature algorithm; each message has so many readings, one pack a minute."""

    kind: str = "unsigned"
    devices: int = 100
    readings: int = 1
    first: int = 0
    """Number of the first message."""
    fleet: list[Device] = field(init=False)

    def __post_init__(self) -> None:
        algorithm = "EdDSA" if self.kind == "unsigned" else self.kind
        self.fleet = [
            Device(f"reefer-{self.kind}-{self.readings}-{number}", organisation=ORGANISATION, algorithm=algorithm)
            for number in range(self.devices)
        ]
        self._previous: dict[str, bytes] = {}
        self._sent = itertools.count(self.first)

    def register(self, connection: Connection) -> None:
        """Register the fleet as the projection would."""
        for device in self.fleet:
            connection.execute(
                "INSERT INTO device (device_id, organisation, home_log, model, status, head)"
                " VALUES (%s, %s, %s, 'logger', 'active', '{}')",
                [device.device_id, ORGANISATION, LOG_ID],
            )
            unsigned = self.kind == "unsigned"
            key = (None, "none", None) if unsigned else (device.key.key_id, device.algorithm, device.spki)
            connection.execute("INSERT INTO device_key VALUES (%s, 0, %s, %s, %s, 0)", [device.device_id, *key])

    def messages(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Yield topics and payloads, the devices taking turns."""
        for number in itertools.islice(self._sent, count):
            turn, which = divmod(number, self.devices)
            device = self.fleet[which]
            pack = self.pack(number)
            yield device.topic, pack if self.kind == "unsigned" else self._signed(device, pack, sequence=turn + 1)

    def pack(self, number: int) -> bytes:
        """Return the pack of the fleet's message of this number."""
        at = f"{T + number // 10}.{number % 10}"
        records = [
            f'{{"n":"{name}","u":"{unit}","t":{at},"v":{(number * 7 + place) % 4000 / 100}}}'
            for place, (name, unit) in enumerate(NAMES[: self.readings])
        ]
        return f"[{','.join(records)}]".encode()

    def _signed(self, device: Device, pack: bytes, *, sequence: int) -> bytes:
        hashed: list[bytes] = []

        def sign(signed: bytes) -> bytes:
            hashed.append(message_hash(signed))
            return device.sign(signed)

        payload = encode_message(
            pack,
            content_type=SENML_JSON,
            algorithm=device.algorithm,
            key_id=device.key.key_id,
            stream="conditions",
            boot=1,
            sequence=sequence,
            previous=self._previous.get(device.device_id, bytes(32)),
            after=None,
            sign=sign,
        )
        (self._previous[device.device_id],) = hashed
        return payload
