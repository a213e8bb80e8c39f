"""Where Fabric's programs are looked for on this machine, before PATH."""

import os
from collections.abc import Mapping
from pathlib import Path

HOME = "WAYPROOF_FABRIC_HOME"
"""Environment: a folder with ``bin/`` and ``config/`` of a Fabric release. If it is set, nothing else will do."""


def named(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder that the environment names, if it names one."""
    return Path(environment[HOME]).expanduser() if environment.get(HOME) else None


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that `make fabric-binaries` fills, outside of any checkout."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wayproof" / "fabric"
