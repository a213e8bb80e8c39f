"""The folder of an organisation's authorities, and of what its broker reads. Made once; missing parts are added.

::

    devices/ca.pem ca.key          signs devices' certificates: the API and the gate read it
    devices/broker-ca.pem          what devices are given
    services/ca.pem ca.key         signs the broker's and our processes': nobody reads it but this
    broker/                        what Mosquitto reads: server.pem server.key device-ca.pem service-ca.pem crl.pem acl
    broker/health/                 what tells whether Mosquitto is well connects with
    ingest/ gate/                  what a process connects with: certificate.pem key.pem broker-ca.pem
"""

import ipaddress
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wayproof.enrolment import mosquitto
from wayproof.enrolment.authority import Authority, new_key, pem, write_key
from wayproof.enrolment.certificate import service_certificate
from wayproof.enrolment.errors import EnrolmentError
from wayproof.tls import TlsFiles

SERVICE_DAYS = 825
"""Certificates of our own processes and of the broker."""

SERVICES = {"ingest": mosquitto.INGEST, "gate": mosquitto.GATE, "replay": mosquitto.REPLAY}


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder; `broker` is elsewhere where the broker must not see the rest of it."""

    directory: Path
    broker: Path

    @classmethod
    def at(cls, directory: Path, *, broker: Path | None = None) -> "Folder":
        """Return the folder at a place."""
        return cls(directory, broker or directory / "broker")

    def authority(self) -> Authority:
        """Read the devices' authority. Raises EnrolmentError."""
        return _read_authority(self.directory / "devices")

    def service(self, name: str) -> TlsFiles:
        """Return what a process of ours connects with."""
        folder = self.directory / name
        return TlsFiles(folder / "broker-ca.pem", folder / "certificate.pem", folder / "key.pem")

    def broker_authority(self) -> bytes:
        """Return the authority of the broker's certificate (PEM): what devices are given. Raises EnrolmentError."""
        path = self.directory / "devices" / "broker-ca.pem"
        try:
            return path.read_bytes()
        except OSError as error:
            raise EnrolmentError(f"{path} cannot be read", code="authority_missing") from error


def complete(folder: Folder, *, organisation: str, hosts: Sequence[str], now: datetime) -> list[str]:
    """Make what is missing, and return what that was; what is there stays as it is. Raises EnrolmentError.

    `hosts` are the names and addresses under which devices and processes know the broker.
    """
    made = []
    for path in (folder.directory, folder.broker):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("devices", "services"):
        if not (folder.directory / name).exists():
            _write_authority(folder.directory / name, organisation=organisation, kind=name, now=now)
            made.append(name)
    devices, services = (_read_authority(folder.directory / name) for name in ("devices", "services"))
    replace(folder.directory / "devices" / "broker-ca.pem", pem(services.certificate))
    places = {folder.directory / name: common_name for name, common_name in SERVICES.items()}
    for place, common_name in (*places.items(), (folder.broker / "health", mosquitto.HEALTH)):
        if not place.exists():
            _write_service(place, common_name, organisation=organisation, by=services, now=now)
            made.append(place.name)
    if not (folder.broker / "server.pem").exists():
        _write_server(folder.broker, hosts, organisation=organisation, by=services, now=now)
        made.append("broker")
    replace(folder.broker / "device-ca.pem", pem(devices.certificate))
    replace(folder.broker / "service-ca.pem", pem(services.certificate))
    if not (folder.broker / "crl.pem").exists():
        deny(folder, organisation=organisation, denied=(), serial_numbers=(), by=devices, now=now)
    return made


def deny(
    folder: Folder,
    *,
    organisation: str,
    denied: Iterable[str],
    serial_numbers: Iterable[int],
    by: Authority,
    now: datetime,
) -> None:
    """Write who is refused: certificates at the handshake, and devices by name whatever their certificate."""
    crl = by.revoked(serial_numbers, number=int(now.timestamp()), now=now)
    replace(folder.broker / "crl.pem", crl)
    replace(folder.broker / "acl", mosquitto.access(organisation, denied=denied).encode())


def replace(path: Path, data: bytes) -> None:
    """Write a file in one step: whoever reads it meanwhile sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


def _write_authority(path: Path, *, organisation: str, kind: str, now: datetime) -> None:
    authority = Authority.make(f"{organisation} {kind}", organisation=organisation, now=now)
    with _whole(path) as half:
        write_key(half / "ca.key", authority.key)
        (half / "ca.pem").write_bytes(pem(authority.certificate))


def _read_authority(path: Path) -> Authority:
    return Authority.read(path / "ca.pem", path / "ca.key")


def _write_service(path: Path, common_name: str, *, organisation: str, by: Authority, now: datetime) -> None:
    key = new_key()
    certificate = by.sign(
        service_certificate(
            common_name,
            organisation=organisation,
            hosts=None,
            public_key=key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            issuer=by.certificate,
            now=now,
            days=SERVICE_DAYS,
        )
    )
    with _whole(path) as half:
        write_key(half / "key.pem", key)
        (half / "certificate.pem").write_bytes(pem(certificate))
        (half / "broker-ca.pem").write_bytes(pem(by.certificate))


def _write_server(path: Path, hosts: Sequence[str], *, organisation: str, by: Authority, now: datetime) -> None:
    if not hosts:
        raise EnrolmentError("the broker needs a name that clients know it by", code="authority_missing")
    key = new_key()
    certificate = by.sign(
        service_certificate(
            hosts[0][:64],
            organisation=organisation,
            hosts=x509.SubjectAlternativeName([_general_name(host) for host in hosts]),
            public_key=key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            issuer=by.certificate,
            now=now,
            days=SERVICE_DAYS,
        )
    )
    (path / "server.key").unlink(missing_ok=True)  # of a run that was broken off
    write_key(path / "server.key", key)
    replace(path / "server.pem", pem(certificate))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Yield a folder that appears in its place once it holds everything, or not at all."""
    half = path.with_name(f".{path.name}.half")
    if half.exists():
        shutil.rmtree(half)  # of a run that was broken off
    half.mkdir(mode=0o700)
    yield half
    half.rename(path)
