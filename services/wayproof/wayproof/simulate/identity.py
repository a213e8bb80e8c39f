"""Who a device is: its description (`device.toml`) and its private key (`device.key`, readable by its owner only)."""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from wayproof.simulate.errors import DeviceError
from wayproof.tls import TlsFiles
from wayproof_verifier.telemetry import PublicKey, es256_signer, key_id, messages_topic, receipts_topic

DESCRIPTION, KEY = "device.toml", "device.key"
CERTIFICATE, BROKER_CA = "certificate.pem", "broker-ca.pem"
"""Of a device with `broker_tls`: its certificate, which is renewed in place, and the broker's authority."""
Algorithm = Literal["ES256", "EdDSA"]


class Identity(BaseModel):
    """What a device is told when it is provisioned; unknown members are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]
    """MSP id of the organisation that registered it."""
    device_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    algorithm: Algorithm
    model: str
    broker_host: Annotated[str, Field(min_length=1)]
    broker_port: Annotated[int, Field(ge=1, le=65535)]
    broker_tls: bool = False
    """Whether the broker is spoken to over TLS 1.3, with the device's certificate."""
    log_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """Its home log."""
    receipt_keys: Annotated[tuple[Base64Bytes, ...], Field(min_length=1)]
    """The log's receipt keys (SubjectPublicKeyInfo DER; base64 in the file): only what they sign is a receipt."""

    @property
    def messages_topic(self) -> str:
        """Where the device publishes."""
        return messages_topic(self.organisation, device_id=self.device_id)

    @property
    def receipts_topic(self) -> str:
        """Where the device is answered."""
        return receipts_topic(self.organisation, device_id=self.device_id)

    def tls(self, directory: Path) -> TlsFiles | None:
        """Return the files of TLS in the device's folder; None where it is not spoken."""
        if not self.broker_tls:
            return None
        return TlsFiles(directory / BROKER_CA, directory / CERTIFICATE, directory / KEY)

    def receipt_keys_by_id(self) -> Mapping[bytes, PublicKey]:
        """Return the log's receipt keys by key id. Raises DeviceError for what is no public key."""
        try:
            keys = [PublicKey.from_spki(der) for der in self.receipt_keys]
        except ValueError as error:
            raise DeviceError(f"a receipt key is {error}", code="device_incomplete") from error
        return {key.key_id: key for key in keys}

    def encode(self) -> str:
        """Return the description as TOML."""
        lines = [f"{name} = {_toml(value)}\n" for name, value in self.model_dump(mode="json").items()]
        return "# A device. Its private key and its spool lie beside this file: losing the spool ends the device.\n" + (
            "".join(lines)
        )


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A device's key pair: what it signs with, and what the registry knows of it."""

    algorithm: Algorithm
    public_key: bytes
    """SubjectPublicKeyInfo DER."""
    sign: Callable[[bytes], bytes]

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the public key."""
        return key_id(self.public_key)


def generate_key(algorithm: Algorithm) -> bytes:
    """Return a new private key: PKCS #8 in PEM."""
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(pem: bytes) -> DeviceKey:
    """Read a private key. Raises DeviceError for anything but P-256 and Ed25519."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise DeviceError(f"the device's key is not readable: {error}", code="device_incomplete") from error
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return DeviceKey("EdDSA", spki, key.sign)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == ec.SECP256R1.name:
        return DeviceKey("ES256", spki, es256_signer(key))
    raise DeviceError("a device's key is P-256 or Ed25519", code="device_incomplete")


def write(directory: Path, identity: Identity) -> None:
    """Write a new device's key and, last, its description. Raises FileExistsError where there is one already."""
    descriptor = os.open(directory / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(generate_key(identity.algorithm))
    describe(directory, identity)


def describe(directory: Path, identity: Identity) -> None:
    """Write the description of a device whose key is there. Raises FileExistsError where there is one already."""
    with (directory / DESCRIPTION).open("x", encoding="utf-8") as description:
        description.write(identity.encode())


def read(directory: Path) -> tuple[Identity, DeviceKey]:
    """Read a device's description and key. Raises DeviceError."""
    try:
        identity = Identity.model_validate(tomllib.loads((directory / DESCRIPTION).read_text("utf-8")))
        key = read_key((directory / KEY).read_bytes())
    except OSError as error:
        raise DeviceError(f"{directory} is not the folder of a device: {error}", code="device_incomplete") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise DeviceError(f"{directory / DESCRIPTION} is not usable: {error}", code="device_incomplete") from error
    if key.algorithm != identity.algorithm:
        raise DeviceError(
            f"the key is for {key.algorithm}, the description says {identity.algorithm}", code="device_incomplete"
        )
    return identity, key


def _toml(value: object) -> str:
    """Return a string, a number or a list of them in TOML; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
