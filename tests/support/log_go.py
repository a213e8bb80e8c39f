"""Building a small Go program once for each state of its sources, in the user's cache."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path


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
