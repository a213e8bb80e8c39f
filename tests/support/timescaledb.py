"""A PostgreSQL with TimescaleDB for tests: one server for the whole session, and a fresh database for whoever asks.

`WAYPROOF_TIMESCALEDB` names one: a DSN of a server at hand whose login may make databases, or a folder that is a
Debian with the programs in it. Otherwise it is Debian's package on this machine, or what `make timescaledb` made.
`WAYPROOF_TIMESCALEDB_TSL` names a server of the other licence, for what only that one can.
The programs of such a folder run in it by chroot, as PostgreSQL's own user; nothing is mounted.
"""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from support.embedded_network import free_port

START_TIMEOUT_S = 60.0
SERVER = (
    "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "shared_preload_libraries=timescaledb",
    "-c", "timescaledb.telemetry_level=off", "-c", "dynamic_shared_memory_type=mmap", "-c", "fsync=off",
    "-c", "full_page_writes=off", "-c", "jit=off",
)  # fmt: skip
NOT_HERE = "no TimescaleDB here: make timescaledb (root on Debian), or set WAYPROOF_TIMESCALEDB"


@dataclass(slots=True)
class TimescaleServer:
    """A running server: how to get a database in it."""

    dsn: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """Return the DSN of a fresh database, without the extension."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return make_conninfo(self.dsn, dbname=name)

    def drop(self, dsn: str) -> None:
        """Remove a database that nobody is connected to."""
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are: a folder that is a Debian ("/": this machine), and PostgreSQL's folder in it."""

    root: Path
    folder: str

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return what runs a program there as PostgreSQL's user; it ends when the process that started it is gone."""
        bound = ["setpriv", "--pdeathsig=INT", "--no-new-privs", f"{self.folder}/bin/{name}", *arguments]
        if os.geteuid() != 0:
            return bound
        uid, gid = self.account()
        return ["chroot", f"--userspec={uid}:{gid}", "--groups=", str(self.root), *bound]

    def account(self) -> tuple[int, int]:
        """Return user and group of PostgreSQL there."""
        for line in (self.root / "etc/passwd").read_text("utf-8").splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == "postgres":
                return int(uid), int(gid)
        raise AssertionError(f"{self.root} has no user postgres")


def find() -> Programs | None:
    """Return the programs of a PostgreSQL with TimescaleDB, None where there are none that this user can run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof/timescaledb/debian-13"
    named = os.environ.get("WAYPROOF_TIMESCALEDB")
    for root in [Path(named)] if named else [Path("/"), cache]:
        for library in sorted(root.glob("usr/lib/postgresql/*/lib/timescaledb.so"), reverse=True):
            if root == Path("/") or os.geteuid() == 0:
                return Programs(root, f"/{library.parents[1].relative_to(root)}")
    return None


@contextmanager
def running_timescaledb() -> Iterator[TimescaleServer | None]:
    """Run a server as long as it is wanted; None where there are no programs."""
    named = os.environ.get("WAYPROOF_TIMESCALEDB", "")
    if named.startswith(("postgresql://", "postgres://")):
        yield TimescaleServer(named)
        return
    programs = find()
    if programs is None:
        yield None
        return
    data = programs.root / "var/tmp" / f"wayproof-test-{os.getpid()}"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, *programs.account())
    try:
        with _served(programs, inside=f"/{data.relative_to(programs.root)}") as server:
            yield server
    finally:
        shutil.rmtree(data)


@pytest.fixture(scope="session")
def timescaledb() -> Iterator[TimescaleServer]:
    """Return the session's server with TimescaleDB."""
    with running_timescaledb() as server:
        if server is None:
            pytest.skip(NOT_HERE)
        yield server


@pytest.fixture(scope="session")
def timescaledb_licensed() -> TimescaleServer:
    """Return a server at hand whose TimescaleDB has its own licence (TSL), which no package here has."""
    named = os.environ.get("WAYPROOF_TIMESCALEDB_TSL", "")
    if not named:
        pytest.skip("no TimescaleDB under its own licence is named: WAYPROOF_TIMESCALEDB_TSL=postgresql://…")
    return TimescaleServer(named)


@contextmanager
def _served(programs: Programs, *, inside: str) -> Iterator[TimescaleServer]:
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    initdb = programs.command("initdb", "-D", f"{inside}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
    made = subprocess.run(initdb, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    port = free_port()
    command: Sequence[str] = programs.command("postgres", "-D", f"{inside}/data", "-p", str(port), *SERVER)
    log = programs.root / inside.lstrip("/") / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process,
    ):
        try:
            dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait_until_ready(dsn, process, log)
            yield TimescaleServer(dsn)
        finally:
            process.send_signal(signal.SIGINT)


def _wait_until_ready(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text("utf-8", errors="replace")
            assert time.monotonic() < deadline, log.read_text("utf-8", errors="replace")
            time.sleep(0.1)
        else:
            return
