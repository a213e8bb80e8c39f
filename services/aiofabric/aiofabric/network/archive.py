"""Fabric's programs from the official release archive, unpacked into a folder of their own.

The archive is the one that Hyperledger Fabric publishes with each release, or a file or folder already at hand: the
programs are in no package registry. What is unpacked is a home as `binaries` looks for it: ``bin/`` and ``config/``.
"""

import hashlib
import platform
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiofabric.errors import FabricError

VERSION = "3.1.5"
"""The release that everything here is tested with."""

RELEASES = "https://github.com/hyperledger/fabric/releases/download"
NEEDED = (
    "bin/peer",
    "bin/orderer",
    "bin/configtxgen",
    "config/core.yaml",
    "config/orderer.yaml",
    "config/configtx.yaml",
)
TIMEOUT_S = 30.0
CHUNK = 1 << 20

Say = Callable[[str], None]

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ArchiveError(FabricError):
    """The release archive cannot be had, or is not one; the message says what else to do."""


def archive_name(*, version: str = VERSION, system: str = "", machine: str = "") -> str:
    """Return the name of a release archive; of this machine's platform unless told. Raises ArchiveError."""
    system, machine = (system or platform.system()).lower(), (machine or platform.machine()).lower()
    if system not in ("linux", "darwin") or machine not in _MACHINES:
        raise ArchiveError(f"Fabric is not released for {system} on {machine}; build it yourself, and give its folder")
    return f"hyperledger-fabric-{system}-{_MACHINES[machine]}-{version}.tar.gz"


def obtain(home: Path, *, say: Say, version: str = VERSION, source: Path | None = None) -> Path:
    """Put the programs into a folder, in place of those of an earlier call, and return it.

    `source` is an archive, or a folder with ``bin/`` and ``config/``; without one the official archive is downloaded.
    Nothing is replaced before the new programs are complete. Raises ArchiveError.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".new-") as folder:
        fresh = Path(folder) / "home"
        if source is None:
            name = archive_name(version=version)
            _unpack(_download(f"{RELEASES}/v{version}/{name}", Path(folder) / name, say=say), fresh, say=say)
        elif source.is_dir():
            _copy(source, fresh)
        else:
            _unpack(source, fresh, say=say)
        missing = [name for name in NEEDED if not (fresh / name).is_file()]
        if missing:
            raise ArchiveError(f"{source or 'the archive'} is no release of Fabric: {', '.join(missing)} not in it")
        _replace(home, fresh)
    return home


def _download(address: str, target: Path, *, say: Say) -> Path:
    say(f"getting {address}")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310 - a constant https address
            total, done = int(answer.headers.get("Content-Length", 0)), 0
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if done % (16 * CHUNK) < CHUNK:
                    say(f"  {done >> 20} MiB" + (f" of {total >> 20}" if total else ""))
    except OSError as error:  # every error of urllib is one
        raise ArchiveError(
            f"the archive cannot be had here ({error}); where it can, get {address} and name the file"
        ) from error
    return target


def _unpack(archive: Path, fresh: Path, *, say: Say) -> None:
    try:
        with archive.open("rb") as file:
            say(f"unpacking {archive.name}, SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}")
        with tarfile.open(archive) as tar:
            tar.extractall(fresh, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ArchiveError(f"{archive} cannot be unpacked: {error}") from error


def _copy(source: Path, fresh: Path) -> None:
    for part in ("bin", "config"):
        with suppress(FileNotFoundError):  # said with everything else that is missing
            shutil.copytree(source / part, fresh / part)


def _replace(home: Path, fresh: Path) -> None:
    if home.exists() and any(home.iterdir()) and not (home / "bin").is_dir():
        raise ArchiveError(f"{home} holds something else; name another folder")
    shutil.rmtree(home, ignore_errors=True)
    fresh.rename(home)
