"""Checkpoints: signed tree heads (c2sp.org/tlog-checkpoint), which are signed notes (c2sp.org/signed-note).

A checkpoint of ours has exactly three lines (origin, size, root), then an empty line and signatures. The log signs
with an Ed25519 key whose name is the origin; other signatures, of witnesses for instance, are passed over. Reading is
strict: one checkpoint has one text.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayproof.log.errors import CheckpointError
from wayproof_contract.merkle import EMPTY_ROOT, HASH_SIZE

ALGORITHM_ED25519 = b"\x01"
KEY_ID_SIZE = 4
PUBLIC_KEY_SIZE = 32
MAX_NOTE_SIZE = 64 * 1024
"""Bytes. A verifier accepts at least 16 signatures (signed-note), and post-quantum ones have up to 5 kB."""

MAX_SIZE = 2**53 - 1
"""Tree sizes are integers of the ledger's encoding (docs/reference/encoding.md)."""

Signer = Callable[[bytes], bytes]
"""Takes the text and returns its Ed25519 signature, 64 bytes: a private key's `sign`, or an HSM's."""

# No Unicode space (str.isspace), no plus, no control character: the rule for key names, and our rule for origins.
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_SIGNATURE_LINE = re.compile(r"— (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The name and Ed25519 public key (32 bytes) under which a log signs. Its text form is what Go calls a vkey."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise CheckpointError(
                f"{self.name!r} cannot name a key: leave out white space, plus and control characters"
            )
        if len(self.public_key) != PUBLIC_KEY_SIZE:
            raise CheckpointError(f"an Ed25519 public key has {PUBLIC_KEY_SIZE} bytes, not {len(self.public_key)}")

    def __str__(self) -> str:
        key = b64encode(ALGORITHM_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+hash+base64`. Raises CheckpointError unless it is the one text of an Ed25519 key."""
        name, _, rest = text.partition("+")
        key = _decode_base64(rest.partition("+")[2])
        if key[:1] != ALGORITHM_ED25519:
            raise CheckpointError("not an Ed25519 verifier key (algorithm byte 0x01)")
        parsed = cls(name, key[1:])
        if str(parsed) != text:
            raise CheckpointError("the verifier key's hash does not belong to its name and key")
        return parsed

    @property
    def key_id(self) -> bytes:
        """The key's hash, 4 bytes (signed-note, *Signatures*): an identifier, not a fingerprint to trust."""
        return sha256(self.name.encode() + b"\n" + ALGORITHM_ED25519 + self.public_key).digest()[:KEY_ID_SIZE]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head of one epoch of a log: origin line, number of leaves, root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.origin):
            raise CheckpointError(f"{self.origin!r} cannot be an origin: leave out white space, plus and controls")
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError(f"a tree size lies between 0 and {MAX_SIZE}, not at {self.size}")
        if len(self.root) != HASH_SIZE:
            raise CheckpointError(f"a root has {HASH_SIZE} bytes, not {len(self.root)}")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise CheckpointError("the tree without leaves has one root, and this is another")

    def text(self) -> bytes:
        """Return the note's text: what is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n".encode()


def epoch_origin(origin: str, *, epoch: int) -> str:
    """Return the origin line, and key name, of an epoch of a log."""
    return f"{origin}/{epoch}"


def sign_checkpoint(checkpoint: Checkpoint, *, key: VerifierKey, signer: Signer) -> bytes:
    """Return the signed note. Raises CheckpointError if signer, key and origin do not belong together."""
    text = checkpoint.text()
    signature = signer(text)
    line = f"— {key.name} {b64encode(key.key_id + signature).decode()}\n"
    note = text + b"\n" + line.encode()
    if verify_checkpoint(note, key=key) != checkpoint:
        raise CheckpointError("the signed checkpoint reads differently")
    return note


def verify_checkpoint(note: bytes, *, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint that a note carries, once every signature in it under `key` has verified.

    Raises CheckpointError: not a checkpoint in its one text, of another origin, not signed by `key`, wrongly signed.
    """
    text, signatures = _split(note)
    checkpoint = _read(text)
    if checkpoint.origin != key.name:
        raise CheckpointError(f"a checkpoint of {checkpoint.origin!r}, not of {key.name!r}")
    ours = [value for name, key_id, value in signatures if (name, key_id) == (key.name, key.key_id)]
    if not ours:
        raise CheckpointError(f"the checkpoint is not signed by {key}")
    for signature in ours:
        _verify_signature(signature, text=text, key=key)
    return checkpoint


def _split(note: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """Split a note into its text and its signatures (name, key id, signature)."""
    if len(note) > MAX_NOTE_SIZE:
        raise CheckpointError(f"a checkpoint has at most {MAX_NOTE_SIZE} bytes")
    text, separator, block = note.rpartition(b"\n\n")
    if not separator or not block.endswith(b"\n"):
        raise CheckpointError("not a signed note: text, empty line and signature lines are expected")
    return text + b"\n", list(_signatures(block))


def _signatures(block: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    try:
        lines = block.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError("not a signed note: it is not UTF-8") from error
    for line in lines:
        match = _SIGNATURE_LINE.fullmatch(line)
        if match is None or not _NAME.fullmatch(match[1]):
            raise CheckpointError("not a signed note: a signature line is malformed")
        value = _decode_base64(match[2])
        if len(value) <= KEY_ID_SIZE:
            raise CheckpointError("not a signed note: a signature is too short")
        yield match[1], value[:KEY_ID_SIZE], value[KEY_ID_SIZE:]


def _read(text: bytes) -> Checkpoint:
    """Read the three lines. What is written again must be the same text: one checkpoint, one form."""
    try:
        origin, size, root, end = text.decode().split("\n")
    except ValueError as error:  # UnicodeDecodeError is one
        raise CheckpointError("a checkpoint has three lines of UTF-8: origin, size, root") from error
    if not _DECIMAL.fullmatch(size) or len(size) > len(str(MAX_SIZE)):
        raise CheckpointError("a checkpoint's size is a decimal number without leading zeros")
    checkpoint = Checkpoint(origin, int(size), _decode_base64(root))
    if end or checkpoint.text() != text:
        raise CheckpointError("the checkpoint has a second encoding of the same thing")
    return checkpoint


def _verify_signature(signature: bytes, *, text: bytes, key: VerifierKey) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, text)
    except (InvalidSignature, ValueError) as error:
        raise CheckpointError(f"the signature of {key.name} does not belong to this checkpoint") from error


def _decode_base64(text: str) -> bytes:
    """Decode standard base64 in its one form: padded, unused bits zero (encoding.md)."""
    try:
        value = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise CheckpointError("not base64") from error
    if b64encode(value).decode() != text:
        raise CheckpointError("base64 with a second form of the same bytes")
    return value
