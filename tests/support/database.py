"""A PostgreSQL for tests: one server for the whole session, and a fresh database for whoever asks.

    def test_something(postgres: RunningCluster) -> None:
        dsn = postgres.new_database()

The session's server does not wait for the disk; a test that kills a server starts its own with `running_cluster`.
"""

import itertools
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.embedded_network import free_port
from wayproof.database import Cluster

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
NOT_DURABLE = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


@dataclass(slots=True)
class RunningCluster:
    """A cluster and its server: how to stop, kill and start it, and to get a database in it."""

    cluster: Cluster
    arguments: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def log(self) -> Path:
        """What the server wrote since it was started first."""
        return self.cluster.directory / "server.log"

    def start(self) -> None:
        """Start the server and return when it answers. It ends with this process, however that ends."""
        self.cluster.prepare()
        command = self.cluster.command(ends_with_parent=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.cluster.wait_until_ready(START_TIMEOUT_S)
        except BaseException:
            self.kill()
            raise

    def new_database(self, *, copy_of: str | None = None) -> str:
        """Return the DSN of a fresh database: empty, or a copy of another one that nobody is connected to."""
        name = f"test_{next(self._numbers)}"
        template = copy_of.rpartition("/")[2] if copy_of else None
        if not self.cluster.create_database(name, template=template):
            raise AssertionError(f"{name} is not fresh")
        return self.cluster.dsn(name)

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server's first process as `kill -9` does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_cluster(directory: Path, *, arguments: Sequence[str] = ()) -> Iterator[RunningCluster]:
    """Make a cluster in a folder (unless there is one) and run its server on a free port, with more arguments."""
    cluster = Cluster(directory, free_port())
    if not cluster.is_initialised:
        cluster.initialise()
    running = RunningCluster(cluster, arguments)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """Return the session's server, started when the first test asks for it."""
    directory = tmp_path_factory.mktemp("postgres")
    with running_cluster(directory, arguments=NOT_DURABLE) as running:
        yield running
    shutil.rmtree(directory)
