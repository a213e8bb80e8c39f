"""The official Node client, installed once for each state of its lock, in the user's cache."""

import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

OLDEST = 20
"""What the official client asks for."""


def missing() -> str:
    """Return why Node programs cannot be run here; empty if they can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not on PATH"
    printed = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", printed)
    if found is None or int(found[1]) < OLDEST:
        return f"node is older than {OLDEST} ({printed.strip() or 'unknown'})"
    return ""


def install(sources: Path) -> Path:
    """Return a folder with the sources and what their package-lock.json names; nothing is put beside the sources."""
    names = sorted(path.name for path in sources.iterdir() if path.is_file())
    digest = sha256()
    for name in names:
        content = (sources / name).read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof" / "node"
    folder = cache / digest.hexdigest()
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        unfinished.mkdir(parents=True)
        for name in names:
            shutil.copy2(sources / name, unfinished)
        command = ["npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=unfinished, check=True, timeout=300)
        unfinished.replace(folder)
    return folder
