"""Coverage-guided fuzzing of requests and certificates at enrolment: they are read, or refused with a code.

    PYTHONPATH=tests python tests/unit/fuzz_enrolment.py -max_total_time=60

The library that parses them is compiled and not instrumented: inputs find their way through our code only.
"""

import atheris

with atheris.instrument_imports(include=["wayproof.enrolment", "wayproof_verifier.telemetry"]):
    from support.enrolment_parsers import CERTIFICATES, REQUESTS, in_pem, read_enrolment

from support.fuzzing import fuzz

if __name__ == "__main__":
    fuzz(
        read_enrolment,
        seeds=[*CERTIFICATES, *REQUESTS, in_pem(REQUESTS[0], what="CERTIFICATE REQUEST").encode()],
    )
