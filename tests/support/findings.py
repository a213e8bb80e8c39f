"""What came of a fault: the audit, figures, and what does not pass."""

from dataclasses import dataclass, field

from wayproof.store.audit import Audit

Figure = int | float | str


@dataclass(slots=True)
class Findings:
    """What came of a fault. It passes if nothing failed; if it could not be made, `left_out` says why."""

    audit: Audit | None = None
    figures: dict[str, Figure] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    left_out: str = ""

    def require(self, passes: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion does
        """Note a failure unless something is so."""
        if not passes:
            self.failures.append(otherwise)

    def keep_longest(self, name: str, value: float | None) -> None:
        """Keep the largest of a figure's values; None is none."""
        before = self.figures.get(name)
        if value is not None and (not isinstance(before, int | float) or value > before):
            self.figures[name] = value

    def take(self, audit: Audit) -> None:
        """Take an audit, and note as failures what it may not say: all that was sent is anchored, once."""
        self.audit = audit
        for what in ("lost", "duplicate_rows", "duplicate_leaves", "refused"):
            count = getattr(audit, what)
            self.require(count == 0, f"{what.replace('_', ' ')}: {count}")
        self.require(audit.sent > 0, "nothing was sent")
        self.require(audit.sent == audit.anchored, f"sent {audit.sent}, anchored {audit.anchored}")
