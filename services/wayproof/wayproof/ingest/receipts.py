"""What a device is told: the ranges that are held, what is refused for good. Signed with the log's receipt key."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from wayproof.settings import SettingsError
from wayproof_verifier.telemetry import Held, PublicKey, Receipt, Refused, encode_receipt, es256_signer
from wayproof_verifier.telemetry.envelope import Signer

MOST_LINES = 1000
"""Ranges and refusals of one receipt: with them it stays below the longest payload (262,144 bytes)."""

Place = tuple[str, int, int]
"""Stream, boot, sequence."""


class Placed(Protocol):
    """A message as far as a receipt speaks of it."""

    @property
    def stream(self) -> str:
        """The stream's name."""

    @property
    def boot(self) -> int:
        """The device's start counter."""

    @property
    def sequence(self) -> int:
        """The message's number within the boot."""

    @property
    def message_hash(self) -> bytes:
        """What the next message carries."""

    @property
    def previous(self) -> bytes | None:
        """The message hash of the message before."""

    @property
    def is_signed(self) -> bool:
        """Whether it has a place at all."""


@dataclass(slots=True)
class Told:
    """What one device is to be told of one group: its messages that are held, and its payloads that are refused."""

    held: list[Placed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """The log's receipt key."""

    public: PublicKey
    sign: Signer

    @classmethod
    def of(cls, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> "ReceiptKey":
        """Take a private key: Ed25519 or P-256. Raises ValueError for another curve."""
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        signer = key.sign if isinstance(key, ed25519.Ed25519PrivateKey) else es256_signer(key)
        return cls(PublicKey.from_spki(spki), signer)

    @classmethod
    def read(cls, path: Path) -> "ReceiptKey":
        """Read a private key from a PEM file. Raises SettingsError."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise SettingsError(f"log.receipt_key: {path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError) as error:  # TypeError: it is encrypted
            raise SettingsError(f"log.receipt_key: {path} is no private key in PEM, or is encrypted") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            raise SettingsError(f"log.receipt_key: {path} is neither an Ed25519 nor a P-256 key")
        try:
            return cls.of(key)
        except ValueError as error:
            raise SettingsError(f"log.receipt_key: {path}: {error}") from error

    def encode(self, receipt: Receipt) -> bytes:
        """Return a signed receipt as it is published."""
        return encode_receipt(receipt, algorithm=self.public.algorithm, key_id=self.public.key_id, sign=self.sign)


def ranges(held: Iterable[Placed]) -> tuple[Held, ...]:
    """Return messages as ranges, in order: neighbours are one range only where the later carries the earlier's hash.

    So each variant of an equivocation stands in a range of its own, and the last hash of a range says what all of it
    is. Unsigned messages have no place, so no receipt can name them.
    """
    signed = {(it.stream, it.boot, it.sequence, it.message_hash): it for it in held if it.is_signed}
    found: list[Held] = []
    growing: dict[tuple[Place, bytes | None], int] = {}
    for (stream, boot, sequence, message_hash), message in sorted(signed.items()):
        place = growing.pop(((stream, boot, sequence - 1), message.previous), None)
        if place is None:
            place = len(found)
            found.append(Held(stream, boot, sequence, sequence, message_hash))
        else:
            found[place] = replace(found[place], last=sequence, last_hash=message_hash)
        growing[(stream, boot, sequence), message_hash] = place
    return tuple(found)


def receipts(told: Told, *, blank: Receipt) -> Iterator[Receipt]:
    """Yield what there is to say to a device: `blank` filled in, several times if one receipt does not hold it."""
    held = iter(ranges(told.held))
    refused = iter(_once(told.refused))
    while True:
        of_held = tuple(islice(held, MOST_LINES))
        of_refused = tuple(islice(refused, MOST_LINES - len(of_held)))
        if not of_held and not of_refused:
            return
        yield replace(blank, held=of_held, refused=of_refused)


def _once(refused: Sequence[Refused]) -> list[Refused]:
    return list({it.payload_hash: it for it in refused}.values())
