"""What came of faults, as a table for docs/benchmarks.md."""

from collections.abc import Iterable

from support.faults import Fault
from support.findings import Findings

COLUMNS = ("sent", "receipted", "stored", "anchored", "unreceipted", "lost", "duplicate_rows", "duplicate_leaves")


def table(results: Iterable[tuple[Fault, Findings]], *, seed: int, long: bool) -> str:
    """Return Markdown: a row for each fault with its audit, then the other figures of each."""
    results = list(results)
    numbers = " ".join(fault.number for fault, _ in results)
    command = f'make faults FAULTS_ARGUMENTS="{numbers} --seed {seed}{"" if long else " --short"}"'
    head = " | ".join(name.replace("_", " ") for name in COLUMNS)
    lines = [f"`{command}`", "", f"| | fault | {head} | |", f"|---|---|{'--:|' * len(COLUMNS)}---|"]
    for fault, findings in results:
        audit = findings.audit
        cells = " | ".join(f"{getattr(audit, name):,}" if audit else "-" for name in COLUMNS)
        verdict = findings.left_out or "; ".join(findings.failures) or "passed"
        lines.append(f"| {fault.number} | {fault.name} | {cells} | {verdict} |")
    lines.append("")
    for fault, findings in results:
        figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in findings.figures.items())
        lines.append(f"- **{fault.number}**: {figures}")
    return "\n".join(lines) + "\n"
