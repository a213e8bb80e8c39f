"""Where it is decided whether a certificate is issued: over the store, in the caller's transaction.

A claim is good for one key: who comes again with the same key, because an answer was lost, gets another certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509

from wayproof.enrolment import certificate as certificates
from wayproof.enrolment.authority import Authority
from wayproof.enrolment.certificate import DeviceName, name_of
from wayproof.enrolment.claim import new_token, token_hash
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.proof import der, renewal_bytes, require_fresh, require_signature
from wayproof.enrolment.request import public_key_of, requested_key
from wayproof.store.connection import Connection
from wayproof.store.devices import RegisteredDevice, find_devices
from wayproof.store.enrolment import (
    Claim,
    StoredCertificate,
    add_certificate,
    add_claim,
    find_certificate,
    find_claim,
    take_claim,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim that a key has taken: which device may have a certificate for it."""

    device_id: str
    model: str
    public_key: bytes
    """SubjectPublicKeyInfo DER."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Issues certificates of one organisation's devices, for `days`."""

    organisation: str
    authority: Authority
    days: int

    def issue(self, connection: Connection, taken: Taken, *, now: datetime) -> x509.Certificate:
        """Issue a certificate and keep it."""
        certificate = self.authority.sign(
            certificates.device_certificate(
                DeviceName(self.organisation, taken.device_id),
                public_key=taken.public_key,
                issuer=self.authority.certificate,
                now=now,
                days=self.days,
            )
        )
        add_certificate(
            connection,
            StoredCertificate(
                serial_number=certificates.serial_bytes(certificate),
                device_id=taken.device_id,
                key_id=sha256(taken.public_key).digest(),
                certificate=der(certificate),
                issued_at_ms=_ms(now),
                not_after_ms=_ms(certificate.not_valid_after_utc),
            ),
        )
        return certificate

    def renew(
        self, connection: Connection, presented: x509.Certificate, *, signed_at_ms: int, signature: bytes, now: datetime
    ) -> x509.Certificate:
        """Issue another certificate for the key of one that is valid. Raises EnrolmentError."""
        stored = find_certificate(connection, certificates.serial_bytes(presented))
        if stored is None or stored.certificate != der(presented):
            raise EnrolmentError("this certificate was not issued here", code="certificate_unknown")
        name = name_of(presented)
        if stored.not_after_ms <= _ms(now):
            raise EnrolmentError("the certificate has ended: claim the device again", code="certificate_expired")
        require_fresh(signed_at_ms, now_ms=_ms(now))
        require_signature(signature, signed=renewal_bytes(der(presented), signed_at_ms=signed_at_ms), by=presented)
        registered = find_devices(connection, [name.device_id]).get(name.device_id)
        require_current(registered, key_id=stored.key_id)
        return self.issue(connection, Taken(name.device_id, "", public_key_of(presented)), now=now)


def open_claim(
    connection: Connection, device_id: str, *, model: str, serial: str | None, valid_for_s: int, now: datetime
) -> tuple[Claim, str | None]:
    """Let a device come, and return its claim with the token, which is not kept; no token with a serial number."""
    token = new_token() if serial is None else None
    claim = Claim(
        device_id=device_id,
        model=model,
        token_hash=None if token is None else token_hash(token),
        serial=serial,
        created_at_ms=_ms(now),
        expires_at_ms=_ms(now) + valid_for_s * 1000,
    )
    add_claim(connection, claim)
    return claim, token


def take(connection: Connection, request_pem: str, *, token: str | None, serial: str | None, now: datetime) -> Taken:
    """Let the key of a signing request take a claim. Raises EnrolmentError. In a transaction of the caller's."""
    claim = find_claim(connection, token_hash=None if token is None else token_hash(token), serial=serial)
    if claim is None:
        raise EnrolmentError("nobody expects this device: claim it first", code="claim_unknown")
    public_key = requested_key(request_pem, device_id=claim.device_id)
    key_id = sha256(public_key).digest()
    if claim.key_id is not None and claim.key_id != key_id:
        raise EnrolmentError(
            "another key has used this claim: revoke that device if it is not yours", code="claim_used"
        )
    if claim.expires_at_ms <= _ms(now):
        raise EnrolmentError("the claim has ended: ask for another one", code="claim_expired")
    if claim.key_id is None:
        take_claim(connection, claim, key_id=key_id, now_ms=_ms(now))
    return Taken(claim.device_id, claim.model, public_key)


def require_current(registered: RegisteredDevice | None, *, key_id: bytes) -> None:
    """Raise EnrolmentError unless a device of the register has this key now."""
    if registered is None:
        raise EnrolmentError("the device is not registered, or not yet projected", code="certificate_unknown")
    present = registered.keys[-1]
    if present.has_ended:
        raise EnrolmentError("the device is revoked: register another one", code="device_revoked")
    if present.key_id != key_id:
        raise EnrolmentError("the device has another key now: claim it again", code="device_exists")


def authorities(pem: bytes) -> Sequence[x509.Certificate]:
    """Read the authorities of manufacturers from a PEM file's bytes. Raises EnrolmentError."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise EnrolmentError("the file of manufacturers' authorities holds none", code="authority_missing") from error


def _ms(instant: datetime) -> int:
    return int(instant.timestamp()) * 1000
