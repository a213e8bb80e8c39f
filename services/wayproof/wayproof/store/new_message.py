"""A message as ingest hands it to the store. Pure."""

from typing import NamedTuple

from wayproof.store.measured import NOTHING, Measured


class NewMessage(NamedTuple):
    """A message of a known device as it is to be kept: each becomes one leaf of the log.

    Accepted: `stream` is its name ('' where nothing is signed). Refused: `stream` is None, `rejection` the code, and
    `message_hash` the SHA-256 of the payload. `entry` commits to salt, topic, payload and `received_at_ms`.
    """

    device_id: str
    received_at_ms: int
    topic: str
    payload: bytes
    salt: bytes
    entry: bytes
    message_hash: bytes
    stream: str | None = None
    boot: int = 0
    sequence: int = 0
    previous: bytes | None = None
    after: tuple[int, int] | None = None
    measured: Measured = NOTHING
    rejection: str | None = None
