"""How a device gets its certificate, and the next one: its key is made here and never leaves the folder.

Broken off anywhere, `enrol` is called again with the same token: it goes on with the key that is there.
"""

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from wayproof.enrolment.certificate import name_of
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.proof import der, enrolment_bytes, renewal_bytes
from wayproof.enrolment.request import read_certificate
from wayproof.simulate import identity as identities
from wayproof.simulate.device import SPOOL, Device
from wayproof.simulate.errors import DeviceError
from wayproof.simulate.identity import BROKER_CA, CERTIFICATE, DESCRIPTION, KEY, Algorithm, Identity
from wayproof.simulate.spool import Spool

WITHIN_S = 60.0


def enrol(
    directory: Path,
    *,
    api: str,
    token: str | None = None,
    manufacturer: tuple[Sequence[bytes], bytes] | None = None,
    algorithm: Algorithm = "ES256",
) -> Device:
    """Make a device in a folder, and open it: its key, its certificate, its spool. Raises DeviceError, EnrolmentError.

    It shows a token, or its manufacturer's certificate (PEM, with what leads to an authority) and the key of that.
    """
    if (directory / DESCRIPTION).exists():
        raise DeviceError(f"{directory} holds a device already", code="device_exists")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = _key(directory / KEY, algorithm=algorithm)
    request = _request(pem)
    asked: dict[str, Any] = {"csr": request.public_bytes(Encoding.PEM).decode("ascii")}
    if token is not None:
        asked["token"] = token
    if manufacturer is not None:
        chain, key = manufacturer
        signature = identities.read_key(key).sign(enrolment_bytes(der(request)))
        asked["manufacturer"] = {
            "certificates": [it.decode("ascii") for it in chain],
            "signature": base64.b64encode(signature).decode("ascii"),
        }
    issued = _post(f"{api}/api/v1/enrolment/certificates", asked)
    _write(directory, issued)
    (directory / SPOOL).unlink(missing_ok=True)  # without a description nothing was ever recorded in it
    Spool.create(directory / SPOOL)
    described = Identity(
        organisation=issued["organisation"],
        device_id=issued["device_id"],
        algorithm=identities.read_key(pem).algorithm,
        model=issued["model"],
        broker_host=issued["broker"]["host"],
        broker_port=issued["broker"]["port"],
        broker_tls=True,
        log_id=issued["log_id"],
        receipt_keys=issued["receipt_keys"],
    )
    identities.describe(directory, described)
    return Device.open(directory)


def renew(directory: Path, *, api: str, now_ms: int | None = None) -> x509.Certificate:
    """Replace a device's certificate by another one for its key, and return it. Raises DeviceError, EnrolmentError.

    The device may be in use: its next connection is made with the new certificate.
    """
    _, key = identities.read(directory)
    presented = read_certificate(_read(directory / CERTIFICATE))
    signed_at_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    issued = _post(
        f"{api}/api/v1/enrolment/renewals",
        {
            "certificate": presented.public_bytes(Encoding.PEM).decode("ascii"),
            "signed_at_ms": signed_at_ms,
            "signature": base64.b64encode(key.sign(renewal_bytes(der(presented), signed_at_ms=signed_at_ms))).decode(),
        },
    )
    certificate = read_certificate(issued["certificate"])
    if name_of(certificate) != name_of(presented):
        raise EnrolmentError("the certificate that came is another device's", code="certificate_unknown")
    _write(directory, issued)
    return certificate


def renew_if_due(directory: Path, *, api: str, now: datetime) -> bool:
    """Renew a device's certificate when a third of its time is left; tell whether that was done.

    Raises as `renew` does: the present certificate stays, and there is time to try again.
    """
    if not (directory / CERTIFICATE).exists():
        return False
    certificate = read_certificate(_read(directory / CERTIFICATE))
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if certificate.not_valid_after_utc - now > whole / 3:
        return False
    renew(directory, api=api)
    return True


def _key(path: Path, *, algorithm: Algorithm) -> bytes:
    """Return the private key in a file, having made it if it is not there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    pem = identities.generate_key(algorithm)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return pem


def _request(pem: bytes) -> x509.CertificateSigningRequest:
    """Return a signing request; it names nobody, since the claim does."""
    key = load_pem_private_key(pem, password=None)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return builder.sign(key, None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return builder.sign(key, hashes.SHA256())
    raise DeviceError("a device's key is P-256 or Ed25519", code="device_incomplete")


def _write(directory: Path, issued: Mapping[str, Any]) -> None:
    for name, text in ((BROKER_CA, issued["broker"]["authority"]), (CERTIFICATE, issued["certificate"])):
        beside = directory / f".{name}.new"
        beside.write_text(text, "ascii")
        beside.replace(directory / name)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"{path} cannot be read: the device is not enrolled", code="device_incomplete") from error


def _post(url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request and return the answer. Raises EnrolmentError with the code of a refusal."""
    if not url.startswith(("http://", "https://")):
        raise EnrolmentError(f"{url} is no address of an API")
    request = urllib.request.Request(  # noqa: S310 - http or https, see above
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310 - as above
            read: dict[str, Any] = json.load(answer)
            return read
    except urllib.error.HTTPError as error:
        code, detail = _problem(error)
        raise EnrolmentError(detail, code=code) from error
    except (OSError, ValueError) as error:
        raise EnrolmentError(f"{url} does not answer: {error}", code="api_unreachable") from error


def _problem(error: urllib.error.HTTPError) -> tuple[str, str]:
    try:
        problem = json.load(error)
        return str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return "api_unreachable", f"the API answers {error.code}"
