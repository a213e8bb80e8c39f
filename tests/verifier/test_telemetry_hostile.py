"""Input made to hurt: answered as a rejection, at once, and never with an exception."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_inputs import DEVICE, HOSTILE, VALID, answer
from wayproof_verifier.telemetry import Message, Receipt, Rejection, decode, decode_receipt

SECONDS = 1.0  # each takes milliseconds; on a busy machine, still far from what recursion or powers of ten would take

EDITS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_at_once(name: str) -> None:
    code, payload = HOSTILE[name]
    start = time.perf_counter()
    answered = decode(payload, topic=DEVICE.topic)
    elapsed_s = time.perf_counter() - start
    assert isinstance(answered, Rejection)
    assert answered.code is code
    assert len(answered.detail) < 200
    answered.detail.encode()  # for people, and for databases
    assert elapsed_s < SECONDS
    assert isinstance(decode_receipt(payload), Rejection)


def test_the_valid_inputs_are_accepted() -> None:
    kinds = [type(decode(data, topic=DEVICE.topic)) for data in VALID[:-1]]
    assert kinds == [Message] * (len(VALID) - 1)
    assert isinstance(decode_receipt(VALID[-1]), Receipt)


@given(st.binary(max_size=300))
def test_garbage_never_raises(data: bytes) -> None:
    answer(data)
    answer(b"\xd2" + data)
    answer(b"\x81" + data)


@given(st.text('{}[]",:-0123456789nuvbtsd.eE\\ ', max_size=100))
def test_what_looks_like_json_never_raises(text: str) -> None:
    answer(text.encode())


@given(st.sampled_from(VALID), EDITS)
def test_changed_messages_never_raise(data: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    for where, removed, inserted in edits:
        at = where % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]
    answer(data)


@given(st.text(max_size=80) | st.text(max_size=20).map(lambda text: f"wayproof/v1/{text}/messages"))
def test_any_topic_is_answered(topic: str) -> None:
    assert isinstance(decode(VALID[0], topic=topic), Message | Rejection)
