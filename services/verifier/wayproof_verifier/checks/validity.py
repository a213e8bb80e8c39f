"""Certificates outside their validity: a finding, never a refusal.

Fabric asks for the validity of a certificate when it takes a proposal or a transaction in, by its own clock, and never
again: a certificate that expired later is as good as before (`identity`). Whoever relies on the evidence should still
know.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.x509.oid import NameOID

from wayproof_verifier.fabric.identity import Identity
from wayproof_verifier.report import Finding

_MS_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed a transaction or an endorsement of it; the time is what the transaction's client claims."""

    identity: Identity
    timestamp_ns: int
    tx_id: str


def findings(signed: Iterable[Signed], *, at_ms: int | None) -> Iterator[Finding]:
    """Name each certificate that has expired at `at_ms` (since 1970), and each that was used outside its validity."""
    expired: set[Identity] = set()
    early_or_late: set[Identity] = set()
    for each in signed:
        identity = each.identity
        if identity not in early_or_late and identity.expired_at(timestamp_ns=each.timestamp_ns):
            early_or_late.add(identity)
            text = f"{_name(identity)} signed outside the validity of the certificate, {_validity(identity)}"
            yield Finding("certificate_not_valid", text, f"transaction {each.tx_id}")
        elif identity not in expired and at_ms is not None and identity.expired_at(timestamp_ns=at_ms * _MS_NS):
            expired.add(identity)
            text = f"the certificate of {_name(identity)} was valid then and is not now: {_validity(identity)}"
            yield Finding("certificate_expired", text, f"transaction {each.tx_id}")


def _name(identity: Identity) -> str:
    names = identity.certificate.parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"{names[0].value!s} of {identity.msp_id}" if names else f"{identity.fingerprint} of {identity.msp_id}"


def _validity(identity: Identity) -> str:
    return (
        f"{identity.certificate.not_before:%Y-%m-%dT%H:%M:%SZ} to {identity.certificate.not_after:%Y-%m-%dT%H:%M:%SZ}"
    )
