"""Coverage-guided fuzzing of the evidence verifier: `python tests/verifier/fuzz_bundle.py [-runs=N] [corpus]`.

The input is a whole file, or bytes put into a genuine small one at some place: whatever it is, the answer is a report.
"""

import io
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["wayproof_verifier", "wayproof_contract"]):
    from support.evidence_builder import small_journey, write
    from wayproof_verifier.render import render_json, render_text
    from wayproof_verifier.report import Exit
    from wayproof_verifier.verify import verify

from support.fuzzing import fuzz

JOURNEY = small_journey()
GENUINE = write(JOURNEY.lines())
TRUST = JOURNEY.trust


def one_input(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    if provider.ConsumeBool():
        evidence = provider.ConsumeBytes(len(data))
    else:
        start = provider.ConsumeIntInRange(0, len(GENUINE))
        end = provider.ConsumeIntInRange(start, min(len(GENUINE), start + 200))
        evidence = GENUINE[:start] + provider.ConsumeBytes(200) + GENUINE[end:]
    report = verify(io.BytesIO(evidence), trust=TRUST)
    if evidence != GENUINE and report.exit_status is Exit.VERIFIED:
        raise AssertionError("a changed file was verified")
    render_json(report)
    render_text(report)


if __name__ == "__main__":
    fuzz(one_input, is_bounded=False)
