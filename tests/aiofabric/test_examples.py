"""The examples run as they stand, with the commands of their README, on an embedded ledger of their own.

The guide shows nothing else than what they do.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aiofabric.gateway import ChaincodeEvent, Position, SqlCheckpoint
from support.database import RunningCluster
from support.embedded_network import free_port
from support.softhsm import IS_MISSING, LABEL, PIN, REASON, soft_token

EXAMPLES = Path(__file__).parents[2] / "services" / "aiofabric" / "examples"
README = (EXAMPLES / "README.md").read_text()
START_TIMEOUT_S = 60
RUN_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A served ledger, and what to give the programs."""

    ledger: Path
    address: str

    def run(self, program: str, *arguments: object) -> list[str]:
        """Run a program of the examples' folder and return the lines that it prints."""
        given = [sys.executable, program, self.ledger, self.address, *arguments]
        done = subprocess.run(
            [str(part) for part in given],
            cwd=EXAMPLES,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


def readme_command(name: str, replace: Callable[[str], str]) -> list[str]:
    """Return a command of the README, for our folder and port."""
    line = next(line for line in README.splitlines() if line.startswith(f"python -m aiofabric.embedded {name} "))
    _, *arguments = shlex.split(replace(line.partition("#")[0]))
    return [sys.executable, *arguments]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Make and serve a ledger as the README says, and run the first program on it."""
    folder = tmp_path_factory.mktemp("examples")
    port = free_port()
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}

    def here(command: str) -> str:
        return re.sub(r"\bledger\b", str(folder / "ledger"), command).replace("7051", str(port))

    subprocess.run(readme_command("init", here), cwd=EXAMPLES, env=environment, check=True, capture_output=True)
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            readme_command("serve", here), cwd=EXAMPLES, env=environment, stdout=output, stderr=output
        )
    try:
        wait_until_served(server, log)
        yield Place(folder / "ledger", f"localhost:{port}")
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_served(server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not re.search(r"^serving ", log.read_text(), re.MULTILINE):
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def first_run(place: Place) -> list[str]:
    """Run the first program: the others find its two events and two blocks."""
    return place.run("submit_and_evaluate.py")


def test_submit_and_evaluate(first_run: list[str]) -> None:
    assert first_run == [
        "holder: alice",
        "transaction: 64 hexadecimal digits, known before anything is sent",
        "before: alice",
        "committed: VALID",
        "holder: bob",
    ]


def test_handle_errors(place: Place) -> None:
    assert place.run("handle_errors.py") == [
        "handed over to bob",
        "refused by the contract: 404 no parcel parcel-0",
        "first: VALID",
        "second: MVCC_READ_CONFLICT",
        "holder: dave",
    ]


def test_follow_events_goes_on_where_the_database_stands(place: Place, first_run: list[str], tmp_path: Path) -> None:
    assert first_run
    database = tmp_path / "holdings.sqlite"
    assert place.run("follow_events.py", database, 1) == ["parcel-1 alice"]
    assert place.run("follow_events.py", database, 1) == ["parcel-1 alice", "parcel-1 bob"]


def test_follow_blocks_goes_on_with_the_next_block(place: Place, first_run: list[str], tmp_path: Path) -> None:
    assert first_run
    checkpoint = tmp_path / "checkpoint.json"
    assert place.run("follow_blocks.py", checkpoint, 2) == ["block 0: codes [0]", "block 1: codes [0]"]
    assert place.run("follow_blocks.py", checkpoint, 1) == ["block 2: codes [0]"]


def test_sign_offline(place: Place) -> None:
    assert place.run("sign_offline.py") == ["committed: VALID", "holder: alice", "event: parcel-3 alice"]


def test_transient_data(place: Place) -> None:
    assert place.run("transient_data.py") == ["1200 EUR was declared: yes", "9000 EUR was declared: no"]
    secret = b"1200 EUR"
    assert secret not in (place.ledger / "blocks.dat").read_bytes()


def test_private_data(tmp_path: Path) -> None:
    place = Place(tmp_path / "private", str(free_port()))  # this one makes and serves a ledger of its own
    assert place.run("private_data.py") == [
        "SellerMSP: 1200 EUR; private data with the block: yes",
        "BuyerMSP: 1200 EUR; private data with the block: yes",
        "CarrierMSP: not for this organisation; private data with the block: no",
    ]


@pytest.mark.skipif(IS_MISSING, reason=REASON)
def test_sign_with_token(place: Place, tmp_path: Path) -> None:
    with soft_token(tmp_path / "softhsm") as token:
        (tmp_path / "pin").write_text(f"{PIN}\n")
        lines = place.run("sign_with_token.py", token.library, LABEL, tmp_path / "pin")
    assert lines == ["holder: erin"]


def test_every_program_is_in_the_readme_and_run_here() -> None:
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    assert programs == set(re.findall(r"^\| `(\w+\.py)`", README, re.MULTILINE))
    here = Path(__file__).read_text()
    assert sorted(name for name in programs - {"parcels.py"} if f'place.run("{name}"' not in here) == []


def test_the_program_on_the_front_page(place: Place, first_run: list[str], tmp_path: Path) -> None:
    assert first_run[-1] == "holder: bob"
    (program,) = re.findall(r"```python\n(.*?)```", (EXAMPLES.parent / "README.md").read_text(), re.DOTALL)
    here = program.replace('Path("ledger")', f"Path({str(place.ledger)!r})").replace("localhost:7051", place.address)
    (tmp_path / "front_page.py").write_text(here)
    assert place.run(str(tmp_path / "front_page.py")) == ["409 parcel-1 is here already", "b'bob'"]


GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "gateway.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
OF_ITS_OWN = "POSTGRESQL"
"""What marks the one program that stands in the guide alone: the examples have no PostgreSQL."""


def lines_of(text: str) -> list[str]:
    """Return the lines that say something, without the indentation that they share with their surroundings."""
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("block", [block for block in BLOCKS if OF_ITS_OWN not in block])
def test_the_guide_shows_what_the_examples_do(block: str) -> None:
    wanted = "\n".join(lines_of(block))
    assert any(wanted in "\n".join(lines_of(path.read_text())) for path in EXAMPLES.glob("*.py")), block


def test_the_guides_commands_are_the_readmes_and_name_programs_that_are_there() -> None:
    commands = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
    assert {line for line in commands if "aiofabric.embedded" in line} <= set(README.splitlines())
    programs = {found[1] for line in commands if (found := re.search(r"python (\w+\.py)", line))}
    assert programs == {"submit_and_evaluate.py", "private_data.py", "sign_with_token.py"}
    assert all((EXAMPLES / program).exists() for program in programs)


async def test_the_guides_way_with_postgresql(postgres: RunningCluster) -> None:
    (block,) = [block for block in BLOCKS if OF_ITS_OWN in block]
    program: dict[str, Any] = {}
    exec(compile(block, "guide", "exec"), program)  # noqa: S102 - our own page
    checkpoint: SqlCheckpoint = program[OF_ITS_OWN]
    event = ChaincodeEvent(7, "tx", "parcels", "Accepted", b"parcel-1 alice")
    async with await psycopg.AsyncConnection.connect(postgres.new_database(), autocommit=True) as connection:
        await connection.execute(checkpoint.schema)
        await connection.execute("CREATE TABLE holdings (block bigint UNIQUE, content text)")
        await program["record_in_postgresql"](connection, event)
        with pytest.raises(psycopg.errors.UniqueViolation):  # work that fails leaves the position where it was
            await program["record_in_postgresql"](connection, ChaincodeEvent(7, "next", "parcels", "Accepted", b"x"))
        async with connection.cursor() as cursor:
            assert await checkpoint.load_async(cursor) == Position(7, "tx")
