"""Finding Fabric's programs: a folder that was named, a cache, PATH, in this order. Nothing is downloaded."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from aiofabric.network.errors import BinariesMissingError

PROGRAMS = ("peer", "orderer", "configtxgen")
SAMPLES = ("core.yaml", "orderer.yaml")
TESTED_VERSIONS = ("3.1", "2.5")
UNKNOWN_VERSION = "latest"
"""What a binary says that was built without Fabric's own flags. Taken as it is: it may be any version."""

ADVICE = "give a folder with bin/ and config/ of Fabric's official release archive"
_VERSION = re.compile(r"^\s*Version:\s*v?(\S+)", re.MULTILINE)
_VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """Fabric's programs and their sample configuration.

    Attributes:
        programs: folder of ``peer``, ``orderer`` and ``configtxgen``.
        samples: folder of ``core.yaml`` and ``orderer.yaml``, the values that our settings are laid over.
        version: what ``peer version`` says, without a leading "v"; "latest" if it was built without one.
    """

    programs: Path
    samples: Path
    version: str

    @property
    def is_tested(self) -> bool:
        """Whether it is of a line that this library is tested with. False also where the version is not known."""
        return self.version.startswith(tuple(f"{line}." for line in TESTED_VERSIONS))

    @property
    def can_order_bft(self) -> bool:
        """Whether its orderers can be Byzantine fault tolerant: from 3.0 on. An unknown version is given a try."""
        return not self.version.startswith(("1.", "2."))

    def program(self, name: str) -> Path:
        """Return the path of one of the programs."""
        return self.programs / name


@dataclass(frozen=True, slots=True)
class Place:
    """One place that was looked at.

    Attributes:
        label: which place it is: "home", "cache" or "PATH".
        programs: the folder where programs were looked for; None if PATH has no ``peer``.
        samples: the folder where sample configuration was looked for.
        missing: names of what was not there; empty if the place is complete.
    """

    label: str
    programs: Path | None
    samples: Path | None
    missing: tuple[str, ...]


def survey(*, home: Path | None = None, cache: Path | None = None) -> tuple[Place, ...]:
    """Look at every place, in the order of `find_binaries`, and say what each holds and lacks."""
    folders = [("home", home), ("cache", cache)]
    places = [_look(label, folder / "bin", folder / "config") for label, folder in folders if folder is not None]
    on_path = shutil.which("peer")
    if on_path is None:
        return (*places, Place("PATH", None, None, PROGRAMS + SAMPLES))
    programs = Path(on_path).resolve().parent
    return (*places, _look("PATH", programs, programs.parent / "config"))


def find_binaries(*, home: Path | None = None, cache: Path | None = None) -> Binaries:
    """Return the first complete set of Fabric's programs.

    Args:
        home: a folder with ``bin/`` and ``config/``, as in the official release archive. If it is given and is not
            complete, that is an error: nothing else is taken in its stead.
        cache: another such folder, looked at if no home is given.

    Raises BinariesMissingError, which names what is missing where, and what to do.
    """
    places = survey(home=home, cache=cache)
    for place in places:
        if place.programs is not None and place.samples is not None and not place.missing:
            return Binaries(place.programs, place.samples, version_of(place.programs / "peer"))
        if place.label == "home":
            break
    looked = "; ".join(f"{place.label} ({_folder(place)}) lacks {', '.join(place.missing)}" for place in places)
    raise BinariesMissingError(f"Fabric's programs were not found: {looked}. To go on, {ADVICE}")


def version_of(peer: Path) -> str:
    """Return what ``peer version`` says. Raises BinariesMissingError if it does not run here."""
    try:
        answer = subprocess.run(  # noqa: S603 - the program that the caller pointed at
            [peer, "version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BinariesMissingError(f"{peer} does not run on this machine ({error}): {ADVICE} for it") from error
    found = _VERSION.search(answer.stdout)
    if found is None:
        raise BinariesMissingError(f"{peer} is not Fabric's peer, it does not say its version: {ADVICE}")
    return found[1]


def _look(label: str, programs: Path, samples: Path) -> Place:
    missing = [name for name in PROGRAMS if shutil.which(str(programs / name)) is None]
    missing += [name for name in SAMPLES if not (samples / name).is_file()]
    return Place(label, programs, samples, tuple(missing))


def _folder(place: Place) -> str:
    return "no peer there" if place.programs is None else str(place.programs.parent)
