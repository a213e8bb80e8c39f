"""A short bounded run of the fuzzing harness, where atheris is at hand."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = os.environ.get("WAYPROOF_FUZZ_RUNS", "3000")


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform")
def test_fuzzing_finds_no_other_exception(tmp_path: Path) -> None:
    harness = Path(__file__).parent / "fuzz_fabric.py"
    done = subprocess.run(
        [sys.executable, harness, f"-runs={RUNS}", "-seed=1", "-max_len=8192", f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr
