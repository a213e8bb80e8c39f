"""The platform on Fabric's own programs: a network in one command, and the demo as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiofabric.network import Binaries

WAYPROOF = Path(sys.executable).with_name("wayproof")
UP_WITHIN_S, DEMO_WITHIN_S = 180, 600


def _wayproof(*arguments: str, binaries: Binaries, within_s: int = UP_WITHIN_S) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "WAYPROOF_FABRIC_HOME": str(binaries.programs.parent)}
    return subprocess.run(
        [WAYPROOF, *arguments], capture_output=True, text=True, timeout=within_s, check=False, env=environment
    )


@pytest.mark.timeout(2 * UP_WITHIN_S)
def test_a_network_in_one_command(tmp_path: Path, fabric_binaries: Binaries) -> None:
    folder = str(tmp_path / "network")
    orderers = 4 if fabric_binaries.can_order_bft else 1
    try:
        made = _wayproof("network", "up", "--dir", folder, "--orderers", str(orderers), binaries=fabric_binaries)
        assert made.returncode == 0, made.stderr
        status = _wayproof("network", "status", folder, "--json", binaries=fabric_binaries)
        assert status.returncode == 0, status.stdout + status.stderr
        found = json.loads(status.stdout)
        assert len(found["processes"]) == orderers + 3 + 3
        assert found["chaincodes"][0]["name"] == "wayproof"
        assert set(found["chaincodes"][0]["approved_by"]) == {"ShipperMSP", "CarrierMSP", "ConsigneeMSP"}
        assert "orderer1" in _wayproof("network", "logs", folder, "orderer1", binaries=fabric_binaries).stdout
    finally:
        removed = _wayproof("network", "down", "--remove", folder, binaries=fabric_binaries)
    assert removed.returncode == 0, removed.stderr
    assert not Path(folder).exists()


def test_the_doctor_says_what_is_there(tmp_path: Path, fabric_binaries: Binaries) -> None:
    found = _wayproof("network", "doctor", binaries=fabric_binaries)
    assert found.returncode == 0
    assert f"Fabric {fabric_binaries.version}" in found.stdout
    (tmp_path / "bin").mkdir()
    missing = _wayproof("network", "doctor", "--fabric", str(tmp_path), binaries=fabric_binaries)
    assert "lacks peer, orderer, configtxgen" in missing.stdout


@pytest.mark.timeout(DEMO_WITHIN_S)
def test_the_demo_on_a_network_of_three_organisations(tmp_path: Path, fabric_binaries: Binaries) -> None:
    folder = str(tmp_path / "demo")
    run = _wayproof(
        "demo", "--once", "--ledger", "fabric", "--directory", folder, binaries=fabric_binaries, within_s=DEMO_WITHIN_S
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Everything ended as it must." in run.stdout
    header = json.loads(next(Path(folder).glob("shipment-*.evidence")).read_text("utf-8").splitlines()[0])
    assert header["ledger"] == "fabric"
