"""Dockerfiles without a container engine: their steps, and those that need no root run in plain folders.

Every stage gets a folder for its file system and a Python of its own in the place of the base image's. What is not
simulated is the base image itself: its operating system, its exact Python, its users.
"""

import os
import re
import shlex
import shutil
import subprocess
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STEP_TIMEOUT_S = 500
_INSIDE = re.compile(r"(?<![\w./-])/(?=(?:opt|build|wheels)\b)")
_NEEDS_ROOT = re.compile(r"\b(useradd|groupadd|install -d -o)\b")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word in capitals, and the rest of its logical line."""

    word: str
    text: str


@dataclass(slots=True)
class Stage:
    """What stands between two FROM lines."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)

    def copies(self) -> Iterator[tuple[str, list[str], str]]:
        """Yield every COPY: the stage it takes from, empty for the context; its sources; its target."""
        for step in self.steps:
            if step.word == "COPY":
                options = [word for word in shlex.split(step.text) if word.startswith("--")]
                *sources, target = [word for word in shlex.split(step.text) if not word.startswith("--")]
                origin = next((word.removeprefix("--from=") for word in options if word.startswith("--from=")), "")
                yield origin, sources, target

    def last(self, word: str) -> str:
        """Return the text of the stage's last instruction of a kind, empty if there is none."""
        return next((step.text for step in reversed(self.steps) if step.word == word), "")


def read(path: Path) -> list[Stage]:
    """Return a Dockerfile's stages."""
    joined = re.sub(r"\\\n", " ", path.read_text("utf-8"))
    stages: list[Stage] = []
    for line in joined.splitlines():
        word, _, text = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            stages.append(Stage(name.strip() or f"stage {len(stages)}", base.strip()))
        else:
            stages[-1].steps.append(Step(word, text.strip()))
    return stages


@dataclass(frozen=True, slots=True)
class PlainBuild:
    """A build of an image's stages in plain folders below `directory`, from `context`."""

    context: Path
    directory: Path

    def root(self, stage: str) -> Path:
        """Return the folder that stands for a stage's file system."""
        return self.directory / stage / "root"

    def run(self, stage: Stage) -> None:
        """Do a stage's COPY and RUN steps; raise CalledProcessError, with what it printed, where one fails."""
        self.root(stage.name).mkdir(parents=True)
        python = self._python(stage.name)
        folder = self.root(stage.name)
        for step in stage.steps:
            if step.word == "WORKDIR":
                folder = self._inside(stage.name, step.text)
                folder.mkdir(parents=True, exist_ok=True)
            elif step.word == "COPY":
                self._copy(stage, step, folder=folder)
            elif step.word == "RUN" and not _NEEDS_ROOT.search(step.text):
                command = _INSIDE.sub(f"{self.root(stage.name)}/", step.text)
                environment = _clean(os.environ) | {"PATH": f"{python}:{os.environ['PATH']}"}
                run_checked(["sh", "-ec", command], cwd=folder, environment=environment)

    def _copy(self, stage: Stage, step: Step, *, folder: Path) -> None:
        ((origin, sources, target),) = Stage(stage.name, "", [step]).copies()
        place = self._inside(stage.name, target) if target.startswith("/") else folder / target
        for source in sources:
            found = self._inside(origin, source) if origin else self.context / source
            if found.is_dir():
                skipped = shutil.ignore_patterns("__pycache__", "node_modules", "static")
                shutil.copytree(found, place, dirs_exist_ok=True, symlinks=True, ignore=None if origin else skipped)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, place)

    def _inside(self, stage: str, path: str) -> Path:
        return self.root(stage) / path.lstrip("/")

    def _python(self, stage: str) -> Path:
        home = self.directory / stage / "python"
        venv.create(home, with_pip=True, symlinks=True)
        return home / "bin"


def run_checked(command: list[str], *, cwd: Path, environment: Mapping[str, str]) -> str:
    """Run a command and return what it printed. Raises CalledProcessError, with the output in its notes."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STEP_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        failed = subprocess.CalledProcessError(done.returncode, command)
        failed.add_note(done.stdout[-4000:])
        raise failed
    return done.stdout


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what would lead a stage's Python to this environment's packages."""
    return {name: value for name, value in environment.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
