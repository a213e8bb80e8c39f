"""Certificates of devices: a person's claim, the certificate of the device that comes with it, renewal, revocation.

The requests of devices (`certificates`, `renewals`) prove by themselves who sends them; the others are a person's.
"""

import base64
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cryptography import x509
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field

from wayproof.api.devices import Device, home_log, registered
from wayproof.api.models import Answer, Instant
from wayproof.api.problems import Refusal, not_found, refusals
from wayproof.api.resources import After, DeviceId, Held, Limit, Reading, Resources
from wayproof.api.submission import PENDING, Body, Pending, submit
from wayproof.enrolment import desk as desks
from wayproof.enrolment import register
from wayproof.enrolment.authority import pem
from wayproof.enrolment.certificate import name_of, now_utc
from wayproof.enrolment.desk import Desk, Taken
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.proof import der, enrolment_bytes, manufacturer_serial, require_signature
from wayproof.enrolment.request import read_certificate, read_request
from wayproof.log.keys import read_receipt_key, spki
from wayproof.settings import EnrolmentSettings
from wayproof.store.devices import describe_device
from wayproof.store.enrolment import list_certificates

router = APIRouter(tags=["enrolment"])

CHANGED = refusals(400, 403, 409, 413, 415, 503, 504)
Base64 = Annotated[str, Field(max_length=200, description="64 bytes in base64.")]
Pem = Annotated[str, Field(max_length=16_384)]


class ClaimBody(Body):
    """A device that may come: with the token that is answered, or with its manufacturer's serial number."""

    device_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    model: Annotated[str, Field(min_length=1, max_length=200)]
    serial: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    valid_for_s: Annotated[int | None, Field(ge=60, le=30 * 86_400)] = None


class DeviceClaim(Answer):
    """A claim; the token is shown once, here."""

    device_id: str
    token: str | None = None
    serial: str | None = None
    expires_at_ms: Instant


class ManufacturerBody(Body):
    """A manufacturer's certificate with what leads to its authority, and its key's signature over the request."""

    certificates: Annotated[list[Pem], Field(min_length=1, max_length=4)]
    signature: Base64


class RequestBody(Body):
    """A signing request (PKCS #10, PEM) and either a token or a manufacturer's certificate."""

    csr: Pem
    token: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    manufacturer: ManufacturerBody | None = None


class RenewalBody(Body):
    """A certificate that is still valid, and its key's signature over it and the time."""

    certificate: Pem
    signed_at_ms: Annotated[int, Field(ge=0, le=2**53 - 1)]
    signature: Base64


class RevocationBody(Body):
    """Why a device is revoked, in words that stay on the ledger."""

    reason: str


class BrokerAccess(Answer):
    """Where a device publishes; `authority` (PEM) is that of the broker's certificate."""

    host: str
    port: int
    authority: str


class Issued(Answer):
    """A certificate (PEM), and what else the device needs to know."""

    organisation: str
    device_id: str
    model: str
    certificate: str
    not_after_ms: Instant
    broker: BrokerAccess
    log_id: str
    receipt_keys: Annotated[list[str], Field(description="SubjectPublicKeyInfo DER, base64.")]


class DeviceCertificate(Answer):
    """The latest certificate of a device; revoked when the ledger has the device so."""

    device_id: str
    serial_number: str
    issued_at_ms: Instant
    not_after_ms: Instant
    revoked: bool


class CertificatePage(Answer):
    """A page of certificates, by device."""

    items: list[DeviceCertificate]
    next: str | None = None


@router.post(
    "/api/v1/enrolment/claims",
    status_code=201,
    response_model_exclude_none=True,
    responses=refusals(400, 413, 415, 503),
)
def claim(body: ClaimBody, resources: Held) -> DeviceClaim:
    """Let a device come once."""
    settings = _settings(resources)
    with resources.connection() as connection:
        made, token = desks.open_claim(
            connection,
            body.device_id,
            model=body.model,
            serial=body.serial,
            valid_for_s=body.valid_for_s or settings.claim_valid_s,
            now=now_utc(),
        )
    return DeviceClaim(device_id=made.device_id, token=token, serial=made.serial, expires_at_ms=made.expires_at_ms)


@router.post("/api/v1/enrolment/certificates", status_code=201, responses=CHANGED)
async def enrol(body: RequestBody, resources: Held) -> Issued:
    """Register the device of a claim on the ledger and issue its certificate; the same key may ask again."""
    now = now_utc()
    taken = await run_in_threadpool(_take, resources, body, now)
    log_id = await run_in_threadpool(home_log, resources)
    await register.register(
        resources.registrar.ledger, taken, organisation=resources.settings.organisation, home_log=log_id
    )
    return await run_in_threadpool(_issue, resources, taken, now)


@router.post("/api/v1/enrolment/renewals", status_code=201, responses=CHANGED)
def renew(body: RenewalBody, resources: Held) -> Issued:
    """Issue another certificate for the key of one that is valid."""
    with resources.connection() as connection, connection.transaction():
        certificate = _desk(resources).renew(
            connection,
            read_certificate(body.certificate),
            signed_at_ms=body.signed_at_ms,
            signature=_bytes(body.signature),
            now=now_utc(),
        )
        return _issued(resources, certificate, model="")


@router.get("/api/v1/certificates", response_model_exclude_none=True, responses=refusals(400, 503))
def list_all(connection: Reading, after: After = None, limit: Limit = 50) -> CertificatePage:
    """List the latest certificate of every device that has one."""
    found = list_certificates(connection, after=(after or "").replace("\0", ""), limit=limit + 1)
    items = [
        DeviceCertificate(
            device_id=it.device_id,
            serial_number=it.serial_number.hex(),
            issued_at_ms=it.issued_at_ms,
            not_after_ms=it.not_after_ms,
            revoked=it.status == "revoked",
        )
        for it in found[:limit]
    ]
    return CertificatePage(items=items, next=found[limit - 1].device_id if len(found) > limit else None)


@router.post(
    "/api/v1/devices/{device_id}/revocation",
    status_code=201,
    response_model=Device,
    response_model_exclude_none=True,
    responses={**PENDING, **refusals(400, 403, 404, 409, 413, 415, 503, 504)},
)
async def revoke(device_id: DeviceId, body: RevocationBody, resources: Held) -> Device | JSONResponse:
    """End a device's key on the ledger; what it signed up to the last positions held here still counts."""
    argument = await run_in_threadpool(_revocation, resources, device_id, body.reason)
    committed = await submit(resources, resources.registrar, "revoke_device", argument)
    if not committed.is_projected:
        return Pending.of(committed).answer()
    return await run_in_threadpool(registered, resources, device_id)


def _revocation(resources: Resources, device_id: str, reason: str) -> dict[str, object]:
    with resources.connection() as connection:
        found = describe_device(connection, device_id)
    if found is None:
        raise not_found(f"device {device_id}")
    return register.revocation(found, reason=reason)


def _take(resources: Resources, body: RequestBody, now: datetime) -> Taken:
    serial = _serial(_settings(resources), body, now=now)
    with resources.connection() as connection, connection.transaction():
        return desks.take(connection, body.csr, token=body.token, serial=serial, now=now)


def _serial(settings: EnrolmentSettings, body: RequestBody, *, now: datetime) -> str | None:
    """Return the serial number that a manufacturer vouches for; None where a token is shown instead."""
    if (body.token is None) == (body.manufacturer is None):
        raise Refusal("give a token or a manufacturer's certificate", code="malformed_argument", status=400)
    if body.manufacturer is None:
        return None
    chain = [read_certificate(it) for it in body.manufacturer.certificates]
    serial = manufacturer_serial(chain, authorities=_manufacturers(settings.manufacturer_ca), now=now)
    signed = enrolment_bytes(der(read_request(body.csr)))
    require_signature(_bytes(body.manufacturer.signature), signed=signed, by=chain[0])
    return serial


def _manufacturers(path: Path | None) -> Sequence[x509.Certificate]:
    if path is None:
        return ()
    try:
        return desks.authorities(path.read_bytes())
    except OSError as error:
        raise EnrolmentError(f"{path} cannot be read: {error.strerror}", code="authority_missing") from error


def _issue(resources: Resources, taken: Taken, now: datetime) -> Issued:
    with resources.connection() as connection:
        certificate = _desk(resources).issue(connection, taken, now=now)
    return _issued(resources, certificate, model=taken.model)


def _issued(resources: Resources, certificate: x509.Certificate, *, model: str) -> Issued:
    settings, log = _settings(resources), resources.settings.require_log()
    name = name_of(certificate)
    return Issued(
        organisation=name.organisation,
        device_id=name.device_id,
        model=model,
        certificate=pem(certificate).decode("ascii"),
        not_after_ms=int(certificate.not_valid_after_utc.timestamp()) * 1000,
        broker=BrokerAccess(
            host=settings.devices_host,
            port=settings.devices_port,
            authority=Folder.at(settings.directory).broker_authority().decode("ascii"),
        ),
        log_id=log.log_id,
        receipt_keys=[base64.b64encode(spki(read_receipt_key(log.receipt_key))).decode("ascii")],
    )


def _desk(resources: Resources) -> Desk:
    settings = _settings(resources)
    authority = Folder.at(settings.directory).authority()
    return Desk(resources.settings.organisation, authority, settings.valid_days)


def _settings(resources: Resources) -> EnrolmentSettings:
    settings = resources.settings.enrolment
    if settings is None or resources.settings.log is None:
        raise Refusal("this organisation issues no certificates to devices", code="no_enrolment", status=503)
    return settings


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise Refusal("signature: not base64", code="malformed_argument", status=400) from error
