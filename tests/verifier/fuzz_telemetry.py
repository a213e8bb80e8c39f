"""Coverage-guided fuzzing of telemetry: whatever the bytes, the readers answer and never raise.

    python tests/verifier/fuzz_telemetry.py -runs=1000000

The seeds are one accepted payload of each kind. Every input is read as a message, a receipt and a topic; what CBOR it
is, is written again as the same bytes.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["wayproof_verifier"]):
    from support.telemetry_inputs import DEVICE, VALID, answer
    from wayproof_verifier.telemetry import Topic, cbor, messages_topic, parse_topic, receipts_topic
    from wayproof_verifier.telemetry.rejection import RefusedError

from support.fuzzing import fuzz
from support.telemetry_cbor import write


def one_input(data: bytes) -> None:
    """Give one input to every reader; any exception ends the run."""
    answer(data)
    topic(data.decode("utf-8", "backslashreplace"))
    try:
        value = cbor.read(data)
    except RefusedError:
        return
    if "nan" not in repr(value) and write(value) != data:
        raise AssertionError("a second encoding is accepted")


def topic(text: str) -> None:
    """Take a topic apart; one that is accepted is put together again as it was."""
    parsed = parse_topic(text)
    if isinstance(parsed, Topic):
        build = messages_topic if parsed.kind == "messages" else receipts_topic
        if build(parsed.organisation, device_id=parsed.device_id) != text:
            raise AssertionError("a second form of a topic is accepted")


if __name__ == "__main__":
    fuzz(one_input, seeds=[*VALID, DEVICE.topic.encode()])
