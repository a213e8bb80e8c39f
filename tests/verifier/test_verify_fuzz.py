"""A bounded run of the coverage-guided fuzzer, where it can be imported."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = 200_000 if os.environ.get("WAYPROOF_LONG") else 500


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed on this platform")
def test_fuzzed_files_end_in_a_report() -> None:
    program = Path(__file__).parent / "fuzz_bundle.py"
    done = subprocess.run(
        [sys.executable, str(program), f"-runs={RUNS}", "-seed=1", "-max_len=4096"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr
