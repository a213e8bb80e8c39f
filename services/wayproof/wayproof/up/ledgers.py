"""The ledger of a deployment: the embedded stand-in, or Fabric's own programs. Elsewhere nobody tells them apart."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiofabric import embedded
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS

Kind = Literal["embedded", "fabric"]


@dataclass(frozen=True, slots=True)
class Access:
    """An organisation's way in: its peer's Gateway, the authority of the TLS certificate there, its users' folder."""

    endpoint: str
    tls_ca: Path
    users: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A ledger that was made: its channel, the hash of its genesis block in hex, the way in of each organisation."""

    channel: str
    genesis_hash: str
    access: Mapping[str, Access]


@dataclass(frozen=True, slots=True)
class Program:
    """What serves a ledger: the command, the port that is open when it answers or what else tells it."""

    command: tuple[str, ...]
    port: int | None = None
    ready: Callable[[], bool] | None = None
    prepare: Callable[[], None] | None = None


def make(kind: Kind, directory: Path, msp_ids: Iterable[str], *, port: int) -> Made:
    """Make a ledger in an absent or empty folder; `port` is the embedded one's."""
    del kind
    return make_embedded(directory, msp_ids, port=port)


def make_embedded(directory: Path, msp_ids: Iterable[str], *, port: int) -> Made:
    """Make an embedded ledger in an absent or empty folder, to be served on a port of this machine."""
    organisations = [embedded.Organisation(msp_id, USERS) for msp_id in msp_ids]
    described = embedded.initialise(
        directory, channel=CONTRACT, organisations=organisations, chaincodes={CONTRACT: ENTRY_POINT}
    )
    access = {
        msp_id: Access(
            endpoint=f"127.0.0.1:{port}",
            tls_ca=directory / "tls" / "ca.pem",
            users=directory / "organisations" / msp_id / "users",
        )
        for msp_id in described.organisations
    }
    return Made(described.channel, described.genesis_hash, access)


def program(kind: Kind, directory: Path, *, port: int) -> Program:
    """Return what serves the ledger in a folder."""
    del kind
    return Program(
        (sys.executable, "-m", "wayproof", "ledger", "serve", str(directory), "--port", str(port)), port=port
    )
