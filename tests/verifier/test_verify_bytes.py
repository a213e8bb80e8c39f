"""Every byte of an evidence file is covered: no single-byte change passes.

Three changes at each position of a small file, all 255 with WAYPROOF_LONG=1; samples in a larger one. Pure functions
answer from memory when they get the same bytes again, which makes this affordable; what is called stays the same.
"""

import io
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.evidence_builder import small_journey, text, whole_journey, write
from wayproof_verifier import bundle
from wayproof_verifier.checks import ledger, messages, state, transactions
from wayproof_verifier.fabric.chain import read_config_chain
from wayproof_verifier.render import render_json, render_text
from wayproof_verifier.report import Exit
from wayproof_verifier.trust import TrustRoot
from wayproof_verifier.verify import verify

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SMALL = small_journey()
LINES = SMALL.lines()
TRUST = SMALL.trust
MEMORY = 50
LONG = bool(os.environ.get("WAYPROOF_LONG"))


def remembered(function: Callable[..., Any], *, key: Callable[..., object]) -> Callable[..., Any]:
    """Return a function that remembers its first answers by what `key` makes of its arguments: the genuine file's."""
    answers: dict[object, Any] = {}

    def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        name = key(*arguments, **named)
        if name in answers:
            return answers[name]
        value = function(*arguments, **named)
        if len(answers) < MEMORY:
            answers[name] = value
        return value

    return call


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what was read or verified once be answered from memory: by all bytes that the answer depends on."""

    def remember(place: object, name: str, key: Callable[..., object]) -> None:
        monkeypatch.setattr(place, name, remembered(getattr(place, name), key=key))

    remember(bundle, "decode_line", lambda data: data)
    remember(ledger, "read_block", lambda data: data)
    chain = remembered(read_config_chain, key=lambda blocks, **named: (blocks, *named.values()))
    monkeypatch.setattr(ledger, "read_config_chain", lambda blocks, **named: chain(tuple(blocks), **named))
    remember(ledger, "read_endorsed", lambda payload: payload)
    remember(ledger, "read_transaction", lambda envelope: envelope)
    remember(ledger, "read_records", lambda states: tuple(state.payload for _, state in states))
    remember(ledger, "read_book", lambda records, *, gsin: (id(records), gsin))
    for place in (state, transactions):
        remember(place, "check_transaction_id", lambda transaction: transaction.payload)
        remember(place, "check_endorsements", lambda item, **named: (item.payload, id(named["config"])))
    remember(transactions, "check_creator", lambda item, *, membership: (item.payload, item.signature, id(membership)))
    remember(messages, "decode", lambda payload, *, topic: (payload, topic))


def survives(data: bytes, trust: TrustRoot) -> bool:
    return verify(io.BytesIO(data), trust=trust).exit_status is Exit.VERIFIED


def changes(data: bytes, *, chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Yield positions with changed files: another letter (which base64 takes), a high bit, anything."""
    for place, byte in enumerate(data):
        values = set(range(256))
        if not LONG:
            values = {chance.choice([letter for letter in LETTERS if letter != byte]), byte | 0x80}
            values.add(chance.choice([value for value in range(256) if value not in {byte, *values}]))
        for value in values - {byte}:
            yield place, data[:place] + bytes([value]) + data[place + 1 :]


@pytest.mark.usefixtures("memory")
@pytest.mark.timeout(0 if LONG else 1_800)  # 0: as long as it takes; a minute or two where nothing else runs
def test_every_single_byte_of_a_small_file_counts() -> None:
    data = write(LINES)
    assert survives(data, TRUST)
    for place, changed in changes(data, chance=random.Random(1)):  # noqa: S311 - which changes are tried, not a secret
        assert not survives(changed, TRUST), place


@pytest.mark.usefixtures("memory")
def test_sampled_changes_of_a_larger_file_are_refused() -> None:
    journey = whole_journey(before=40, within=60)
    data = write(journey.lines(with_blocks=True))
    assert survives(data, journey.trust)
    chance = random.Random(2)  # noqa: S311
    for _ in range(10_000 if LONG else 500):
        place = chance.randrange(len(data))
        changed = bytearray(data)
        changed[place] = chance.choice([value for value in range(256) if value != changed[place]])
        assert not survives(bytes(changed), journey.trust), place


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_garbage_is_reported_and_raises_nothing(data: bytes) -> None:
    report = verify(io.BytesIO(data), trust=TRUST)
    assert report.failed == ("file.format",)
    assert render_json(report)
    assert render_text(report)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_garbage_inside_lines_is_reported_and_raises_nothing(data: st.DataObject) -> None:
    """Whatever stands in a well-formed line: the report says what is wrong, and nothing escapes."""
    lines = [dict(line) for line in LINES]
    line = data.draw(st.sampled_from(lines))
    member = data.draw(st.sampled_from(sorted(set(line) - {"type"})))
    value = line[member]
    if isinstance(value, str):
        octets = st.binary(max_size=60).map(text)
        line[member] = data.draw(st.text(st.characters(codec="utf-8"), max_size=20) | octets)
    elif isinstance(value, int):
        line[member] = data.draw(st.integers(-(2**53), 2**53))
    else:
        line[member] = data.draw(st.lists(st.integers(0, 5) | st.lists(st.integers(0, 5), max_size=5), max_size=3))
    changed = write(lines)
    report = verify(io.BytesIO(changed), trust=TRUST)
    assert (report.exit_status is Exit.VERIFIED) == (changed == write(LINES))
