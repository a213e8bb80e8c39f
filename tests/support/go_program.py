"""Building a small Go program once for each state of its sources, in the user's cache."""

import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

OLDEST = (1, 21)
"""From here on Go fetches the toolchain that a go.mod asks for by itself."""


def missing() -> str:
    """Return why Go programs cannot be built here; empty if they can."""
    if shutil.which("go") is None:
        return "go is not on PATH"
    printed = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"go(\d+)\.(\d+)", printed)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        return f"go is older than 1.21 ({printed.strip() or 'unknown'})"
    return ""


def build(sources: Path) -> Path:
    """Return the program built from a Go module; module versions are those of its go.mod and go.sum."""
    digest = sha256()
    for path in sorted(path for path in sources.iterdir() if path.suffix in {".go", ".mod", ".sum"}):
        digest.update(f"{path.name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof" / "go"
    program = cache / digest.hexdigest() / sources.name
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_name(f"{program.name}.{os.getpid()}")
        command = ["go", "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o", str(unfinished), "."]
        subprocess.run(command, cwd=sources, check=True, timeout=500)
        unfinished.replace(program)
    return program
