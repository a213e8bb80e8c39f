"""The shape of the repository: what import-linter cannot see."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    ROOT / "chaincode/wayproof_contract",
    ROOT / "services/verifier/wayproof_verifier",
    ROOT / "services/aiofabric/aiofabric",
    ROOT / "services/wayproof/wayproof",
]
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}
TOP_FOLDERS = {".ci", "chaincode", "dashboards", "docs", "infra", "services", "tests"}


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this tree is not a git checkout: what is tracked cannot be listed")
    return listed.stdout.splitlines()


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]


def test_every_file_is_named_after_its_subject() -> None:
    drawers = [name for name in _tracked() if DRAWERS & {part.split(".")[0] for part in Path(name).parts}]
    assert drawers == []


def test_top_level_folders_are_the_agreed_ones() -> None:
    assert {name.split("/")[0] for name in _tracked() if "/" in name} <= TOP_FOLDERS


def test_no_registry_is_named_and_no_key_is_committed() -> None:
    hosts = re.compile(r"python[h]osted|//pypi[.]|registry[.]npm|(proxy|sum)[.]golang|BEGIN (EC )?PRIVATE KE[Y]")
    found = [
        name
        for name in _tracked()
        if (ROOT / name).is_file() and hosts.search((ROOT / name).read_text("utf-8", errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("module", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text("utf-8"))), "the first thing a reader needs is missing"


READ_THE_ENVIRONMENT = {
    "services/wayproof/wayproof/settings.py": "values that replace those of the settings file",
    "services/wayproof/wayproof/cli/fabric_home.py": "a command's option",
    "services/aiofabric/aiofabric/chaincode/cli.py": "a command's options",
    "services/aiofabric/aiofabric/network/cli.py": "a command's options",
    "services/aiofabric/aiofabric/network/commands.py": "hands it on to the programs that it starts",
    "services/aiofabric/aiofabric/network/provision.py": "hands it on to configtxgen",
    "services/aiofabric/aiofabric/chaincode/peer_identity.py": "Fabric's own name for whose peer a chaincode serves",
}


def test_only_command_lines_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in _modules()
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text("utf-8"))
    }
    assert readers == READ_THE_ENVIRONMENT.keys()
