"""One value, one form: golden bytes, refusals, and properties."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_contract.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    CanonicalError,
    decode,
    decode_object,
    encode,
)

GOLDEN = Path(__file__).parents[1] / "fixtures" / "canonical"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-MAX_INTEGER, MAX_INTEGER))
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


def test_the_golden_values_are_there() -> None:
    assert NAMES == ["escapes", "integers", "nesting", "order", "shipment_event"]


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_value_has_its_golden_bytes(name: str) -> None:
    value = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    canonical = (GOLDEN / f"{name}.canonical").read_bytes()
    assert encode(value) == canonical
    assert decode(canonical) == value
    assert sha256(canonical).hexdigest() == (GOLDEN / f"{name}.sha256").read_text("ascii").strip()


@given(VALUES)
def test_what_is_written_is_read_again(value: object) -> None:
    assert decode(encode(value)) == value


@given(VALUES)
def test_any_other_way_to_write_a_value_is_refused(value: object) -> None:
    loose = json.dumps(value, indent=1).encode()
    if loose != encode(value):
        with pytest.raises(CanonicalError):
            decode(loose)


@given(st.binary(max_size=40) | st.text('{}[]",:-0123456789truefalsn.eE\\u ', max_size=40).map(str.encode))
def test_reading_bytes_gives_their_value_or_a_refusal(data: bytes) -> None:
    try:
        value = decode(data)
    except CanonicalError:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1\n",
        b"\xef\xbb\xbf1",
        b"1 2",
        b"null",
        b"1.0",
        b"1e2",
        b"-0",
        b"01",
        b"+1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740992",
        b"1" * 5000,
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"\xc3\xa4":1}',
        b'{"\\u0001":1}',
        b'{"\\u0061":1}',
        b'"\\u0041"',
        b'"\\u00e4"',
        b'"\\u001F"',
        b'"\\u000a"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\n"',
        b'"\xff"',
        b'["a",]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda data: repr(data[:24]),
)
def test_a_second_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        decode(data)


@pytest.mark.parametrize(
    "value",
    [None, 1.0, b"bytes", {1: 2}, {"ä": 1}, {"\n": 1}, [{1, 2}], "\ud800", MAX_INTEGER + 1, -MAX_INTEGER - 1, [None]],
    ids=repr,
)
def test_a_value_without_a_form_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        encode(value)


def test_a_subclass_is_not_mistaken_for_its_base() -> None:
    class Loud(str):
        __slots__ = ()

    with pytest.raises(CanonicalError):
        encode({"a": Loud("x")})


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_the_deepest_nesting_is_read_and_one_more_is_not() -> None:
    assert encode(decode(_nested(MAX_DEPTH))) == _nested(MAX_DEPTH)
    with pytest.raises(CanonicalError):
        decode(_nested(MAX_DEPTH + 1))


def test_an_object_is_asked_for() -> None:
    assert decode_object(b'{"a":1}') == {"a": 1}
    with pytest.raises(CanonicalError):
        decode_object(b"[]")
