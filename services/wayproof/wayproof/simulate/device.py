"""A device: it numbers, chains and signs what it measures, and keeps it until a receipt names it.

    with Device.open(directory) as device:
        device.record("conditions", measured=records({"temperature": 4.5}), observed_at_ms=now_ms)

**Where a message is signed**: `Device.record`, inside the spool's transaction. What sends it is `simulate.client`.
"""

import base64
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from wayproof.simulate import identity as identities
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.identity import Algorithm, DeviceKey, Identity
from wayproof.simulate.pack import Measured, encode_pack
from wayproof.simulate.receipt import ReceiptRejection, check_receipt
from wayproof.simulate.spool import Place, Spool, SpooledMessage, Taken
from wayproof_verifier.telemetry import SENML_JSON, Message, decode, encode_message

SPOOL = "spool.sqlite"


@dataclass(frozen=True, slots=True)
class Device:
    """An open device: its identity, its key, and its spool, which no other process can open meanwhile."""

    identity: Identity
    key: DeviceKey
    spool: Spool
    directory: Path

    @classmethod
    def provision(
        cls,
        directory: Path,
        *,
        organisation: str,
        device_id: str,
        broker_host: str,
        broker_port: int,
        log_id: str,
        receipt_keys: Iterable[bytes],
        algorithm: Algorithm = "ES256",
        model: str = "simulated logger",
    ) -> Self:
        """Make a device in a folder (new, or empty) and open it. Raises DeviceError.

        `receipt_keys` are the home log's (SubjectPublicKeyInfo DER). Its own public key is then for the registry.
        """
        try:
            identity = Identity(
                organisation=organisation,
                device_id=device_id,
                algorithm=algorithm,
                model=model,
                broker_host=broker_host,
                broker_port=broker_port,
                log_id=log_id,
                receipt_keys=tuple(base64.b64encode(key) for key in receipt_keys),
            )
        except ValidationError as error:
            raise DeviceError(f"no device can be like that: {error}", code="device_incomplete") from error
        identity.receipt_keys_by_id()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(directory.iterdir()):
                raise DeviceError(f"{directory} holds something already; name an empty folder", code="device_exists")
            Spool.create(directory / SPOOL)
            identities.write(directory, identity)
        except OSError as error:
            raise DeviceError(f"the device cannot be written: {error}", code="device_incomplete") from error
        return cls.open(directory)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open a device for this process: a boot of its own begins. Raises DeviceError."""
        identity, key = identities.read(directory)
        identity.receipt_keys_by_id()
        return cls(identity, key, Spool(directory / SPOOL), directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the device back; what it recorded is on its disk."""
        self.spool.close()

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo DER."""
        return self.key.public_key

    def record(self, stream: str, *, measured: Sequence[Measured], observed_at_ms: int) -> SpooledMessage:
        """Sign a stream's next message and return it once it is on the disk: from then on it is kept and sent.

        `measured` are SenML records (`simulate.pack.records` makes them), relative to `observed_at_ms`. Raises
        DeviceError, with nothing recorded: a reading that the platform would refuse, a spool that cannot be written.
        """
        pack = encode_pack(measured, observed_at_ms=observed_at_ms)

        def sign(place: Place) -> tuple[bytes, bytes]:
            payload = sign_message(pack, place=place, key=self.key)
            message = decode(payload, topic=self.identity.messages_topic)
            if not isinstance(message, Message):
                raise DeviceError(
                    f"nobody accepts this reading: {message.code}: {message.detail}", code="device_reading"
                )
            return payload, message.message_hash

        return self.spool.append(stream, sign=sign)

    def position(self, stream: str) -> dict[str, str | int]:
        """Return the position of a stream's last message, as the contract takes it."""
        boot, sequence, message_hash = self.spool.last(stream)
        return {
            "device_id": self.identity.device_id,
            "stream": stream,
            "boot": boot,
            "sequence": sequence,
            "hash": message_hash.hex(),
        }

    def take_receipt(self, data: bytes) -> Taken | ReceiptRejection:
        """Free what a receipt names; a receipt that is not for this device and signed by its log frees nothing."""
        receipt = check_receipt(
            data,
            device_id=self.identity.device_id,
            log_id=self.identity.log_id,
            keys=self.identity.receipt_keys_by_id(),
        )
        if isinstance(receipt, ReceiptRejection):
            return receipt
        return self.spool.take(receipt, data, taken_at_ms=time.time_ns() // 1_000_000)

    def receipts_file(self) -> bytes:
        """Return the receipts that are kept as `wayproof-verify --receipts` reads them."""
        texts = (base64.b64encode(receipt).decode() for receipt in self.spool.receipts())
        return "".join(f'{{"receipt":"{text}"}}\n' for text in texts).encode()


def sign_message(pack: bytes, *, place: Place, key: DeviceKey) -> bytes:
    """Return the payload of a pack signed at a place, right or wrong."""
    return encode_message(
        pack,
        content_type=SENML_JSON,
        algorithm=key.algorithm,
        key_id=key.key_id,
        stream=place.stream,
        boot=place.boot,
        sequence=place.sequence,
        previous=place.previous,
        after=place.after,
        sign=key.sign,
    )
