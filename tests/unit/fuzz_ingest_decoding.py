"""Coverage-guided fuzzing of the fast decoder: whatever the bytes, it says what the verifier says, or nothing.

    PYTHONPATH=tests python tests/unit/fuzz_ingest_decoding.py -max_total_time=60

Each input is learnt, and then comes again with other numbers and other bytes.
"""

import zlib

import atheris

with atheris.instrument_imports(include=["wayproof.ingest.decoding", "wayproof_verifier"]):
    from support.ingest_decoding import agrees, variants
    from support.telemetry_inputs import VALID
    from wayproof.ingest.decoding import Decoder

from support.fuzzing import fuzz

DECODER = Decoder()


def one_input(data: bytes) -> None:
    """Give one input and its variants to both decoders; any difference ends the run."""
    for payload in (data, data, data, *variants(data, seed=zlib.crc32(data), count=4)):
        agrees(DECODER, payload)


if __name__ == "__main__":
    fuzz(one_input, seeds=VALID, is_bounded=False)  # what an input takes depends on what was learnt before it
