"""Who belongs to an organisation: X.509 identities under a Fabric MSP."""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified member of an organisation. Counted by `key`, whatever its PEM looked like."""

    msp_id: str
    certificate: x509.Certificate
    role: str | None  # client, peer, admin or orderer; None where the organisation has no NodeOUs
    key: tuple[str, bytes]

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the certificate's DER: the `submitter` of the contract's events."""
        raise NotImplementedError

    def verify(self, signature: bytes, *, message: bytes) -> None:
        """Check a signature over `message`; raise `SignatureError` otherwise."""
        raise NotImplementedError

    def expired_at(self, *, timestamp_ns: int) -> bool:
        """Tell whether the certificate was not valid at this instant: recorded by Fabric's rules, not refused."""
        raise NotImplementedError


class Membership:
    """The organisations of a channel configuration, and whom they know."""

    def __init__(self, msps: Iterable[object]) -> None:
        raise NotImplementedError

    def identity(self, serialized: bytes) -> Identity:
        """Return the verified identity behind `msp.SerializedIdentity` bytes; raise `IdentityError` otherwise."""
        raise NotImplementedError
