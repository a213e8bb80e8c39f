"""Coverage-guided fuzzing of the fast decoder: whatever the bytes, it says what the verifier says, or nothing.

    PYTHONPATH=tests python tests/unit/fuzz_ingest_decoding.py -max_total_time=60

Each input is learnt, and then comes again with other numbers and other bytes.
"""

import sys
import tempfile
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["wayproof.ingest.decoding", "wayproof_verifier"]):
    from support.ingest_decoding import agrees, variants
    from support.telemetry_inputs import VALID
    from wayproof.ingest.decoding import Decoder

DECODER = Decoder()


def one_input(data: bytes) -> None:
    """Give one input and its variants to both decoders; any difference ends the run."""
    for payload in (data, data, data, *variants(data, seed=zlib.crc32(data), count=4)):
        agrees(DECODER, payload)


def main() -> None:
    """Fuzz until libFuzzer's limits (`-runs`, `-max_total_time`) are reached."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(VALID):
            (Path(folder) / f"seed{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
