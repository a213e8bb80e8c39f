"""What fsck found, in words or as JSON, and its exit status: 0 consistent, 1 mismatch, 2 something was not checked."""

import json
from dataclasses import asdict

from wayproof.fsck.finding import Findings

CONSISTENT, MISMATCH, UNCHECKED = 0, 1, 2
_WORDS = {CONSISTENT: "consistent", MISMATCH: "mismatch", UNCHECKED: "unchecked"}


def status(findings: Findings) -> int:
    """Return the exit status. What was found counts more than what was not looked at."""
    if findings.first:
        return MISMATCH
    return UNCHECKED if findings.unchecked else CONSISTENT


def as_text(findings: Findings, *, duration_s: float) -> str:
    """Return the report for a person, what is wrong first."""
    lines = []
    for table, mismatch in findings.first.items():
        more = findings.mismatches[table] - 1
        lines.append(f"{mismatch}{f' (and {more:,} more in {table})' if more else ''}")
    lines += [f"not checked: {reason}" for reason in findings.unchecked]
    lines += [f"note: {note}" for note in findings.notes]
    counts = ", ".join(f"{count:,} {name}" for name, count in findings.counts.items() if count)
    lines.append(f"{_WORDS[status(findings)]}: {counts or 'nothing to check'} ({duration_s:.1f} s)")
    return "\n".join(lines) + "\n"


def as_json(findings: Findings, *, duration_s: float) -> str:
    """Return the report as a JSON object: the first mismatch of each table, counts, notes, what was not checked."""
    document = {
        "status": _WORDS[status(findings)],
        "mismatches": [{**asdict(it), "more": findings.mismatches[table] - 1} for table, it in findings.first.items()],
        "counts": dict(findings.counts),
        "notes": findings.notes,
        "unchecked": findings.unchecked,
        "duration_s": round(duration_s, 3),
    }
    return json.dumps(document, indent=2) + "\n"
