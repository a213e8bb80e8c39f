"""Fuzz every parser of hostile bytes, one after the other, each for so many CPU seconds.

    make fuzz FUZZ_SECONDS=300
    python tests/faults/parsers_fuzz.py --seconds 300 ingest_mqtt broker

What was found interesting is kept in a cache outside the tree, so the next run begins where this one ended. An input
that breaks a parser is written there too, with the command that repeats it; the rest are fuzzed all the same, and the
exit status is 1. Needs atheris, which has wheels for Linux on x86-64 up to Python 3.13; elsewhere the exit status is 2,
and what runs everywhere are the hypothesis tests of `make test`.
"""

import argparse
import importlib.util
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
LONGEST_INPUT = 8_192
MOST_RSS_MB = 1_024
"""Beyond, an input is a finding: some 100 MB are Python, our code, and the corpus."""
ROUND_S = 60
SLOWEST_INPUT_S = 60
"""A last resort against code in C that goes round and round: calls are counted (`support.fuzzing`)."""

_RUNS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of one parser: its inputs, CPU seconds, covered edges, and inputs that break it."""

    name: str
    runs: int
    cpu_s: float
    covered: int
    findings: Sequence[Path]


def harnesses() -> dict[str, Path]:
    """Return the fuzzers by name."""
    return {path.stem.removeprefix("fuzz_"): path for path in sorted(TESTS.glob("*/fuzz_*.py"))}


def main(arguments: Sequence[str]) -> int:
    """Fuzz what is named, or all, and say what came of it."""
    given = _parser().parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print("atheris has no wheel for this Python on this platform (Linux on x86-64, up to 3.13)", file=sys.stderr)
        return 2
    done = []
    for name in given.names or harnesses():
        done.append(fuzz(harnesses()[name], cpu_seconds=given.seconds, cache=given.cache / name))
        say(done[-1])
    print(f"\n{sum(it.runs for it in done):,} inputs, {sum(it.cpu_s for it in done) / 60:.1f} CPU minutes")
    return 1 if any(it.findings for it in done) else 0


def fuzz(harness: Path, *, cpu_seconds: float, cache: Path) -> Fuzzed:
    """Fuzz one parser, in rounds, until it has had its CPU time or an input broke it."""
    corpus, found = cache / "corpus", cache / "findings"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = {*found.iterdir()}
    name = harness.stem.removeprefix("fuzz_")
    runs = covered = 0
    began_s = _cpu_of_children_s()
    while (left_s := cpu_seconds - (_cpu_of_children_s() - began_s)) > 0:
        round_s = max(1, min(ROUND_S, round(left_s)))
        print(f"{name}: {left_s:.0f} CPU seconds to go, {runs:,} inputs so far", flush=True)
        done = subprocess.run(
            [
                sys.executable,
                str(harness),
                f"-max_total_time={round_s}",
                f"-max_len={LONGEST_INPUT}",
                f"-rss_limit_mb={MOST_RSS_MB}",
                f"-timeout={SLOWEST_INPUT_S}",
                f"-artifact_prefix={found}/",
                "-print_final_stats=1",
                str(corpus),
            ],
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        runs += sum(map(int, _RUNS.findall(done.stderr)))
        covered = max([covered, *map(int, _COVERED.findall(done.stderr))])
        if done.returncode:
            new = sorted({*found.iterdir()} - before)
            log = found / "last.log"
            log.write_text(done.stdout + done.stderr)
            return Fuzzed(name, runs, _cpu_of_children_s() - began_s, covered, [it for it in new if it != log] or [log])
    return Fuzzed(name, runs, _cpu_of_children_s() - began_s, covered, [])


def say(done: Fuzzed) -> None:
    """Say what came of one parser."""
    verdict = "a finding" if done.findings else "no finding"
    print(f"{done.name}: {done.runs:,} inputs in {done.cpu_s:.0f} CPU seconds, {done.covered} edges, {verdict}")
    for path in done.findings:
        print(f"  what was said: {path.parent / 'last.log'}")
        print(f"  again: PYTHONPATH=tests {sys.executable} {harnesses()[done.name]} {path}", flush=True)


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parsers_fuzz.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wayproof" / "fuzz"
    parser.add_argument("names", nargs="*", choices=[*harnesses(), []], metavar="PARSER", help=", ".join(harnesses()))
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU seconds for each parser (60)")
    parser.add_argument("--cache", type=Path, default=cache, help=f"corpora and findings ({cache})")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
