"""The account that PostgreSQL runs as: ours, or, because it refuses to run as root, the one that owns the data.

Root does not change the way to the data or to the programs: neither need be open to that account, and no mode or owner
outside the cluster's own folder is touched. Where the account cannot walk there by itself it is lent the one capability
to pass and read (CAP_DAC_READ_SEARCH), never to write. The price: a superuser of the database can then read any file of
the machine with SQL. So it is lent only then, and the superuser's password is readable by root only.
"""

import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wayproof.database.errors import DatabaseError
from wayproof.database.programs import program, run

ROOT = 0
NOBODY = 65534
SETPRIV = "setpriv"
LENT = "+dac_read_search"
KEPT_FOR_ACCESS = "--securebits=+no_setuid_fixup"
"""PostgreSQL asks access(2) about its programs, which forgets capabilities of all but root unless told not to."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group, by number."""

    uid: int
    gid: int

    def command_for(
        self, command: Sequence[str], *, reaching: Sequence[Path], ends_with_parent: bool = False
    ) -> list[str]:
        """Return how this process starts a command as the account, so that the command has the process's pid.

        `reaching` are the paths that the command must be able to come to; with `ends_with_parent` the kernel sends it
        SIGINT when its parent is gone (Linux; a parent cannot ask for that itself: the change of the account clears
        it). Raises DatabaseError (database_account).
        """
        bound = ["--pdeathsig=INT"] if ends_with_parent else []
        if os.geteuid() != ROOT:
            self._require_own()
            found = shutil.which(SETPRIV) if bound else None
            return [found, *bound, *command] if found else list(command)
        capabilities = "" if all(map(self._can_walk_to, reaching)) else f",{LENT}"
        return [
            _require_setpriv(),
            *bound,
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            "--no-new-privs",
            f"--bounding-set=-all{capabilities}",
            f"--inh-caps=-all{capabilities}",
            *([f"--ambient-caps={LENT}", KEPT_FOR_ACCESS] if capabilities else []),
            *command,
        ]

    def require_programs(self, *, reaching: Sequence[Path]) -> None:
        """Try whether the account can run PostgreSQL at all. Raises DatabaseError (database_account)."""
        looks_for_itself = [str(program("pg_config")), "--bindir"]  # as initdb and the server do, and nothing more
        tried = run(self.command_for(looks_for_itself, reaching=reaching), environment={})
        if tried.returncode != 0:
            raise DatabaseError(
                f"PostgreSQL cannot run as user {self.uid}: {tried.stderr.strip()}. Either run wayproof as a user "
                "other than root, or put it and its data where every user may enter (such as under /opt)",
                code="database_account",
            )

    def _require_own(self) -> None:
        if self.uid != os.geteuid():
            raise DatabaseError(
                f"the data belongs to user {self.uid}, not to you (user {os.geteuid()}): run as that user or as root",
                code="database_account",
            )

    def _can_walk_to(self, path: Path) -> bool:
        return all(self._may_enter(folder.stat()) for folder in path.resolve().parents)

    def _may_enter(self, folder: os.stat_result) -> bool:
        needed = stat.S_IXUSR if folder.st_uid == self.uid else stat.S_IXOTH
        return bool(folder.st_mode & needed)


def account_for_new_data() -> Account:
    """Return whose a new cluster will be: ours, and for root nobody's."""
    return Account(NOBODY, NOBODY) if os.geteuid() == ROOT else Account(os.geteuid(), os.getegid())


def owner_of(data: Path) -> Account:
    """Return who owns a cluster's data. Raises DatabaseError (database_account) if that is root."""
    status = data.stat()
    if status.st_uid == ROOT:
        raise DatabaseError(
            f"{data} belongs to root, as whom PostgreSQL refuses to run: chown -R it to another user",
            code="database_account",
        )
    return Account(status.st_uid, status.st_gid)


def _require_setpriv() -> str:
    found = shutil.which(SETPRIV)
    if found is None:
        raise DatabaseError(
            "PostgreSQL refuses to run as root, and setpriv, which would start it as another user, is missing: "
            "install util-linux, or run wayproof as a user other than root",
            code="database_account",
        )
    return found
