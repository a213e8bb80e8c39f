"""The commands as a person types them, each in a process of its own."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support import chromium
from wayproof.cli import VERBS

BIN = Path(sys.executable).parent


def run(*arguments: str | Path, status: int = 0, timeout_s: float = 120) -> str:
    command = [str(BIN / arguments[0]), *map(str, arguments[1:])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def first_evidence(directory: Path) -> Path:
    return min(directory.glob("shipment-*.evidence"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("demo") / "output"
    return directory, run("wayproof", "demo", "--once", "--directory", directory, timeout_s=500)


@pytest.mark.timeout(560)
def test_the_demo_ends_as_it_must(demo: tuple[Path, str]) -> None:
    _, output = demo
    facts = dict(re.findall(r"^  ([a-z ]+?)  +(.+)$", output.split("Summary")[1], re.MULTILINE))
    assert "Everything ended as it must." in output
    assert int(facts["messages sent"]) > 1000
    assert facts["messages sent"] == facts["receipted"] == facts["anchored"]
    assert (facts["lost"], facts["duplicated"]) == ("0", "0")
    assert int(facts["rejected"]) >= 5
    assert re.match(r"[1-9]\d*: [1-9]\d* warm, [1-9]\d* cold", facts["excursions"])
    assert re.match(r"[1-9]\d*: .*\b1 two_places\b", facts["flags"])  # the equivocation
    assert facts["evidence"] == "3 of 3 accepted"
    assert facts["tampered evidence"] == "5 of 5 copies refused"
    assert facts["tampered row"] == "named by fsck"


def test_every_changed_copy_is_refused_by_name(demo: tuple[Path, str]) -> None:
    refused = re.findall(r"^  REFUSED +.*?  +(\S.*)$", demo[1], re.MULTILINE)
    expected = ["readings.derived", "intervals.complete", "log.inclusion", "log.inclusion", "transactions.writes"]
    assert len(refused) == len(expected)
    assert all(name in found.split(", ") for name, found in zip(expected, refused, strict=True)), refused
    assert "ACCEPTED!" not in demo[1]


def test_what_the_demo_leaves_can_be_verified_by_hand(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    evidence, trust = first_evidence(directory), directory / "deployment" / "trust-root.json"
    report = json.loads(run("wayproof-verify", evidence, "--trust-root", trust, "--json"))
    assert {check["status"] for check in report["checks"]} == {"passed"}
    run("wayproof-verify", directory / "tampered-1.evidence", "--trust-root", trust, status=1)
    run("wayproof-verify", directory / "absent", "--trust-root", trust, status=2)
    run("wayproof-verify", evidence, "--trust-root", evidence, status=2)


@contextmanager
def running(deployment: Path) -> Iterator[str]:
    """Run `wayproof up`, as a person does, until left; yield the address of the shipper's pages."""
    command = [str(BIN / "wayproof"), "up", str(deployment)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            said = takewhile(lambda line: "Ctrl-C ends everything" not in line, process.stdout)
            yield next(line.split()[1] for line in list(said) if line.startswith("ShipperMSP"))
        finally:
            process.terminate()
            assert process.wait(timeout=120) == 0


@pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing())
def test_from_the_list_to_a_file_that_the_command_line_verifies(demo: tuple[Path, str], tmp_path: Path) -> None:
    deployment, evidence, complaints = demo[0] / "deployment", tmp_path / "downloaded.evidence", list[str]()
    with running(deployment) as address, chromium.running_chromium() as browser:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        rows = page.locator(".shipment-row")
        expect(rows).to_have_count(8)
        expect(rows.first).to_contain_text("Critical")
        rows.first.get_by_role("link").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Shipment 9506")
        expect(page.get_by_role("img", name=re.compile("Chart of temperature"))).to_be_visible()
        with page.expect_download() as started:
            page.get_by_role("link", name="Download the evidence").click()
        started.value.save_as(evidence)
        page.get_by_role("button", name="Show the verifier's report").click()
        expect(page.get_by_role("dialog")).to_contain_text("Verified: every check passed", timeout=30_000)
    assert complaints == []
    assert "VERIFIED" in run("wayproof-verify", evidence, "--trust-root", deployment / "trust-root.json")


def test_verification_needs_no_network(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    isolated = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*isolated, "true"], check=False).returncode != 0:
        pytest.skip("this machine makes no network namespaces (unshare): verification was not run without a network")
    command = [
        *isolated,
        str(BIN / "wayproof-verify"),
        str(first_evidence(directory)),
        "--trust-root",
        str(directory / "deployment" / "trust-root.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_replaces_its_own_folder_and_no_other(demo: tuple[Path, str], tmp_path: Path) -> None:
    directory, _ = demo
    assert "holds something else" in run(
        "wayproof", "demo", "--once", "--directory", directory / "deployment", status=1
    )
    (tmp_path / "mine").write_text("keep me")
    run("wayproof", "demo", "--once", "--directory", tmp_path, status=1)
    assert (tmp_path / "mine").read_text() == "keep me"


def test_a_ledger_is_made_once_and_says_what_it_is(demo: tuple[Path, str], tmp_path: Path) -> None:
    home = tmp_path / "ledger"
    assert "genesis" in run("wayproof", "ledger", "init", home, "--organisations", "AcmeMSP,BoxMSP")
    assert "not empty" in run("wayproof", "ledger", "init", home, status=1)
    status = run("wayproof", "ledger", "status", home)
    assert "AcmeMSP, BoxMSP" in status
    assert "verification   passed" in status
    used = run("wayproof", "ledger", "status", demo[0] / "deployment" / "ledger")
    assert re.search(r"^transactions +\d{3,}$", used, re.MULTILINE)
    assert "holds no ledger" in run("wayproof", "ledger", "status", tmp_path, status=1)


def test_a_damaged_ledger_is_named_and_not_served(demo: tuple[Path, str], tmp_path: Path) -> None:
    home = tmp_path / "ledger"
    subprocess.run(["cp", "-r", demo[0] / "deployment" / "ledger", home], check=True)
    blocks = home / "blocks.dat"
    content = bytearray(blocks.read_bytes())
    content[len(content) // 2] ^= 1
    blocks.write_bytes(content)
    assert "FAILED" in run("wayproof", "ledger", "status", home, status=1)
    assert "blocks.dat" in run("wayproof", "ledger", "serve", home, "--port", "21999", status=1)
    assert blocks.read_bytes() == bytes(content)


@pytest.mark.parametrize("command", [("wayproof",), ("wayproof-verify",), *[("wayproof", verb) for verb in VERBS]])
def test_help_helps(command: tuple[str, ...]) -> None:
    assert "usage:" in run(*command, "--help")
