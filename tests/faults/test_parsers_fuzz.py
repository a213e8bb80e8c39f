"""A short bounded run of every fuzzer, where atheris is at hand; and that a finding is kept and said."""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from faults.parsers_fuzz import fuzz, harnesses, main

RUNS = int(os.environ.get("WAYPROOF_FUZZ_RUNS", "1000"))
OF_WHOLE_FILES = 300
"""The bundle's: each input is a whole file to verify."""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform"
)


@pytest.mark.parametrize("name", harnesses())
def test_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    runs = min(RUNS, OF_WHOLE_FILES) if name == "bundle" else RUNS
    done = subprocess.run(
        [
            sys.executable,
            harnesses()[name],
            f"-runs={runs}",
            "-seed=1",
            "-max_len=8192",
            f"-artifact_prefix={tmp_path}/",
        ],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {runs} runs" in done.stderr


def test_an_input_that_breaks_a_parser_is_kept_and_can_be_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    harness = tmp_path / "fuzz_broken.py"
    harness.write_text(
        "from support.fuzzing import fuzz\n"
        "def parse(data):\n"
        "    if data[:1] == b'!':\n"
        "        raise RuntimeError('broken')\n"
        "fuzz(parse, seeds=[b'!found'])\n"
    )
    done = fuzz(harness, cpu_seconds=60, cache=tmp_path / "cache")
    (finding,) = done.findings
    assert finding.read_bytes().startswith(b"!")
    monkeypatch.setattr("faults.parsers_fuzz.harnesses", lambda: {"broken": harness})
    assert main(["--seconds", "60", "--cache", str(tmp_path / "again"), "broken"]) == 1
    said = capsys.readouterr().out
    command = next(line.partition("again: ")[2] for line in said.splitlines() if "again: " in line)
    assignment, *arguments = shlex.split(command)
    assert assignment == "PYTHONPATH=tests"
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": "tests"}
    repeated = subprocess.run(arguments, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert repeated.returncode != 0
    assert "RuntimeError: broken" in repeated.stdout + repeated.stderr
