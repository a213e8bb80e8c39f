"""`wayproof-verify` as a person or a program calls it."""

import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.evidence_builder import Journey, whole_journey, write
from wayproof_verifier import cli
from wayproof_verifier.report import CHECKS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def journey() -> Journey:
    return whole_journey()


@pytest.fixture
def files(journey: Journey, tmp_path: Path) -> tuple[str, str]:
    evidence, trust = tmp_path / "shipment.jsonl", tmp_path / "trust.json"
    evidence.write_bytes(write(journey.lines()))
    trust.write_bytes(journey.trust.encode())
    return str(evidence), str(trust)


def test_a_good_file_exits_0_and_warns_loudly(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    evidence, trust = files
    assert cli.main([evidence, "--trust-root", trust, "--require-closed", "--min-height", "11"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("VERIFIED, as of block 11 of cold\n")
    assert "!! no independent endorsement: one machine holds all keys of this ledger" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_forged_file_exits_1_and_says_why_first(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    evidence, trust = files
    Path(evidence).write_bytes(Path(evidence).read_bytes().replace(b'"messages":6', b'"messages":5'))
    assert cli.main([evidence, "--trust-root", trust]) == 1
    text = capsys.readouterr().out
    assert text.startswith("FAILED: do not rely on this file")
    assert "FAILED  intervals.complete" in text
    assert "6 messages are shown, 5 are claimed [logger-1/conditions]" in text
    assert text.index("FAILED  intervals.complete") < text.index("Shipment 06141411234567890")


def test_json_is_documented_and_stable(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    evidence, trust = files
    assert cli.main([evidence, "--trust-root", trust, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    reference = (REPOSITORY / "docs/reference/evidence.md").read_text(encoding="utf-8")
    for member in [*report, *report["checks"][0], *report["findings"][0], *report["shipment"]]:
        assert f"`{member}`" in reference, member
    for member in [*report["shipment"]["intervals"][0], *report["shipment"]["custody"][0]]:
        assert member in reference, member
    assert report["verdict"] == "verified"
    assert report["shipment"]["intervals"][0]["messages"] == 6


def test_every_check_is_in_the_reference_in_the_same_order() -> None:
    reference = (REPOSITORY / "docs/reference/evidence.md").read_text(encoding="utf-8")
    rows = [
        line.split("`")[1] for line in reference.splitlines() if line.startswith("| `") and "." in line.split("`")[1]
    ]
    dotted = [name for name in CHECKS if "." in name]
    assert [name for name in rows if name in CHECKS] == dotted


def test_what_cannot_be_read_exits_2(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence, trust = files
    nowhere = str(tmp_path / "nowhere")
    assert cli.main([nowhere, "--trust-root", trust]) == 2
    assert cli.main([evidence, "--trust-root", nowhere]) == 2
    assert cli.main([evidence, "--trust-root", evidence]) == 2
    assert cli.main([evidence, "--trust-root", trust, "--receipts", nowhere]) == 2
    errors = capsys.readouterr().err
    assert errors.count("wayproof-verify: cannot read") == 3
    assert "the trust root cannot be used" in errors


def test_help_has_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert "wayproof-verify shipment.jsonl --trust-root trust.json" in text
    assert "a required check was impossible" in text


def test_standard_input_and_pipes_are_read(files: tuple[str, str]) -> None:
    evidence, trust = files
    command = [sys.executable, "-m", "wayproof_verifier.cli", "-", "--trust-root", trust]
    piped = subprocess.run(command, input=Path(evidence).read_bytes(), capture_output=True, check=False)
    assert (piped.returncode, piped.stderr) == (0, b"")
    read_end, write_end = os.pipe()
    os.close(write_end)
    command[3] = f"/dev/fd/{read_end}"
    empty = subprocess.run(command, capture_output=True, check=False, pass_fds=[read_end])
    os.close(read_end)
    assert empty.returncode == 1
    assert b"the file was cut off" in empty.stdout


def test_receipts_are_checked(files: tuple[str, str], journey: Journey, tmp_path: Path) -> None:
    evidence, trust = files
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_bytes(journey.receipt([item.sent for item in journey.leaves[3:6] if item.sent]))
    assert cli.main([evidence, "--trust-root", trust, "--receipts", str(receipts)]) == 0
    receipts.write_bytes(whole_journey().receipt([item.sent for item in journey.leaves[3:6] if item.sent]))
    assert cli.main([evidence, "--trust-root", trust, "--receipts", str(receipts)]) == 1


def test_nothing_in_evidence_moves_the_terminal(
    journey: Journey, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = journey.lines()
    lines[0]["channel"] = "\x1b[2J"
    evidence, trust = tmp_path / "evil.jsonl", tmp_path / "trust.json"
    evidence.write_bytes(write(lines))
    trust.write_bytes(journey.trust.encode())
    assert cli.main([str(evidence), "--trust-root", str(trust)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_progress_is_told_to_people_only(
    files: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    evidence, trust = files
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("wayproof_verifier.checks.body.PROGRESS_EVERY", 1)
    monkeypatch.setattr("wayproof_verifier.cli.PROGRESS_S", 0)
    assert cli.main([evidence, "--trust-root", trust]) == 0
    assert "6 messages" in terminal.getvalue()
    assert capsys.readouterr().out.startswith("VERIFIED")


def test_the_program_is_installed_under_its_name() -> None:
    project = tomllib.loads((REPOSITORY / "services/verifier/pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"wayproof-verify": "wayproof_verifier.cli:main"}
