"""The embedded PostgreSQL: made and run without an administrator, killed, started again, and nothing else touched."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.database import START_TIMEOUT_S, RunningCluster, running_cluster
from support.embedded_network import free_port
from wayproof.database import Cluster, DatabaseError, account, programs
from wayproof.database.account import account_for_new_data
from wayproof.database.leftovers import SEGMENTS, attached_processes, clear_the_way, is_alive, read_lock_file

DAC_READ_SEARCH = 1 << 2  # linux/capability.h
NOBODY = 65534
POLL_S = 0.01
STRANGER = 12345  # a user that this machine need not know

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as somebody else")
on_linux = pytest.mark.skipif(not SEGMENTS.exists(), reason="only Linux says who is attached to shared memory")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """Return a server exactly as the product starts it."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


def code_of(refused: pytest.ExceptionInfo[DatabaseError]) -> str:
    return refused.value.code


def setting(connection: psycopg.Connection[tuple[str]], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return row[0]


# --- what is made -----------------------------------------------------------------------------------------------------


def test_a_database_is_unicode_sorted_by_code_point_with_checksums_and_durable_commits(
    running: RunningCluster,
) -> None:
    with psycopg.connect(running.new_database()) as connection:
        facts = connection.execute(
            "SELECT pg_encoding_to_char(encoding), datlocprovider::text, datlocale"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert facts == ("UTF8", "b", "C.UTF-8")
        wanted = {
            "data_checksums": "on",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "autovacuum": "on",
            "TimeZone": "UTC",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        assert {name: setting(connection, name) for name in wanted} == wanted


def test_nobody_connects_without_the_password(running: RunningCluster) -> None:
    dsn = running.new_database()
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(dsn.replace(running.cluster.password_file.read_text("ascii"), ""), passfile="/dev/null")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn, password="guessed")  # noqa: S106 - it is none


def test_password_and_data_are_closed_to_others(running: RunningCluster) -> None:
    password, data = running.cluster.password_file.stat(), running.cluster.data.stat()
    assert stat.S_IMODE(password.st_mode) == 0o600
    assert password.st_uid == os.geteuid()
    assert stat.S_IMODE(data.st_mode) == 0o700


def test_a_database_is_made_once(running: RunningCluster) -> None:
    assert running.cluster.create_database("once") is True
    assert running.cluster.create_database("once") is False


def test_a_database_can_be_a_copy(running: RunningCluster) -> None:
    original = running.new_database()
    with psycopg.connect(original) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with psycopg.connect(running.new_database(copy_of=original)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("name", ["", "-x", "A", "a b", "a/b", "a?sslmode=disable", "1a", "é", "a" * 64, "a\n"])
def test_a_name_that_is_none_is_refused(running: RunningCluster, name: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        running.cluster.create_database(name)
    assert code_of(refused) == "database_name"
    with pytest.raises(DatabaseError) as refused:
        running.cluster.dsn(name)
    assert code_of(refused) == "database_name"


def test_what_postgresql_refuses_is_told_in_its_words(running: RunningCluster) -> None:
    with pytest.raises(DatabaseError, match='template database "absent" does not exist') as refused:
        running.cluster.create_database("copy", template="absent")
    assert code_of(refused) == "database_failed"


# --- where it is made -------------------------------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(DatabaseError) as refused:
        Cluster(tmp_path, free_port()).initialise()
    assert code_of(refused) == "database_directory_occupied"
    with pytest.raises(DatabaseError) as refused:
        Cluster(tmp_path / "letter", free_port()).initialise()
    assert code_of(refused) == "database_directory_occupied"
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_cluster_is_not_made_over_another(running: RunningCluster) -> None:
    with pytest.raises(DatabaseError) as refused:
        running.cluster.initialise()
    assert code_of(refused) == "database_directory_occupied"


def test_what_was_killed_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.unfinished").mkdir()
    (tmp_path / "data.unfinished" / "PG_VERSION").write_text("18\n")
    (tmp_path / "superuser-password").write_text("half")
    cluster = Cluster(tmp_path, free_port())
    cluster.initialise()
    assert cluster.is_initialised
    assert {path.name for path in tmp_path.iterdir()} == {"data", "superuser-password"}
    assert cluster.password_file.read_text() != "half"


def test_no_mode_owner_or_entry_outside_the_cluster_changes(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "open"
    inside.mkdir(mode=0o755)
    installed = importlib.util.find_spec(programs.PACKAGE)
    assert installed is not None
    assert installed.origin is not None
    package = Path(installed.origin).parent
    outside = {inside, *inside.parents, package, *package.parents, *package.rglob("*")}

    def facts() -> dict[Path, tuple[int, int, int]]:
        statuses = ((path, path.lstat()) for path in outside)
        return {path: (status.st_mode, status.st_uid, status.st_gid) for path, status in statuses}

    before = facts()
    with running_cluster(inside / "cluster") as started, psycopg.connect(started.new_database()) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM pg_timezone_names").fetchone() == (True,)
    assert facts() == before
    assert [path.name for path in inside.iterdir()] == ["cluster"]


# --- who it runs as ---------------------------------------------------------------------------------------------------


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _identity(running: RunningCluster) -> tuple[set[str], set[str], set[int]]:
    assert running.process is not None
    status = _status(running.process.pid)
    capabilities = {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    return set(status["Uid"].split()), set(status["Groups"].split()), capabilities


@as_root
def test_behind_a_closed_folder_the_server_is_nobody_and_may_only_pass_and_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with running_cluster(tmp_path / "cluster") as started:
        assert _identity(started) == ({str(NOBODY)}, set(), {DAC_READ_SEARCH})


@as_root
def test_programs_may_be_installed_behind_a_closed_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = programs.program("postgres").parents[2]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(package, closed / package.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    monkeypatch.syspath_prepend(str(closed))
    with running_cluster(tmp_path / "cluster") as started:
        assert started.process is not None
        assert str(closed) in Path(f"/proc/{started.process.pid}/cmdline").read_text("ascii")
        assert _identity(started) == ({str(NOBODY)}, set(), {DAC_READ_SEARCH})
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_where_every_user_may_walk_the_server_may_nothing() -> None:
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in programs.program("postgres").parents):
        pytest.skip("the programs are installed behind a folder that is closed to others")
    open_to_all = Path("/var/tmp") / f"wayproof-test-{os.getpid()}"  # noqa: S108 - a folder that every user may enter
    try:
        with running_cluster(open_to_all) as started:
            assert _identity(started) == ({str(NOBODY)}, set(), {0})
    finally:
        shutil.rmtree(open_to_all, ignore_errors=True)


@as_root
def test_root_runs_the_cluster_of_another_user_as_that_user(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", free_port())
    cluster.initialise()
    for path in (cluster.data, *cluster.data.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
    with running_cluster(cluster.directory) as started:
        assert _identity(started)[0] == {str(STRANGER)}


_LIFE = """
import os, signal, subprocess, sys
from pathlib import Path
from wayproof.database import Cluster, DatabaseError
cluster, foreign = Cluster(Path(sys.argv[1]), int(sys.argv[2])), Cluster(Path(sys.argv[3]), int(sys.argv[2]))
cluster.initialise()
cluster.prepare()
server = subprocess.Popen(cluster.command())
try:
    cluster.wait_until_ready(60)
    assert cluster.create_database("mine")
finally:
    server.send_signal(signal.SIGINT)
    assert server.wait() == 0
try:
    foreign.prepare()
except DatabaseError as error:
    print(os.geteuid(), cluster.data.stat().st_uid, error.code)
"""


@as_root
def test_a_user_who_is_not_root_runs_a_cluster_of_their_own_and_no_other(
    tmp_path: Path, running: RunningCluster
) -> None:
    someone = next(user for user in pwd.getpwall() if user.pw_uid not in {0, NOBODY})  # initdb wants a known user
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, someone.pw_uid, someone.pw_gid)
    user = account.Account(someone.pw_uid, someone.pw_gid)
    life = [sys.executable, "-c", _LIFE, str(home / "cluster"), str(free_port()), str(running.cluster.directory)]
    lived = subprocess.run(
        user.command_for(life, reaching=[home, Path(sys.executable)]), capture_output=True, text=True, check=False
    )
    assert lived.stdout == f"{someone.pw_uid} {someone.pw_uid} database_account\n", lived.stderr


@as_root
def test_without_setpriv_root_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "SETPRIV", "setpriv-that-is-absent")
    with pytest.raises(DatabaseError, match="install util-linux") as refused:
        Cluster(tmp_path / "cluster", free_port()).initialise()
    assert code_of(refused) == "database_account"


@as_root
def test_programs_that_the_account_may_not_run_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.Account, "_can_walk_to", lambda *_: True)  # so that nothing is lent
    locked = tmp_path / "postgres"
    locked.write_text("#!/bin/sh\n")
    locked.chmod(0o700)
    monkeypatch.setattr(account, "program", lambda _: locked)
    with pytest.raises(DatabaseError, match="cannot run as user 65534") as refused:
        account_for_new_data().require_programs(reaching=[locked])
    assert code_of(refused) == "database_account"


@as_root
def test_data_of_root_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, free_port())
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("18\n")
    with pytest.raises(DatabaseError, match="belongs to root") as refused:
        cluster.prepare()
    assert code_of(refused) == "database_account"


# --- what keeps it from starting --------------------------------------------------------------------------------------


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PACKAGE", "pgserver_that_is_absent")
    with pytest.raises(DatabaseError, match=r"pip install 'wayproof\[embedded\]'") as refused:
        Cluster(tmp_path / "cluster", free_port()).initialise()
    assert code_of(refused) == "database_not_installed"


def test_a_package_without_this_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAJOR_VERSION", 99)
    with pytest.raises(DatabaseError, match="no PostgreSQL 99") as refused:
        Cluster(tmp_path / "cluster", free_port()).initialise()
    assert code_of(refused) == "database_not_installed"


def test_a_folder_without_a_cluster_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, free_port())
    for asked in (cluster.prepare, cluster.command, lambda: cluster.dsn("any")):
        with pytest.raises(DatabaseError) as refused:
            asked()
        assert code_of(refused) == "database_missing"


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, free_port())
    cluster.data.mkdir()
    (cluster.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 16") as refused:
        cluster.prepare()
    assert code_of(refused) == "database_version"


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        cluster = Cluster(tmp_path / "cluster", taken.getsockname()[1])
        cluster.initialise()
        with pytest.raises(DatabaseError) as refused:
            cluster.prepare()
    assert code_of(refused) == "database_port_in_use"


@on_linux
def test_a_second_server_is_refused_and_the_first_goes_on(running: RunningCluster) -> None:
    with pytest.raises(DatabaseError) as refused:
        Cluster(running.cluster.directory, free_port()).prepare()
    assert code_of(refused) == "database_running"
    assert running.cluster.is_ready()


def test_a_server_that_does_not_come_up_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as refused:
        Cluster(tmp_path, free_port()).wait_until_ready(0.1)
    assert code_of(refused) == "database_not_ready"


# --- ends and starts --------------------------------------------------------------------------------------------------


def test_serving_becomes_the_server_and_sigint_ends_it_though_clients_are_connected(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", free_port())
    cluster.initialise()
    program = "import sys; from pathlib import Path; from wayproof.database import Cluster; "
    program += "Cluster(Path(sys.argv[1]), int(sys.argv[2])).serve()"
    command = [sys.executable, "-c", program, str(cluster.directory), str(cluster.port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            cluster.wait_until_ready(START_TIMEOUT_S)
            lock = read_lock_file(cluster.data)
            assert lock is not None
            assert lock.pid == process.pid
            with psycopg.connect(cluster.dsn("postgres")):
                process.send_signal(signal.SIGINT)
                assert process.wait() == 0
        finally:
            process.kill()
    assert read_lock_file(cluster.data) is None


def test_every_committed_row_survives_kills_in_mid_load(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as running:
        dsn = running.new_database()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE rows (number bigint PRIMARY KEY, filling text NOT NULL)")
        committed: list[int] = []
        for _ in range(3):
            first = (max(committed) if committed else 0) + 1000  # what a kill caught between the two is not known
            loading = threading.Thread(target=_load, args=(dsn, first, committed))
            enough = len(committed) + 200
            loading.start()
            while len(committed) < enough and loading.is_alive():
                time.sleep(POLL_S)
            running.kill()
            loading.join()
            running.start()
            with psycopg.connect(dsn) as connection:
                kept = {number for (number,) in connection.execute("SELECT number FROM rows")}
            assert len(committed) >= enough
            assert set(committed) <= kept
            assert len(kept - set(committed)) <= 3  # at most the one in flight at each kill


def _load(dsn: str, first: int, committed: list[int]) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number in range(first, first + 1_000_000):
            try:
                connection.execute("INSERT INTO rows VALUES (%s, repeat('x', 500))", (number,))
            except psycopg.OperationalError:
                return
            committed.append(number)


@on_linux
def test_the_next_server_waits_for_what_a_killed_one_left(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as running:
        with psycopg.connect(running.cluster.dsn("postgres")) as connection:
            backend = connection.info.backend_pid
            os.kill(backend, signal.SIGSTOP)  # it cannot notice that its server is gone
            running.kill()
            with pytest.raises(DatabaseError, match="1 processes of a server that is ending or was killed") as refused:
                clear_the_way(running.cluster.data, within_s=0.5)
            assert code_of(refused) == "database_leftovers"
            released = threading.Timer(0.5, os.kill, (backend, signal.SIGCONT))
            released.start()
            running.start()
            released.join()
        assert not is_alive(backend)


@on_linux
def test_the_next_server_waits_for_one_that_is_ending(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as running:
        ending = running.process
        assert ending is not None
        with psycopg.connect(running.cluster.dsn("postgres")) as connection:
            backend = connection.info.backend_pid
            os.kill(backend, signal.SIGSTOP)  # the server waits for it
            ending.send_signal(signal.SIGINT)
            while not ((lock := read_lock_file(running.cluster.data)) and lock.is_stopping):
                time.sleep(POLL_S)
            released = threading.Timer(0.5, os.kill, (backend, signal.SIGCONT))
            released.start()
            running.start()
            released.join()
        assert ending.wait() == 0


@on_linux
def test_a_number_that_is_now_somebody_elses_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster") as running:
        running.kill()
        left = read_lock_file(running.cluster.data)
        assert left is not None
        owner = account_for_new_data()  # whom PostgreSQL would take for itself
        with subprocess.Popen(owner.command_for(["sleep", "600"], reaching=[])) as stranger:
            try:
                lines = left.path.read_text("utf-8").splitlines(keepends=True)
                left.path.write_text("".join([f"{stranger.pid}\n", *lines[1:]]), "utf-8")
                running.start()
                assert running.cluster.is_ready()
            finally:
                stranger.kill()


@on_linux
def test_a_server_that_only_starts_counts_as_running(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n/data\n")
    with pytest.raises(DatabaseError) as refused:
        clear_the_way(tmp_path)
    assert code_of(refused) == "database_running"


@pytest.mark.parametrize("text", ["", "\n", "none\n", "12\n" + "\n" * 5 + "one two\n"])
def test_a_torn_lock_file_is_left_to_postgresql(tmp_path: Path, text: str) -> None:
    path = tmp_path / "postmaster.pid"
    path.write_text(text)
    clear_the_way(tmp_path)
    assert path.read_text() == text


def test_a_process_that_has_ended_is_not_alive_before_it_is_waited_for() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(process.pid)
    assert is_alive(os.getpid())


@on_linux
def test_a_running_server_is_attached_to_its_memory(running: RunningCluster) -> None:
    lock = read_lock_file(running.cluster.data)
    assert lock is not None
    assert (attached_processes(lock) or 0) > 1


@pytest.mark.parametrize("written", ["-559038737", "3735928559", "18446744073150512879"])
def test_a_key_is_recognised_however_its_sign_is_written(tmp_path: Path, written: str) -> None:
    segments = tmp_path / "shm"
    segments.write_text("key shmid perms size cpid lpid nattch\n 7 5 600 56 1 1 2\n -559038737 4 600 56 1 1 6\n")
    lock_file = tmp_path / "postmaster.pid"
    lock_file.write_text("12\n/data\n0\n5432\n\n127.0.0.1\n" + f"{written} 4\nready   \n")
    lock = read_lock_file(tmp_path)
    assert lock is not None
    assert attached_processes(lock, segments=segments) == 6


_PARENT = """
import sys, time
from pathlib import Path
from support.database import RunningCluster
from wayproof.database import Cluster
running = RunningCluster(Cluster(Path(sys.argv[1]), int(sys.argv[2])))
running.start()
print(running.process.pid, flush=True)
time.sleep(600)
"""


@on_linux
def test_a_server_that_is_bound_to_its_parent_ends_with_it(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "cluster", free_port())
    cluster.initialise()
    command = [sys.executable, "-c", _PARENT, str(cluster.directory), str(cluster.port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert is_alive(server)
        parent.kill()
    while is_alive(server):
        time.sleep(POLL_S)
    assert "received fast shutdown request" in (cluster.directory / "server.log").read_text("utf-8")
