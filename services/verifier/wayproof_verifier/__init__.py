"""Checks a shipment's evidence offline and trusts nobody; defines what a device's messages mean.

    from wayproof_verifier import TrustRoot
    from wayproof_verifier.verify import verify

    report = verify(open("shipment.jsonl", "rb"), trust=TrustRoot.decode(open("trust.json", "rb").read()))
    report.exit_status, report.failed, report.findings

Read the module `verify` first: the way of a file through the checks. `bundle` is the file's form, `checks` holds one
module for each subject, `fabric` and `telemetry` read what Fabric and devices wrote, `report` and `render` say what was
found.
"""

from wayproof_verifier.errors import VerificationError
from wayproof_verifier.options import Options
from wayproof_verifier.render import render_json, render_text
from wayproof_verifier.report import Check, Exit, Finding, Problem, Report, Status
from wayproof_verifier.trust import TrustRoot

__all__ = [
    "Check",
    "Exit",
    "Finding",
    "Options",
    "Problem",
    "Report",
    "Status",
    "TrustRoot",
    "VerificationError",
    "render_json",
    "render_text",
]
