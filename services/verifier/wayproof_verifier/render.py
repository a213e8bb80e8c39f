"""A report as text for people (up to 100 columns) and as JSON for programs (docs/reference/evidence.md)."""

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

from wayproof_verifier.report import CHECKS, Check, Exit, Finding, IntervalSummary, Report, Shipment, Status

WIDTH = 100
_VERDICTS = {
    Exit.VERIFIED: "VERIFIED",
    Exit.FAILED: "FAILED: do not rely on this file",
    Exit.IMPOSSIBLE: "NOT VERIFIED: a required check was impossible",
}
_MARKS = {Status.PASSED: "passed", Status.FAILED: "FAILED", Status.NOT_CHECKABLE: "not checkable"}
_COLOURS = {Status.PASSED: "32", Status.FAILED: "31;1", Status.NOT_CHECKABLE: "33"}
_EMBEDDED = (
    "no independent endorsement: one machine holds all keys of this ledger (embedded). It proves the order and "
    "integrity of what that machine recorded, and nothing between organisations."
)


def render_json(report: Report) -> str:
    """Return the report as one JSON document with sorted members; absent facts are absent, times are epoch ms."""
    document = {
        "v": 1,
        "verdict": report.exit_status.name.lower(),
        "exit_status": int(report.exit_status),
        "ledger": report.ledger,
        "channel": report.channel,
        "as_of_block": report.as_of_block,
        "checks": [{"says": CHECKS[check.name], **dataclasses.asdict(check)} for check in report.checks],
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "shipment": dataclasses.asdict(report.shipment) if report.shipment else None,
    }
    return json.dumps(_present(document), indent=2, sort_keys=True, ensure_ascii=False)


def render_text(report: Report, *, colour: bool = False) -> str:
    """Return the report for a person: the verdict, what failed and why, findings, the shipment, then all checks."""
    return "\n".join(_text(report, colour=colour)) + "\n"


def _present(value: object) -> object:
    if isinstance(value, dict):
        return {key: _present(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_present(item) for item in value]
    return value


def _clean(line: str) -> str:
    """Evidence is written by others: nothing in it may move a terminal's cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def _text(report: Report, *, colour: bool) -> Iterator[str]:
    as_of = "" if report.as_of_block is None else f", as of block {report.as_of_block} of {_clean(report.channel)}"
    yield f"{_VERDICTS[report.exit_status]}{as_of}"
    if report.ledger == "embedded":
        yield from _wrap(f"!! {_EMBEDDED}", indent="   ")
    troubled = [check for check in report.checks if check.status is not Status.PASSED]
    for check in sorted(troubled, key=lambda check: check.status is not Status.FAILED):
        yield ""
        yield _heading(check, colour=colour)
        yield from _problems(check)
    if report.findings:
        yield ""
        yield "Findings (facts to know; they fail nothing)"
        for finding in report.findings:
            yield from _finding(finding)
    if report.shipment:
        yield ""
        yield from map(_clean, _shipment(report.shipment))
    passed = [check.name for check in report.checks if check.status is Status.PASSED]
    yield ""
    yield from _wrap(
        f"Passed {len(passed)} of {len(report.checks)} checks: {', '.join(passed) or 'none'}.", indent="  "
    )


def _heading(check: Check, *, colour: bool) -> str:
    mark = _MARKS[check.status]
    if colour:
        mark = f"\x1b[{_COLOURS[check.status]}m{mark}\x1b[0m"
    return f"{mark}  {check.name}: {CHECKS[check.name]}"


def _problems(check: Check) -> Iterator[str]:
    for problem in check.problems:
        where = f" [{problem.where}]" if problem.where else ""
        yield from map(_clean, _wrap(f"  - {problem.reason}{where}", indent="    "))
    if check.more:
        yield f"  … and {check.more} more of this check"


def _finding(finding: Finding) -> Iterator[str]:
    where = f" [{finding.where}]" if finding.where else ""
    yield from map(_clean, _wrap(f"  * {finding.kind}: {finding.text}{where}", indent="    "))


def _shipment(shipment: Shipment) -> Iterator[str]:
    state = "closed" if shipment.is_closed else "open"
    yield f"Shipment {shipment.gsin} ({state}, due {instant(shipment.due_at_ms)})"
    for party in shipment.parties:
        yield f"  {party.role:<10} {party.msp_id} (GLN {party.party_gln})"
    yield "Custody (times as claimed by the transactions)"
    for period in shipment.custody:
        until = f"until {instant(period.until_at_ms)}" if period.until_at_ms is not None else "up to now"
        yield f"  {instant(period.since_at_ms)}  {period.custodian} {until}"
    yield "Excursions" if shipment.excursions else "Excursions: none recorded"
    for item in shipment.excursions:
        end = instant(item.ended_at_ms) if item.ended_at_ms is not None else "not ended"
        yield f"  {item.excursion_id}: {item.name} {item.direction}, peak {item.peak}, {item.device_id}/{item.stream}"
        yield f"    {instant(item.started_at_ms)} to {end}; {item.resolution or 'not resolved'}"
    yield "Intervals" if shipment.intervals else "Intervals: no device was ever attached"
    for interval in shipment.intervals:
        yield from _interval(interval)


def _interval(item: IntervalSummary) -> Iterator[str]:
    end = f"to {instant(item.ended_at_ms)}" if item.ended_at_ms is not None else "and still attached"
    yield f"  {item.device_id}/{item.stream} of {item.organisation}"
    yield f"    from {instant(item.attached_at_ms)} {end}"
    yield f"    {_plural(item.messages, 'message')}, {_plural(item.readings, 'reading')}{_observed(item)}"
    remarks = [
        f"{item.missing} missing in {_plural(len(item.gaps), 'gap')}" if item.gaps else "",
        f"{item.retrospective} retrospective" if item.retrospective else "",
        f"{item.erased} erased" if item.erased else "",
        f"{_plural(item.equivocations, 'equivocation')}" if item.equivocations else "",
    ]
    if any(remarks):
        yield f"    {', '.join(filter(None, remarks))}"


def _observed(item: IntervalSummary) -> str:
    if item.first_observed_at_ms is None or item.last_observed_at_ms is None:
        return ""
    minutes = (item.last_observed_at_ms - item.first_observed_at_ms) // 60_000
    span = f"{instant(item.first_observed_at_ms)} to {instant(item.last_observed_at_ms)}"
    return f" observed {span} ({_plural(minutes, 'minute')})"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def instant(at_ms: int) -> str:
    """Return epoch milliseconds as ISO 8601 in UTC, to the second; out of the calendar, as the number it is."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def _wrap(text: str, *, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
