"""Who belongs to an organisation: X.509 identities under a Fabric MSP.

Source: Fabric's `msp/mspimplvalidate.go` with the rules of 1.4.3 and later: one chain to a root, not revoked, and with
NodeOUs exactly one of client, peer, admin, orderer. A certificate that expired later is not refused: `expired_at`
tells.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519

from wayproof_verifier.errors import EncodingError, IdentityError
from wayproof_verifier.fabric import signatures
from wayproof_verifier.fabric.certificates import Authorities, Certificate, read_pem
from wayproof_verifier.fabric.config_messages import FabricMSPConfig, FabricOUIdentifier
from wayproof_verifier.fabric.lenient import read_leniently
from wayproof_verifier.fabric.messages import SerializedIdentity

_CACHED_IDENTITIES: Final = 4096
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HASHES: Final = {"": hashes.SHA256(), "SHA2": hashes.SHA256(), "SHA3": hashes.SHA3_256()}


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified member of an organisation. Two are equal, and count once, when organisation and certificate are."""

    msp_id: str
    certificate: Certificate
    role: str | None = field(compare=False)  # client, peer, admin or orderer; None without NodeOUs
    admin: bool = field(compare=False)
    certifiers: bytes = field(compare=False)  # SHA-256 of the chain above the certificate
    algorithm: hashes.HashAlgorithm = field(compare=False)

    @property
    def fingerprint(self) -> str:
        """Hex SHA-256 of the certificate's DER: the `submitter` of the contract's events."""
        return hashlib.sha256(self.certificate.der).hexdigest()

    def verify(self, signature: bytes, *, message: bytes) -> None:
        """Check a signature over `message`; raise `SignatureError` otherwise."""
        signatures.verify(self.certificate.public_key, signature=signature, message=message, algorithm=self.algorithm)

    def expired_at(self, *, timestamp_ns: int) -> bool:
        """Tell whether the certificate was not valid at this instant: a finding by Fabric's rules, no refusal."""
        at_us = timestamp_ns // 1000
        before, after = self.certificate.not_before, self.certificate.not_after
        return not _microseconds(before) <= at_us <= _microseconds(after)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def identity_key(serialized: bytes) -> tuple[str, bytes]:
    """Return what names an identity that a configuration writes down: MSP id, hash of the certificate's signed part."""
    identity = SerializedIdentity.read(serialized)
    return identity.mspid, read_pem(identity.id_bytes).tbs_hash


@dataclass(frozen=True, slots=True)
class _Unit:
    """An organisational unit, and the authority that must have issued who carries it."""

    name: str
    issuer: Certificate | None


class Msp:
    """One organisation's membership rules."""

    def __init__(self, config: FabricMSPConfig, *, ed25519_allowed: bool = False) -> None:
        """Take the rules; Ed25519 needs the channel capability V3_0. Raise `IdentityError` if they are unusable."""
        if not config.name:
            raise IdentityError("an organisation without an MSP id")
        self.msp_id = config.name
        self._ed25519_allowed = ed25519_allowed
        self._authorities = Authorities(
            roots=map(read_pem, config.root_certs), intermediates=map(read_pem, config.intermediate_certs)
        )
        self._admins = frozenset(map(read_pem, config.admins))
        self._revocations = tuple(map(_read_revocations, config.revocation_list))
        self._required_units = tuple(map(_read_unit, config.organizational_unit_identifiers))
        self._roles = _read_roles(config)
        self._algorithm = _read_algorithm(config)

    def identity(self, certificate: Certificate) -> Identity:
        """Return the member that a certificate names; raise `IdentityError` if the rules do not accept it."""
        if isinstance(certificate.public_key, ed25519.Ed25519PublicKey) and not self._ed25519_allowed:
            raise IdentityError("an Ed25519 key in a channel without the capability V3_0")
        chain = self._authorities.chain(certificate)
        self._require_not_revoked(certificate, issuer=chain[1])
        self._require_units(certificate, issuer=chain[1])
        role = self._role(certificate, issuer=chain[1])
        return Identity(
            msp_id=self.msp_id,
            certificate=certificate,
            role=role,
            admin=role == "admin" or certificate in self._admins,
            certifiers=hashlib.sha256(b"".join(link.der for link in chain[1:])).digest(),
            algorithm=self._algorithm,
        )

    def _require_not_revoked(self, certificate: Certificate, *, issuer: Certificate) -> None:
        """Look for the serial number in the lists that name the issuer's key; Fabric ignores lists it did not sign."""
        for authority_key, revocations in self._revocations:
            listed = revocations.get_revoked_certificate_by_serial_number(certificate.parsed.serial_number)
            if listed is None or authority_key != issuer.subject_key:
                continue
            if revocations.is_signature_valid(issuer.parsed.public_key()):  # type: ignore[arg-type]
                raise IdentityError("the certificate is revoked")

    def _require_units(self, certificate: Certificate, *, issuer: Certificate) -> None:
        if self._required_units and not any(
            unit.name in certificate.units and unit.issuer in (None, issuer) for unit in self._required_units
        ):
            raise IdentityError("the certificate carries none of the organisational units that its organisation asks")

    def _role(self, certificate: Certificate, *, issuer: Certificate) -> str | None:
        if self._roles is None:
            return None
        found = [(role, unit) for role, unit in self._roles for name in certificate.units if name == unit.name]
        if not found and certificate in self._admins:
            return None
        if len(found) != 1:
            raise IdentityError("an identity is exactly one of client, peer, admin and orderer")
        role, unit = found[0]
        if unit.issuer not in (None, issuer):
            raise IdentityError(f"the unit {unit.name} was given by another authority than its organisation says")
        return role


def _read_unit(identifier: FabricOUIdentifier) -> _Unit:
    issuer = read_pem(identifier.certificate) if identifier.certificate else None
    return _Unit(identifier.organizational_unit_identifier, issuer)


def _read_roles(config: FabricMSPConfig) -> tuple[tuple[str, _Unit], ...] | None:
    units = config.fabric_node_ous
    if units is None or not units.enable:
        return None
    identifiers = {
        "client": units.client_ou_identifier,
        "peer": units.peer_ou_identifier,
        "admin": units.admin_ou_identifier,
        "orderer": units.orderer_ou_identifier,
    }
    return tuple((role, _read_unit(identifier)) for role, identifier in identifiers.items() if identifier)


def _read_algorithm(config: FabricMSPConfig) -> hashes.HashAlgorithm:
    family = config.crypto_config.signature_hash_family if config.crypto_config else ""
    if family not in _HASHES:
        raise IdentityError(f"the signature hash family {family!r} is not known")
    return _HASHES[family]


def _read_revocations(pem: bytes) -> tuple[bytes | None, x509.CertificateRevocationList]:
    try:
        revocations = x509.load_pem_x509_crl(pem)
        extension = revocations.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise EncodingError("a malformed revocation list, or one without an authority key identifier") from error
    return extension.value.key_identifier, revocations


class Membership:
    """The organisations of a channel configuration, and whom they know."""

    def __init__(self, msps: Iterable[Msp]) -> None:
        """Take the organisations; each identity is verified once and remembered by its bytes."""
        self._msps = {msp.msp_id: msp for msp in msps}
        self._remembered = lru_cache(_CACHED_IDENTITIES)(self._identity)

    def identity(self, serialized: bytes) -> Identity:
        """Return the verified identity behind `msp.SerializedIdentity` bytes; raise `IdentityError` otherwise.

        Clients send their certificate's file as it is, with CRLF or text above it, and peers read it. The bytes are
        always under the signature that they are asked for, and two forms of one certificate are one identity.
        """
        return self._remembered(serialized)

    def _identity(self, serialized: bytes) -> Identity:
        identity = read_leniently(SerializedIdentity, serialized)
        return self.member(identity.mspid, certificate=read_pem(identity.id_bytes))

    def member(self, msp_id: str, *, certificate: Certificate) -> Identity:
        """Return the verified identity of an organisation's certificate; raise `IdentityError` otherwise."""
        msp = self._msps.get(msp_id)
        if msp is None:
            raise IdentityError(f"the channel has no organisation {msp_id!r}")
        return msp.identity(certificate)
