"""The processes around the story: a deployment to run it on, and the checks that judge what it leaves."""

import asyncio
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from aiofabric.network import Binaries
from wayproof import observability, settings
from wayproof.database.programs import program
from wayproof.demo import summary
from wayproof.demo.office import Office
from wayproof.demo.story import Story
from wayproof.demo.summary import Outcome, Verified
from wayproof.demo.tampering import TAMPERINGS, tamper
from wayproof.demo.voyage import Voyage
from wayproof.errors import WayproofError
from wayproof.store import flagged, flags
from wayproof.store.audit import Audit, audit
from wayproof.store.connection import connect
from wayproof.store.flagged import FlagCount
from wayproof.up import provision, services
from wayproof.up.provision import Deployment, database_name

Say = Callable[[str], None]

MARKER = ".wayproof-demo"
SHIPPER = "ShipperMSP"
INTERVALS_S = {"anchor": 1.0, "monitor": 1.0}
ANCHORED_WITHIN_S = 60.0
JUDGED_WITHIN_S = 30.0
KEPT_ALIVE_S = 1.0
"""Shorter than the API keeps an idle connection (5 s), so that none is used in the moment in which it is closed."""

EVIDENCE_OF = 3
"""Closed shipments whose evidence is made and verified."""

PORTS_FROM, PORTS_UNTIL = 18_080, 30_000

TAMPERED_ROW = (
    "UPDATE reading SET value = {sign} 30 WHERE (stream_id, observed_at_ms, ingest_id, ordinal) = (SELECT stream_id, "
    "observed_at_ms, ingest_id, ordinal FROM reading JOIN log_leaf USING (ingest_id) JOIN quantity USING (quantity_id) "
    "WHERE name = 'temperature' ORDER BY leaf_index DESC, ordinal LIMIT 1)"
)
"""What somebody with the database's password might do to the last sealed reading, and undo."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a run: where, whether it ends by itself, a real logger's trace to replay, Fabric as ledger."""

    directory: Path
    once: bool = False
    trace: Path | None = None
    fabric: Binaries | None = None


async def run(wish: Wish, *, say: Say) -> int:
    """Run the story in a folder of its own; return 0 if everything ended as it must, 1 otherwise."""
    began = time.monotonic()
    _prepare(wish.directory)
    observability.configure(process="demo", file=wish.directory / "demo.log")
    say("Real flights and weather of 2013 drive simulated loggers; the cargo's temperature is a thermal model.")
    say(f"{services.STAND_INS['fabric' if wish.fabric else 'embedded']}\n")
    deployment = await asyncio.to_thread(
        provision.initialise,
        wish.directory / "deployment",
        first_port=_free_ports(),
        fabric=wish.fabric,
        intervals_s=INTERVALS_S,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(services.running(deployment, say=lambda text: say(f"starting: {text}")))
        offices = {
            member.msp_id: await stack.enter_async_context(_office(deployment, member.msp_id))
            for member in deployment.members
        }
        for member in deployment.members:
            say(f"  {member.name:10} http://127.0.0.1:{deployment.api_port(member.msp_id)}")
        story = Story(deployment, offices, say, trace=wish.trace)
        stack.callback(story.close)
        outcome = await _play(story, began=began)
        say("\n" + summary.table(outcome))
        if not wish.once:
            await _stay(deployment, say=say)
    return 0 if outcome.is_as_it_must else 1


async def _play(story: Story, *, began: float) -> Outcome:
    """Run the story to its end and judge it."""
    say, deployment = story.say, story.deployment
    say("\nDevices, shipments, attachments")
    story.prepare()
    await story.register()
    say(f"  {len(story.voyages)} shipments created on the ledger, a device with two streams attached to each\n")
    say("The journey, compressed: every step is ten minutes")
    await story.travel()
    await story.settle()
    say(f"  all delivered: {story.progress()}\n")
    await _judged(story)
    closed = await story.finish()
    say(f"{len(closed)} shipments judged and closed by the consignee; {len(story.voyages) - len(closed)} under way\n")
    audited = await _anchored(story)
    counts = await _flagged(deployment)
    say("Evidence, checked offline")
    verified = await _verify(story, closed[:EVIDENCE_OF])
    say("\nSomebody with the database's password warms a sealed reading by a few degrees")
    found = await _tamper_with_a_row(deployment, say=say)
    excursions = await _excursions(story)
    return Outcome(
        shipments=len(story.voyages),
        closed=len(closed),
        audit=audited,
        excursions=excursions,
        flags=counts,
        verified=verified,
        tampered_row_found=found,
        seconds=time.monotonic() - began,
    )


async def _judged(story: Story) -> None:
    """Wait until the monitor has seen every last message: what it found is on the ledger then."""
    office, deadline = story.offices[SHIPPER], time.monotonic() + JUDGED_WITHIN_S
    last = {voyage.gsin: round(voyage.samples[-1].at.timestamp() * 1000) for voyage in story.voyages}
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        shipments = [await office.get(f"shipments/{gsin}") for gsin in last]
        if all(it.get("last_observed_at_ms", 0) >= last[it["gsin"]] for it in shipments):
            break
    await asyncio.sleep(2 * INTERVALS_S["monitor"])


async def _anchored(story: Story) -> Audit:
    """Wait until everything receipted is anchored, and return the audit."""
    deadline = time.monotonic() + ANCHORED_WITHIN_S
    while True:
        found = await asyncio.to_thread(_audit, story)
        if found.lost == 0 or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.5)


async def _flagged(deployment: Deployment) -> Sequence[FlagCount]:
    """Wait until everything is judged for how plausible it is, and return what is flagged."""
    read, deadline = settings.load(deployment.settings(SHIPPER)), time.monotonic() + JUDGED_WITHIN_S
    with connect(read.database, application="demo", role="audit") as connection:
        while True:
            if flags.waiting(connection) == 0 or time.monotonic() > deadline:
                return flagged.counts(connection)
            await asyncio.sleep(0.2)


def _audit(story: Story) -> Audit:
    read = settings.load(story.deployment.settings(SHIPPER))
    with connect(read.database, application="demo", role="audit") as connection:
        return audit(connection, log_id=read.require_log().log_id, sent=story.send_logs())


async def _excursions(story: Story) -> Sequence[tuple[str, str]]:
    """Return (shipment, direction) of every excursion that stands."""
    office = story.offices[SHIPPER]
    shipments = [await office.get(f"shipments/{voyage.gsin}") for voyage in story.voyages]
    return [(it["gsin"], one["direction"]) for it in shipments for one in it["excursions"] if one["standing"]]


async def _verify(story: Story, voyages: Sequence[Voyage]) -> Verified:
    """Make the evidence of some shipments, verify it, and verify changed copies of the first."""
    deployment, accepted, refused, wrongly = story.deployment, 0, 0, 0
    for voyage in voyages:
        evidence, receipts = _files(story, voyage)
        with evidence.open("wb") as output:
            await _command("evidence", voyage.gsin, *_settings(deployment), stdout=output)
        status, text = await _verifier(evidence, deployment, receipts)
        report = json.loads(text)
        facts = f"as of block {report['as_of_block']}, {len(report['findings'])} findings"
        story.say(f"  {evidence.name}: {report['verdict']}, {facts}")
        accepted += status == 0
    original, receipts = _files(story, voyages[0])
    for number, tampering in enumerate(TAMPERINGS, start=1):
        changed = original.with_name(f"tampered-{number}.evidence")
        changed.write_bytes(tamper(original.read_bytes(), tampering))
        status, text = await _verifier(changed, deployment, receipts)
        failed = [check["name"] for check in json.loads(text)["checks"] if check["status"] == "failed"]
        story.say(f"  {'REFUSED' if status == 1 else 'ACCEPTED!':9} {tampering.pretends:48} {', '.join(failed)}")
        refused += status == 1
        wrongly += status != 1
    return Verified(accepted=accepted, made=len(voyages), refused=refused, tampered=refused + wrongly, example=original)


def _files(story: Story, voyage: Voyage) -> tuple[Path, Path]:
    folder = story.deployment.directory.parent
    receipts = folder / f"{voyage.device.identity.device_id}.receipts"
    story.write_receipts(voyage, receipts)
    return folder / f"shipment-{voyage.gsin}.evidence", receipts


async def _verifier(evidence: Path, deployment: Deployment, receipts: Path) -> tuple[int, str]:
    command = Path(sys.executable).with_name("wayproof-verify")
    trust = ("--trust-root", str(deployment.trust_root), "--receipts", str(receipts))
    process = await asyncio.create_subprocess_exec(
        command, str(evidence), *trust, "--require-closed", "--json", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def _tamper_with_a_row(deployment: Deployment, *, say: Say) -> bool:
    """Change one sealed reading in the database, let fsck find it, and put it back."""
    _psql(deployment, TAMPERED_ROW.format(sign="value +"))
    status, text = await _fsck(deployment)
    say(f"  fsck: {text.strip().splitlines()[0] if text.strip() else status}")
    _psql(deployment, TAMPERED_ROW.format(sign="value -"))
    clean, _ = await _fsck(deployment)
    say(f"  put back; fsck: {'consistent' if clean == 0 else 'STILL NOT CONSISTENT'}")
    return status == 1 and clean == 0


def _psql(deployment: Deployment, statement: str) -> None:
    """Do what no role of a process may do, as the database's superuser."""
    shipper = next(member for member in deployment.members if member.msp_id == SHIPPER)
    command = [str(program("psql")), deployment.cluster.dsn(database_name(shipper)), "-qc", statement]
    done = subprocess.run(command, check=False)  # noqa: S603 - our own statement, on our own database
    if done.returncode != 0:
        raise WayproofError("the demo could not change a row of its own database")


async def _fsck(deployment: Deployment) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wayproof", "fsck", *_settings(deployment), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def _command(*arguments: str, stdout: object) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "wayproof", *arguments, stdout=stdout)  # type: ignore[arg-type] # a file
    if await process.wait() != 0:
        raise WayproofError(f"wayproof {arguments[0]} failed")


async def _stay(deployment: Deployment, *, say: Say) -> None:
    """Leave the pages up until interrupted."""
    say("\nThe pages stay up until Ctrl-C:")
    for member in deployment.members:
        say(f"  {member.name:10} http://127.0.0.1:{deployment.api_port(member.msp_id)}")
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    await stopped.wait()
    say("Ending …")


@asynccontextmanager
async def _office(deployment: Deployment, msp_id: str) -> AsyncIterator[Office]:
    base = f"http://127.0.0.1:{deployment.api_port(msp_id)}"
    limits = httpx.Limits(keepalive_expiry=KEPT_ALIVE_S)
    async with httpx.AsyncClient(base_url=base, timeout=60.0, limits=limits, trust_env=False) as http:
        yield Office(msp_id, http)


def _settings(deployment: Deployment) -> tuple[str, str]:
    return ("--settings", str(deployment.settings(SHIPPER)))


def _prepare(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()) and not (directory / MARKER).exists():
        raise WayproofError(f"{directory} holds something else; name another folder with --directory")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / MARKER).write_text("made by `wayproof demo`, replaced by its next run\n")


def _free_ports() -> int:
    """Return the first of enough ports in a row that nobody listens on: the usual ones if they are free."""
    first = PORTS_FROM
    while not all(_is_free(port) for port in range(first, first + 6)):
        first = PORTS_FROM + 10 * secrets.randbelow((PORTS_UNTIL - PORTS_FROM) // 10)
    return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
