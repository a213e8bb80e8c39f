"""Do to the whole platform what may happen to it, and audit what is left.

`python tests/faults/faults.py F1 F3 --seed 1 --directory DIR` makes real processes in DIR (ours, PostgreSQL, Mosquitto
with TLS, the ledger), keeps devices publishing, and injects one fault after another, each in a world of its own. Each
ends in one audit, the devices' own send logs against rows, leaves and anchors, and in `wayproof fsck`, which computes
log, flags and projection again. Results are in DIR/results.json as they
come; `--report FILE` writes them as a table. A run that was stopped goes on with `--resume`: faults that passed are not
done again, and kills go on after their last audit.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a program: the tests' support is beside this folder
sys.path.remove(str(Path(__file__).parent))  # where this file would pass for the folder of its name

from faults.catalogue import FAULTS
from pydantic import TypeAdapter

from support.fault_report import table
from support.fault_world import World, running_world
from support.faults import Fault, Trial
from support.findings import Findings

RESULTS = "results.json"
DONE = TypeAdapter(dict[str, Findings])


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    listed = "\n".join(f"  {fault.number:4} {fault.name}\n       passes: {fault.passes}" for fault in FAULTS)
    made = argparse.ArgumentParser(
        description=__doc__, epilog=f"faults:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("faults", nargs="*", default=["all"], metavar="F", help="which faults, by number (default: all)")
    made.add_argument("--seed", type=int, default=1, help="what all chance follows from (default 1)")
    made.add_argument("--directory", type=Path, required=True, help="where everything is made")
    made.add_argument("--resume", action="store_true", help="go on in the directory of an earlier run")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--long", action="store_true", default=True, help="the long form (default)")
    form.add_argument("--short", dest="long", action="store_false", help="the form of the tests, a few seconds each")
    made.add_argument("--kills", type=int, help="how many kills F1 and F2 do each")
    made.add_argument("--outage-s", type=float, metavar="S", help="how long F5 goes without the ledger (default 300)")
    made.add_argument("--report", type=Path, metavar="FILE", help="write the table (Markdown) there, too")
    return made


def chosen(numbers: Sequence[str]) -> list[Fault]:
    """Return the faults of these numbers, in the catalogue's order. Raises SystemExit for a number that is none."""
    wanted = {number.upper() for number in numbers}
    if unknown := wanted - {"ALL"} - {fault.number for fault in FAULTS}:
        raise SystemExit(f"{', '.join(sorted(unknown))}: no such fault; --help lists them")
    return [fault for fault in FAULTS if "ALL" in wanted or fault.number in wanted]


async def run(fault: Fault, options: argparse.Namespace) -> Findings:
    """Make one fault, in a world of its own."""
    directory: Path = options.directory / fault.number
    resume = options.resume and (directory / "deployment").exists()

    found: list[str] = []

    @asynccontextmanager
    async def world() -> AsyncIterator[World]:
        async with running_world(directory, seed=options.seed, resume=resume) as made:
            yield made
            found.append(await made.fsck())

    def say(text: str) -> None:
        print(f"  {fault.number} {time.strftime('%H:%M:%S')} {text}", flush=True)

    trial = Trial(
        directory,
        options.seed,
        options.long,
        world,
        say,
        resume=resume,
        kills=options.kills,
        outage_s=options.outage_s,
    )
    try:
        findings = await fault.run(trial)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other faults have their turn
        traceback.print_exc()
        return Findings(failures=[f"broken off: {error!r}"])
    for said in found:
        findings.require(not said, said)
    return findings


def main() -> int:
    """Run what was asked for, print the table, and return 0 if all of it passed."""
    options = parser().parse_args()
    faults = chosen(options.faults)
    options.directory.mkdir(parents=True, exist_ok=True)
    results = options.directory / RESULTS
    done: dict[str, Findings] = {}
    if options.resume and results.exists():
        done = DONE.validate_json(results.read_bytes())
    for fault in faults:
        if fault.number in done and not done[fault.number].failures:
            print(f"{fault.number} {fault.name}: passed before", flush=True)
            continue
        print(f"{fault.number} {fault.name} (seed {options.seed})", flush=True)
        (options.directory / fault.number).mkdir(exist_ok=True)
        began = time.monotonic()
        findings = done[fault.number] = asyncio.run(run(fault, options))
        findings.figures["wall_s"] = round(time.monotonic() - began, 1)
        results.write_bytes(DONE.dump_json(done, indent=1))
        verdict = findings.left_out or "; ".join(findings.failures) or "passed"
        print(f"{fault.number} {verdict}: {findings.figures}", flush=True)
    made = table([(fault, done[fault.number]) for fault in faults], seed=options.seed, long=options.long)
    print(made)
    if options.report:
        options.report.write_text(made, "utf-8")
    return int(any(done[fault.number].failures for fault in faults))


if __name__ == "__main__":
    raise SystemExit(main())
