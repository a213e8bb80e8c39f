"""Coverage-guided fuzzing of telemetry: whatever the bytes, the readers answer and never raise.

    python tests/verifier/fuzz_telemetry.py -runs=1000000

The seeds are one accepted payload of each kind. Every input is read as a message and as a receipt; what CBOR it is, is
written again as the same bytes.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["wayproof_verifier"]):
    from support.telemetry_inputs import VALID, answer
    from wayproof_verifier.telemetry import cbor
    from wayproof_verifier.telemetry.rejection import RefusedError

from support.telemetry_cbor import write


def one_input(data: bytes) -> None:
    """Give one input to every reader; any exception ends the run."""
    answer(data)
    try:
        value = cbor.read(data)
    except RefusedError:
        return
    if "nan" not in repr(value) and write(value) != data:
        raise AssertionError("a second encoding is accepted")


def main() -> None:
    """Fuzz until libFuzzer's limits (`-runs`, `-max_total_time`) are reached."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(VALID):
            (Path(folder) / f"seed{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
