"""Making a ledger's directory: organisations, keys, certificates, TLS, and the genesis block.

::

    ledger.json                                  what the ledger is: channel, organisations, chaincodes, genesis hash
    blocks.dat                                   the blocks (`aiofabric.embedded.storage`)
    genesis.block                                block 0 as a common.Block: what a trust root is made from
    organisations/MSP/ca/{cert,key}.pem          the organisation's authority
    organisations/MSP/peer/{cert,key}.pem        its endorsing peer (orderer/ for the orderer's organisation)
    organisations/MSP/private.dat                private values that it holds (`aiofabric.embedded.private_file`)
    organisations/MSP/users/NAME/{cert,key}.pem  its client identities; `admin` is always there
    tls/{ca,ca-key,server,server-key}.pem        the server's certificate and the authority clients trust
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aiofabric.embedded import blocks
from aiofabric.embedded.description import DESCRIPTION_FILE, Description, describe
from aiofabric.embedded.errors import ProvisionError
from aiofabric.embedded.frames import sync_directory
from aiofabric.embedded.genesis import Anchors, genesis_block
from aiofabric.embedded.private_collections import Collection, check_collections, check_policy
from aiofabric.embedded.storage import BLOCK_FILE, BlockFile
from aiofabric.identity import CertificateAuthority, Identity, IssuedIdentity, Role, Signer, private_key_signer

GENESIS_FILE = "genesis.block"
ORDERER_MSP = "OrdererMSP"

_MSP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHANNEL = re.compile(r"[a-z][a-z0-9.-]{0,248}")
_PRIVATE, _PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation to make: its MSP id, and its clients by name with the attributes of their certificates."""

    msp_id: str
    users: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def initialise(
    directory: Path,
    *,
    channel: str,
    organisations: Sequence[Organisation],
    chaincodes: Mapping[str, str],
    collections: Mapping[str, Sequence[Collection]] | None = None,
    policies: Mapping[str, str] | None = None,
) -> Description:
    """Make a new ledger in an empty or absent directory.

    Args:
        directory: where it will live; it is made if absent, and refused if anything is in it.
        channel: name of its one channel.
        organisations: those that endorse and use it, at least one. Their order is the order in which peers are asked.
        chaincodes: contracts by name, each an entry point "module:attribute" (`aiofabric.chaincode.Chaincode`).
        collections: private data collections of chaincodes by the chaincode's name.
        policies: endorsement policies of chaincodes (`aiofabric.chaincode.policy_expression`) by the chaincode's name;
            the others are under the channel's: a majority of the organisations.

    Raises ProvisionError if it cannot be made as asked; nothing is left half-made but files in that directory.
    """
    private = {name: tuple(entries) for name, entries in (collections or {}).items()}
    _check(directory, channel, organisations, chaincodes)
    msp_ids = [organisation.msp_id for organisation in organisations]
    check_collections(private, chaincodes=chaincodes, organisations=msp_ids)
    for chaincode, expression in (policies or {}).items():
        if chaincode not in chaincodes:
            raise ProvisionError(f"a policy of {chaincode}, which is no chaincode of the ledger")
        check_policy(expression, organisations=msp_ids)
    directory.mkdir(parents=True, exist_ok=True)
    tls = CertificateAuthority.create("embedded-ledger", purpose="tlsca")
    _write_pair(directory / "tls", IssuedIdentity(tls.certificate_pem, tls.key_pem), names=("ca.pem", "ca-key.pem"))
    _write_pair(directory / "tls", tls.issue_tls("localhost"), names=("server.pem", "server-key.pem"))
    anchors = [_make_organisation(directory, organisation, tls=tls) for organisation in organisations]
    orderer = _make_orderer(directory, tls=tls)
    genesis = genesis_block(channel, organisations=anchors, orderer=orderer)
    serialized = genesis.SerializeToString(deterministic=True)
    _write(directory / GENESIS_FILE, serialized, mode=_PUBLIC)
    BlockFile.create(directory / BLOCK_FILE, genesis=serialized)
    description = Description(
        channel=channel,
        organisations=tuple(organisation.msp_id for organisation in organisations),
        orderer=ORDERER_MSP,
        chaincodes=dict(chaincodes),
        genesis_hash=blocks.block_hash(genesis.header).hex(),
        collections=private,
        policies=dict(policies or {}),
    )
    _write(directory / DESCRIPTION_FILE, description.document(), mode=_PUBLIC)
    sync_directory(directory)
    return description


def issue_client(
    directory: Path, *, msp_id: str, name: str, attributes: Mapping[str, str] | None = None, role: Role = "client"
) -> Path:
    """Issue one more identity of an organisation and return its folder. Works while the ledger is served."""
    if msp_id not in describe(directory).organisations:
        raise ProvisionError(f"{msp_id} is no organisation of the ledger in {directory}")
    if not _USER_NAME.fullmatch(name):
        raise ProvisionError(f"{name!r} cannot be the name of a user")
    home = directory / "organisations" / msp_id
    folder = home / "users" / name
    if folder.exists():
        raise ProvisionError(f"{msp_id} has a user {name} already")
    authority = CertificateAuthority(
        (home / "ca" / "cert.pem").read_bytes(), key_pem=(home / "ca" / "key.pem").read_bytes()
    )
    _write_pair(folder, authority.issue(f"{name}@{msp_id}", role=role, attributes=attributes))
    return folder


def load_user(directory: Path, *, msp_id: str, name: str) -> tuple[Identity, Signer]:
    """Return a client's identity and the means to sign with its key."""
    return load_identity(directory / "organisations" / msp_id / "users" / name, msp_id=msp_id)


def load_identity(folder: Path, *, msp_id: str) -> tuple[Identity, Signer]:
    """Read ``cert.pem`` and ``key.pem`` of a folder; raise ProvisionError if they are not there."""
    try:
        certificate, key_pem = (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()
    except OSError as error:
        raise ProvisionError(f"no identity in {folder}: {error}") from error
    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ProvisionError(f"{folder / 'key.pem'} is not an elliptic-curve key")
    return Identity(msp_id, certificate), private_key_signer(key)


def _check(directory: Path, channel: str, organisations: Sequence[Organisation], chaincodes: Mapping[str, str]) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ProvisionError(f"{directory} is not empty: a ledger is never made over anything")
    if not _CHANNEL.fullmatch(channel):
        raise ProvisionError(f"{channel!r} is not a channel name (lower-case letters, digits, '.' and '-')")
    names = [organisation.msp_id for organisation in organisations]
    if not names or len(set(names)) != len(names) or ORDERER_MSP in names:
        raise ProvisionError(f"give at least one organisation, each once, none of them {ORDERER_MSP}")
    users = [name for organisation in organisations for name in organisation.users]
    wrong = [name for name in names if not _MSP_ID.fullmatch(name)]
    wrong += [name for name in users if not _USER_NAME.fullmatch(name)]
    if wrong:
        raise ProvisionError(f"not a name of an organisation or user: {', '.join(map(repr, wrong))}")
    if not chaincodes:
        raise ProvisionError("give at least one chaincode as NAME=module:attribute")


def _make_organisation(directory: Path, organisation: Organisation, *, tls: CertificateAuthority) -> Anchors:
    msp_id = organisation.msp_id
    home = directory / "organisations" / msp_id
    authority = _make_authority(home, msp_id)
    _write_pair(home / "peer", authority.issue(f"peer0.{msp_id}", role="peer"))
    if "admin" not in organisation.users:
        _write_pair(home / "users" / "admin", authority.issue(f"admin@{msp_id}", role="admin"))
    for name, attributes in organisation.users.items():
        role: Role = "admin" if name == "admin" else "client"
        _write_pair(home / "users" / name, authority.issue(f"{name}@{msp_id}", role=role, attributes=attributes))
    return Anchors(msp_id, authority.certificate_pem, tls.certificate_pem)


def _make_orderer(directory: Path, *, tls: CertificateAuthority) -> Anchors:
    home = directory / "organisations" / ORDERER_MSP
    authority = _make_authority(home, ORDERER_MSP)
    _write_pair(home / "orderer", authority.issue(f"orderer0.{ORDERER_MSP}", role="orderer"))
    return Anchors(ORDERER_MSP, authority.certificate_pem, tls.certificate_pem)


def _make_authority(home: Path, msp_id: str) -> CertificateAuthority:
    authority = CertificateAuthority.create(msp_id)
    _write_pair(home / "ca", IssuedIdentity(authority.certificate_pem, authority.key_pem))
    return authority


def _write_pair(folder: Path, issued: IssuedIdentity, *, names: tuple[str, str] = ("cert.pem", "key.pem")) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / names[0], issued.certificate_pem, mode=_PUBLIC)
    _write(folder / names[1], issued.key_pem, mode=_PRIVATE)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - the mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
