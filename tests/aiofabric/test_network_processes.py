"""Processes: found again by anybody, stopped for certain, never another one's, gone with their parent if asked to."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiofabric.network import ProcessError
from aiofabric.network.processes import Command, ProcessFolder

PATIENCE_S = 20.0
SLEEPER = "import time; print('running', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ProcessFolder]:
    made = ProcessFolder(tmp_path / "node")
    yield made
    made.kill()


@pytest.mark.parametrize("detached", [True, False])
def test_a_process_is_alive_until_it_is_stopped(folder: ProcessFolder, *, detached: bool) -> None:
    assert not folder.is_alive()
    child = folder.start(_python(SLEEPER), detached=detached)
    _until_logged(folder, "running")
    found = ProcessFolder(folder.path)  # as somebody who comes later
    assert found.is_alive()
    assert found.pid() == (folder.pid() if detached else child.pid)
    found.stop()
    child.wait(PATIENCE_S)
    assert not folder.is_alive()
    assert folder.pid() is None
    found.stop()  # again does nothing


def test_it_is_not_started_twice(folder: ProcessFolder) -> None:
    folder.start(_python(SLEEPER), detached=True)
    with pytest.raises(ProcessError, match="node runs already"):
        folder.start(_python(SLEEPER), detached=True)


def test_one_that_does_not_listen_is_killed(folder: ProcessFolder) -> None:
    folder.start(_python(STUBBORN), detached=True)
    _until_logged(folder, "deaf")
    folder.stop(timeout_s=0.2)
    assert not folder.is_alive()


def test_the_process_id_of_one_that_is_gone_is_never_used(folder: ProcessFolder) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.DEVNULL)
    try:
        folder.path.mkdir()
        (folder.path / "lock").touch()
        (folder.path / "pid").write_text(str(bystander.pid))
        assert folder.pid() is None
        folder.stop()
        folder.kill()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_an_attached_process_ends_with_its_parent(folder: ProcessFolder) -> None:
    parent = _parent(folder, detached=False)
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE_S)
    assert folder.wait_ended(PATIENCE_S)


def test_a_detached_process_outlives_its_parent(folder: ProcessFolder) -> None:
    parent = _parent(folder, detached=True)
    parent.send_signal(signal.SIGKILL)
    parent.wait(PATIENCE_S)
    assert not folder.wait_ended(0.2)


def test_the_log_keeps_what_earlier_runs_said(folder: ProcessFolder) -> None:
    assert folder.tail() == ""
    for word in ("first", "second"):
        folder.start(_python(f"print('{word}')"), detached=True)
        _until_logged(folder, word)
        assert folder.wait_ended(PATIENCE_S)
    assert folder.tail() == "first\nsecond"
    assert folder.tail(lines=1) == "second"


def _python(program: str) -> Command:
    return Command([sys.executable, "-c", program], {})


def _until_logged(folder: ProcessFolder, text: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while text not in folder.tail():
        assert time.monotonic() < deadline, folder.tail()
        time.sleep(0.01)


def _parent(folder: ProcessFolder, *, detached: bool) -> "subprocess.Popen[bytes]":
    """Start a process that starts one in the folder, and return when that one runs."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from aiofabric.network.processes import Command, ProcessFolder\n"
        f"command = Command([sys.executable, '-c', {SLEEPER!r}], {{}})\n"
        f"child = ProcessFolder(Path({str(folder.path)!r})).start(command, detached={detached})\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    _until_logged(folder, "running")
    return parent
