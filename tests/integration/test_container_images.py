"""The images' Dockerfiles, as far as they can be checked without a container engine."""

import json
import re
import shutil
from pathlib import Path

import pytest

from support import dockerfile

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
LOCKS = ("wayproof/requirements.lock", "chaincode/requirements.lock", "build.lock")
IMAGES = ("wayproof", "chaincode")


@pytest.fixture
def only_in_the_long_form(request: pytest.FixtureRequest) -> None:
    if "long" not in request.config.getoption("-m"):
        pytest.skip("the long form, about a minute each: pytest -m long tests/integration/test_container_images.py")


@pytest.mark.parametrize("image", IMAGES)
def test_what_an_image_copies_is_there_and_in_its_context(image: str) -> None:
    stages = dockerfile.read(INFRA / "images" / image / "Dockerfile")
    names = {stage.name for stage in stages}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for stage in stages:
        for origin, sources, _ in stage.copies():
            for source in sources:
                if origin:
                    assert origin in names, f"{image}: no stage {origin}"
                else:
                    assert (ROOT / source).exists(), f"{image}: {source}"
                    assert any(Path(source).is_relative_to(place) for place in allowed), f"{source} is ignored"


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_pinned_and_runs_as_nobody_special(image: str) -> None:
    *builds, final = dockerfile.read(INFRA / "images" / image / "Dockerfile")
    assert builds
    for stage in (*builds, final):
        assert re.fullmatch(r"(python:3\.11|node:22)[\w.-]+@sha256:[0-9a-f]{64}", stage.base)
    assert len({stage.base for stage in (*builds, final) if "python" in stage.base}) == 1
    assert final.last("USER") == "10001:10001"
    assert not any("pip install" in step.text or "apt" in step.text for step in final.steps)
    for stage in builds:
        for step in stage.steps:
            if "pip install" in step.text and "--no-index" not in step.text:
                assert "--require-hashes" in step.text


@pytest.mark.parametrize("lock", LOCKS)
def test_an_image_installs_what_the_lock_says(lock: str) -> None:
    whole = _entries(ROOT / "requirements.lock")
    part = _entries(INFRA / "images" / lock)
    assert part
    differing = sorted(name for name, entry in part.items() if whole.get(name) != entry)
    assert differing == [], "run infra/images/lock.sh after make lock"


def _entries(path: Path) -> dict[str, str]:
    entries = re.split(r"^(?=[a-z])", path.read_text("utf-8"), flags=re.MULTILINE)
    return {entry.partition("==")[0]: entry for entry in entries if entry}


@pytest.mark.long
@pytest.mark.usefixtures("only_in_the_long_form")
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_s_steps_run_in_plain_folders(image: str, tmp_path: Path) -> None:
    *builds, final = dockerfile.read(INFRA / "images" / image / "Dockerfile")
    if any(stage.name == "pages" for stage in builds) and shutil.which("npm") is None:
        pytest.skip("left out: the stage that builds the pages needs Node, and npm is not on PATH")
    build = dockerfile.PlainBuild(context=ROOT, directory=tmp_path)
    for stage in builds:
        build.run(stage)
    programs = build.root("packages") / "opt" / image / "bin"
    entry_point, *arguments = json.loads(final.last("ENTRYPOINT"))
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": str(INFRA)}
    said = dockerfile.run_checked(
        [str(programs / entry_point), *arguments, "--help"], cwd=tmp_path, environment=environment
    )
    assert "usage:" in said
    if image == "wayproof":
        for program in ("fabric.provision", "fabric.channel"):
            dockerfile.run_checked(
                [str(programs / "python"), "-m", program, "--help"], cwd=tmp_path, environment=environment
            )
        pages = list(programs.parent.glob("lib/python3.*/site-packages/wayproof/api/static/index.html"))
        assert len(pages) == 1, "the pages are in the image"
    else:
        absent = "import importlib.util as u; assert not u.find_spec('wayproof'), 'the platform is in the contract'"
        dockerfile.run_checked([str(programs / "python"), "-c", absent], cwd=tmp_path, environment=environment)
