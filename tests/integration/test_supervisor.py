"""The supervisor, with small programs of its own: started in order, again when they end, and none left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.platform import free_ports
from wayproof.up.supervisor import Service, ServiceError, Supervisor

LISTEN = "import socket, signal; s = socket.create_server(('127.0.0.1', {port})); signal.pause()"
SUPERVISE = """
import asyncio, sys
from pathlib import Path
from wayproof.up.supervisor import Service, Supervisor
async def main():
    async with Supervisor(logs=Path(sys.argv[1])) as supervisor:
        await supervisor.start(Service("sleeper", (sys.executable, "-c", "import signal; signal.pause()")))
        print(supervisor.pid("sleeper"), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def listening(port: int) -> Service:
    return Service(f"listen-{port}", (sys.executable, "-c", LISTEN.format(port=port)), port=port)


async def test_a_service_that_is_killed_is_started_again(tmp_path: Path) -> None:
    port = free_ports(1)
    async with Supervisor(logs=tmp_path) as supervisor:
        await supervisor.start(listening(port))
        first = supervisor.pid(f"listen-{port}")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        while supervisor.starts(f"listen-{port}") < 2:  # noqa: ASYNC110 - the supervisor's task starts it
            await asyncio.sleep(0.02)
        await supervisor.wait_until_ready(f"listen-{port}")
        second = supervisor.pid(f"listen-{port}")
        assert second not in (None, first)
    assert second is not None
    assert not psutil.pid_exists(second)


@pytest.mark.parametrize(("ends", "pauses_s"), [("sys.exit(1)", [0.2, 0.4]), ("os.kill(os.getpid(), 9)", [0.2, 0.2])])
async def test_the_pause_grows_where_a_service_fails_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ends: str, pauses_s: list[float]
) -> None:
    async with Supervisor(logs=tmp_path) as supervisor:
        await supervisor.start(Service("ends", (sys.executable, "-S", "-c", f"import os, sys; {ends}")))
        while supervisor.starts("ends") < len(pauses_s) + 1:  # noqa: ASYNC110 - the supervisor's task starts it
            await asyncio.sleep(0.02)
    said = [it.again_in_s for it in caplog.records if it.message == "ended" and hasattr(it, "again_in_s")]
    assert said[: len(pauses_s)] == pauses_s


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = free_ports(1)
    async with Supervisor(logs=tmp_path) as supervisor:
        await supervisor.start(listening(port))
        with pytest.raises(ServiceError, match=str(port)) as refused:
            await supervisor.start(Service("second", ("true",), port=port))
        assert refused.value.code == "port_in_use"


async def test_a_step_that_fails_says_its_last_words(tmp_path: Path) -> None:
    async with Supervisor(logs=tmp_path) as supervisor:
        await supervisor.run_once("good", (sys.executable, "-c", "pass"))
        with pytest.raises(ServiceError, match="the reason"):
            await supervisor.run_once("bad", (sys.executable, "-c", "raise SystemExit('the reason')"))


def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervising:
        assert supervising.stdout is not None
        child = psutil.Process(int(supervising.stdout.readline()))
        supervising.kill()
        supervising.wait()
        child.wait(timeout=10)
    assert not child.is_running()
