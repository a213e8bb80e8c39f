"""A PostgreSQL cluster in a folder: made, started, asked whether it is ready, given databases.

The folder holds `data` (PostgreSQL's own, mode 0700) and `superuser-password` (mode 0600). The server listens on
127.0.0.1 only, and every connection needs that password: other users of the machine stay outside.

Signals of the server (https://www.postgresql.org/docs/18/server-shutdown.html): send SIGINT to stop it, it then ends
its sessions and writes everything out; SIGQUIT ends it at once and SIGKILL does too: what was committed is there after
the next start. Do not send SIGTERM: the server then waits until every client has left by itself.
"""

import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from wayproof.database.account import Account, owner_of
from wayproof.database.creation import SUPERUSER, create
from wayproof.database.errors import DatabaseError
from wayproof.database.leftovers import clear_the_way
from wayproof.database.programs import MAJOR_VERSION, failure, program, run

HOST = "127.0.0.1"
READY_POLL_S = 0.1
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path has a length limit, and TCP is enough
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "fsync": "on",  # this and the next are what a commit means: said here so that no file can weaken them
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "jit": "off",  # short queries: compiling them costs more than it gains
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %a ",
}
_DATABASE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is and the port on 127.0.0.1 that its server listens on. Nothing is remembered between calls."""

    directory: Path
    port: int

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.directory.absolute() / "data"

    @property
    def password_file(self) -> Path:
        """The superuser's password, readable by its owner only."""
        return self.directory.absolute() / "superuser-password"

    @property
    def is_initialised(self) -> bool:
        """Whether there is a cluster in the folder."""
        return (self.data / "PG_VERSION").exists()

    def initialise(self) -> None:
        """Make the cluster in a folder that is absent or empty; a kill on the way leaves what the next call replaces.

        Raises DatabaseError (database_directory_occupied, database_account, database_not_installed, database_failed).
        """
        create(data=self.data, password_file=self.password_file)

    def prepare(self) -> None:
        """Check all that would keep the server from starting; wait for what a killed server left. Before every start.

        Raises DatabaseError (database_missing, database_version, database_account, database_running,
        database_leftovers, database_port_in_use).
        """
        self._require_version()
        self._owner().require_programs(reaching=self._paths())
        clear_the_way(self.data)
        _require_free(self.port)

    def command(self, *, ends_with_parent: bool = False) -> list[str]:
        """Return what becomes the server, in the foreground, with its log on stderr: its pid is the process's.

        With `ends_with_parent` (Linux) it stops when the thread that started it is gone, even by `kill -9`.
        """
        settings = [part for name, value in SERVER_SETTINGS.items() for part in ("-c", f"{name}={value}")]
        server = [str(program("postgres")), "-D", str(self.data), "-p", str(self.port), *settings]
        return self._owner().command_for(server, reaching=self._paths(), ends_with_parent=ends_with_parent)

    def serve(self) -> NoReturn:
        """Prepare, then become the server. Raises DatabaseError as `prepare` does."""
        self.prepare()
        command = self.command()
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted: the pid must be the server's

    def is_ready(self) -> bool:
        """Tell whether the server accepts connections."""
        return run([str(program("pg_isready")), *self._address()], environment={}).returncode == 0

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when the server accepts connections. Raises DatabaseError (database_not_ready)."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"PostgreSQL on {HOST}:{self.port} accepts no connections after {timeout_s} s: see its log",
                    code="database_not_ready",
                )
            time.sleep(READY_POLL_S)

    def dsn(self, database: str) -> str:
        """Return libpq's connection string for a database: a secret, it holds the password. Raises DatabaseError."""
        return f"postgresql://{SUPERUSER}:{self._password()}@{HOST}:{self.port}/{_checked(database)}"

    def address(self, database: str) -> str:
        """Return the same without user and password: no secret. Raises DatabaseError."""
        return f"postgresql://{HOST}:{self.port}/{_checked(database)}"

    def create_database(self, name: str, *, template: str | None = None) -> bool:
        """Make a database in the running server, as a copy of `template` if one is named; tell whether it was made.

        Raises DatabaseError (database_name, database_failed).
        """
        if _checked(name) in self._databases():
            return False
        copied = [f"--template={_checked(template)}"] if template else []
        self._run_as_superuser("createdb", *copied, name)
        return True

    def _databases(self) -> set[str]:
        listed = self._run_as_superuser("psql", "--no-psqlrc", "--list", "--tuples-only", "--csv")
        return {row.partition(",")[0] for row in listed.splitlines()}

    def _run_as_superuser(self, name: str, *arguments: str) -> str:
        command = [str(program(name)), *self._address(), f"--username={SUPERUSER}", "--no-password", *arguments]
        ended = run(command, environment={"PGPASSWORD": self._password()})
        if ended.returncode != 0:
            raise failure(name, ended)
        return ended.stdout

    def _address(self) -> Sequence[str]:
        return f"--host={HOST}", f"--port={self.port}"

    def _paths(self) -> Sequence[Path]:
        return self.data, program("postgres")

    def _owner(self) -> Account:
        self._require_cluster()
        return owner_of(self.data)

    def _password(self) -> str:
        try:
            return self.password_file.read_text("ascii")
        except FileNotFoundError:
            raise self._missing() from None
        except OSError as error:
            raise DatabaseError(
                f"{self.password_file} cannot be read ({error.strerror}): run as the user that made the cluster",
                code="database_account",
            ) from error

    def _require_cluster(self) -> None:
        if not self.data.is_dir():
            raise self._missing()

    def _missing(self) -> DatabaseError:
        return DatabaseError(
            f"there is no PostgreSQL cluster in {self.directory}: make one with `wayproof database init`",
            code="database_missing",
        )

    def _require_version(self) -> None:
        try:
            version = (self.data / "PG_VERSION").read_text("ascii").strip()
        except FileNotFoundError:
            raise self._missing() from None
        except PermissionError:
            raise DatabaseError(
                f"{self.data} belongs to another user: run as that user or as root", code="database_account"
            ) from None
        if version != str(MAJOR_VERSION):
            raise DatabaseError(
                f"{self.data} was made by PostgreSQL {version}, and this is {MAJOR_VERSION}: write it out with "
                f"pg_dumpall of version {version} and read it into a new cluster",
                code="database_version",
            )


def _checked(name: str) -> str:
    if not _DATABASE_NAME.fullmatch(name):
        raise DatabaseError(
            f"{name!r} is no name for a database: use lower-case letters, digits and _, at most 63",
            code="database_name",
        )
    return name


def _require_free(port: int) -> None:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            candidate.bind((HOST, port))
        except OSError as error:
            raise DatabaseError(
                f"PostgreSQL cannot listen on {HOST}:{port} ({error.strerror}): stop what does, or name another port",
                code="database_port_in_use",
            ) from error
