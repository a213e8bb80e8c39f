"""Our log, read by other people's code: Go's golang.org/x/mod/sumdb (note, tlog) and Tessera's fsck."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support import go_program
from support.log_export import export_log

if go_program.missing():
    pytest.skip(
        f"left out: golang.org/x/mod/sumdb and Tessera's fsck did not read the log, because {go_program.missing()}",
        allow_module_level=True,
    )

SIZES = (0, 1, 2, 255, 256, 257, 1000, 70_000)
CHECKS = ("checkpoint", "root", "entries", "inclusion", "consistency", "fsck")


@pytest.fixture(scope="module")
def logcheck() -> Path:
    return go_program.build(Path(__file__).parent / "log")


def run(program: Path, folder: Path) -> tuple[int, list[str]]:
    result = subprocess.run([str(program), str(folder)], capture_output=True, text=True, timeout=120, check=False)
    return result.returncode, result.stdout.splitlines()


def test_independent_code_accepts_the_log_at_every_size(logcheck: Path, tmp_path: Path) -> None:
    export_log(tmp_path, sizes=SIZES)
    status, lines = run(logcheck, tmp_path)
    assert lines == [f"passed {size} {check}" for size in SIZES for check in CHECKS]
    assert status == 0


def flip_last_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def swap_entries(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[34:68] + content[:34] + content[68:])


def claim_another_size(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n257\n", b"\n256\n"))


def swap_inclusion_proofs(path: Path) -> None:
    claim = json.loads(path.read_text())
    claim["inclusion"]["0"], claim["inclusion"]["1"] = claim["inclusion"]["1"], claim["inclusion"]["0"]
    path.write_text(json.dumps(claim))


def shorten_consistency_proof(path: Path) -> None:
    claim = json.loads(path.read_text())
    claim["consistency"]["255"]["proof"].pop()
    path.write_text(json.dumps(claim))


@pytest.mark.parametrize(
    ("name", "change", "failing"),
    [
        ("checkpoint", claim_another_size, {"checkpoint", "fsck"}),
        ("tile/0/000", flip_last_bit, {"inclusion", "consistency", "fsck"}),
        ("tile/0/001.p/1", flip_last_bit, {"root", "inclusion", "consistency", "fsck"}),
        ("tile/1/000.p/1", flip_last_bit, {"root", "inclusion", "consistency", "fsck"}),
        ("tile/entries/000", swap_entries, {"entries", "fsck"}),
        ("tile/entries/001.p/1", flip_last_bit, {"entries", "fsck"}),
        ("proofs.json", swap_inclusion_proofs, {"inclusion"}),
        ("proofs.json", shorten_consistency_proof, {"consistency"}),
    ],
)
def test_independent_code_refuses_a_change(
    logcheck: Path, tmp_path: Path, name: str, change: Callable[[Path], None], failing: set[str]
) -> None:
    export_log(tmp_path, sizes=[257])
    change(tmp_path / "257" / name)
    status, lines = run(logcheck, tmp_path)
    assert {line.split()[2].rstrip(":") for line in lines if line.startswith("failed")} == failing
    assert len(lines) == len(CHECKS)
    assert status == 1
