"""Keeping count of checks: what failed and why, what could not be done, and what must be said besides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from wayproof_verifier.errors import VerificationError
from wayproof_verifier.report import CHECKS, MAX_PROBLEMS, Check, Finding, Problem, Status

MAX_FINDINGS = 200
"""How many findings are kept: more of them say nothing new, and a hostile file must not fill the memory."""

Outcome = Problem | Finding
T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    impossible: list[Problem] = field(default_factory=list)
    done: bool = False


class Tally:
    """One entry for each check that applies. A check that was never finished counts as not checkable."""

    def __init__(self, names: Iterable[str]) -> None:
        self._entries = {name: _Entry() for name in names}
        self._findings: list[Finding] = []
        self._more_findings = 0

    def run(self, name: str, outcomes: Iterable[Outcome], *, needs: Iterable[str] = ()) -> bool:
        """Run a check to its end and tell whether it passed. An error that it raises is its problem."""
        if self.ready(name, needs=needs):
            try:
                for outcome in outcomes:
                    self.add(name, outcome)
            except VerificationError as error:
                self.add(name, Problem(str(error)))
            self.finish(name)
        return self.passed(name)

    def attempt(self, name: str, compute: Callable[[], T], *, needs: Iterable[str] = ()) -> T | None:
        """Run a check that yields a fact: return it, or None where the check could not be done or raised."""
        if not self.ready(name, needs=needs):
            return None
        try:
            return compute()
        except VerificationError as error:
            self.add(name, Problem(str(error)))
            return None
        finally:
            self.finish(name)

    def apply(self, name: str) -> None:
        """Let a check apply from now on."""
        self._entries.setdefault(name, _Entry())

    def ready(self, name: str, *, needs: Iterable[str]) -> bool:
        """Tell whether everything that a check needs has passed; if not, the check is not checkable, and says why."""
        missing = [need for need in needs if not self.passed(need)]
        if missing:
            self.skip(name, f"needs {', '.join(missing)}, which did not pass")
        return not missing

    def add(self, name: str, outcome: Outcome) -> None:
        """Take a problem of a check, or a finding."""
        if isinstance(outcome, Finding):
            self._add_finding(outcome)
            return
        entry = self._entries[name]
        if len(entry.problems) < MAX_PROBLEMS:
            entry.problems.append(outcome)
        else:
            entry.more += 1

    def _add_finding(self, finding: Finding) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(finding)
        else:
            self._more_findings += 1

    def skip(self, name: str, reason: str) -> None:
        """Say why a check cannot be done."""
        entry = self._entries[name]
        problem = Problem(reason)
        if problem not in entry.impossible:
            entry.impossible.append(problem)

    def finish(self, name: str) -> None:
        """Mark a check as done to the end."""
        self._entries[name].done = True

    def passed(self, name: str) -> bool:
        """Tell whether a check was finished without problems."""
        entry = self._entries[name]
        return entry.done and not entry.problems and not entry.impossible

    def has_problems(self, name: str) -> bool:
        """Tell whether a check has failed already."""
        return bool(self._entries[name].problems)

    def applies(self, name: str) -> bool:
        """Tell whether a check applies to this file and these options."""
        return name in self._entries

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What must be said besides; where that is too much, how much more there was."""
        if not self._more_findings:
            return tuple(self._findings)
        return (*self._findings, Finding("more", f"{self._more_findings} more findings are not listed"))

    def checks(self) -> tuple[Check, ...]:
        """Return all checks as they ended."""
        return tuple(_check(name, self._entries[name]) for name in CHECKS if name in self._entries)


def _check(name: str, entry: _Entry) -> Check:
    if entry.problems:
        return Check(name, Status.FAILED, tuple(entry.problems), more=entry.more)
    if entry.impossible:
        return Check(name, Status.NOT_CHECKABLE, tuple(entry.impossible))
    if not entry.done:
        return Check(name, Status.NOT_CHECKABLE, (Problem("the file could not be read as far as this needs"),))
    return Check(name, Status.PASSED)
