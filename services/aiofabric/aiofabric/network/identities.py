"""Keys and certificates of a network: an authority and a TLS authority for each organisation, MSP folders for nodes.

::

    organisations/MSP/ca/{cert,key}.pem             the organisation's authority
    organisations/MSP/tlsca/{cert,key}.pem          its authority for TLS
    organisations/MSP/msp/                          what the channel pins of it: both roots and the NodeOUs
    organisations/MSP/users/NAME/{cert,key}.pem     its clients; `admin` is always there
    organisations/MSP/peer/{cert,key}.pem           its node (orderer/ for an orderer)
    organisations/MSP/peer/tls/{cert,key}.pem       the node's TLS certificate, also the client side of it
    organisations/MSP/peer/msp/                     the same node in the layout that Fabric reads

The layout is that of `aiofabric.embedded` where it has a meaning there. The programs run on this machine only, so all
TLS certificates are for ``localhost`` and 127.0.0.1.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from aiofabric.errors import IdentityError
from aiofabric.identity import CertificateAuthority, Identity, IssuedIdentity, Role, Signer, load_identity
from aiofabric.network.errors import NotANetworkError, PlanError
from aiofabric.network.files import PRIVATE, write_new
from aiofabric.network.plan import Layout, Organisation, check_organisation

NodeKind = Literal["peer", "orderer"]
ADMIN = "admin"

_UNITS = ("client", "peer", "admin", "orderer")


def make_organisation(layout: Layout, organisation: Organisation, *, node: NodeKind = "peer") -> None:
    """Make an organisation's authorities, its node and its users. Raises FileExistsError if it is there already."""
    msp_id = organisation.msp_id
    home = layout.organisation(msp_id)
    authority = _make_authority(home / "ca", msp_id, purpose="ca")
    tls_authority = _make_authority(home / "tlsca", msp_id, purpose="tlsca")
    _write_roots(home / "msp", authority=authority, tls_authority=tls_authority)
    _make_node(home / node, node, msp_id=msp_id, authority=authority, tls_authority=tls_authority)
    for name, attributes in {ADMIN: {}, **organisation.users}.items():
        role: Role = "admin" if name == ADMIN else "client"
        _write_pair(home / "users" / name, authority.issue(f"{name}@{msp_id}", role=role, attributes=attributes))


def issue_client(
    directory: Path, *, msp_id: str, name: str, attributes: Mapping[str, str] | None = None, role: Role = "client"
) -> Path:
    """Issue one more identity of an organisation and return its folder. Works while the network runs.

    Raises PlanError if the name cannot be used or is taken, NotANetworkError if there is no such organisation.
    """
    check_organisation(Organisation(msp_id, users={name: attributes or {}}))
    home = Layout(directory).organisation(msp_id)
    folder = home / "users" / name
    if folder.exists():
        raise PlanError(f"{msp_id} has a user {name} already")
    authority = load_authority(directory, msp_id=msp_id)
    _write_pair(folder, authority.issue(f"{name}@{msp_id}", role=role, attributes=attributes))
    return folder


def load_authority(directory: Path, *, msp_id: str) -> CertificateAuthority:
    """Return an organisation's authority, for issuing and revoking. Raises NotANetworkError."""
    folder = Layout(directory).organisation(msp_id) / "ca"
    try:
        return CertificateAuthority((folder / "cert.pem").read_bytes(), key_pem=(folder / "key.pem").read_bytes())
    except OSError as error:
        raise NotANetworkError(f"{msp_id} has no authority in {directory}: {error}") from error


def load_user(directory: Path, *, msp_id: str, name: str) -> tuple[Identity, Signer]:
    """Return a client's identity and the means to sign with its key, as `aiofabric.embedded.load_user` does.

    Raises NotANetworkError if there is no such user.
    """
    folder = Layout(directory).organisation(msp_id) / "users" / name
    try:
        return load_identity(msp_id, certificate=folder / "cert.pem", key=folder / "key.pem")
    except IdentityError as error:
        raise NotANetworkError(f"no user {name} of {msp_id} in {directory}: {error}") from error


def _make_authority(folder: Path, msp_id: str, *, purpose: str) -> CertificateAuthority:
    authority = CertificateAuthority.create(msp_id, purpose=purpose)
    _write_pair(folder, IssuedIdentity(authority.certificate_pem, authority.key_pem))
    return authority


def _make_node(
    folder: Path,
    kind: NodeKind,
    *,
    msp_id: str,
    authority: CertificateAuthority,
    tls_authority: CertificateAuthority,
) -> None:
    _write_pair(folder, authority.issue(f"{kind}0.{msp_id}", role=kind))
    _write_pair(folder / "tls", tls_authority.issue_tls(f"{kind}0.{msp_id}"))
    _write_roots(folder / "msp", authority=authority, tls_authority=tls_authority)
    # Links, so that no key lies in two places.
    for name, target in (("signcerts", "cert.pem"), ("keystore", "key.pem")):
        (folder / "msp" / name).mkdir()
        (folder / "msp" / name / target).symlink_to(Path("..") / ".." / target)


def _write_roots(folder: Path, *, authority: CertificateAuthority, tls_authority: CertificateAuthority) -> None:
    write_new(folder / "cacerts" / "ca.pem", authority.certificate_pem)
    write_new(folder / "tlscacerts" / "tlsca.pem", tls_authority.certificate_pem)
    lines = ["NodeOUs:", "  Enable: true"]
    for unit in _UNITS:
        lines += [
            f"  {unit.capitalize()}OUIdentifier:",
            "    Certificate: cacerts/ca.pem",
            f"    OrganizationalUnitIdentifier: {unit}",
        ]
    write_new(folder / "config.yaml", "\n".join(lines).encode() + b"\n")


def _write_pair(folder: Path, issued: IssuedIdentity) -> None:
    write_new(folder / "cert.pem", issued.certificate_pem)
    write_new(folder / "key.pem", issued.key_pem, mode=PRIVATE)
