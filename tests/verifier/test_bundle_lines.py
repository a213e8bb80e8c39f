"""The evidence file as lines: one form each, one order, bounded, nothing after the end."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_verifier import bundle
from wayproof_verifier.bundle import (
    Block,
    Config,
    End,
    Erased,
    Header,
    Interval,
    Line,
    Log,
    Message,
    Node,
    State,
    Transaction,
    decode_line,
    encode_line,
    read_lines,
)
from wayproof_verifier.errors import EncodingError, VerificationError

COUNTS = st.integers(0, 2**53 - 1)
HASHES = st.binary(min_size=32, max_size=32)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
ROWS = st.tuples(TEXTS, COUNTS, COUNTS, TEXTS, COUNTS) | st.tuples(TEXTS, TEXTS, TEXTS, COUNTS)
GAPS = st.lists(st.tuples(COUNTS, COUNTS, COUNTS), max_size=3).map(tuple)
PROOFS = st.lists(st.tuples(COUNTS, COUNTS, st.lists(HASHES, max_size=3).map(tuple)), max_size=3).map(tuple)
LINES: st.SearchStrategy[Line] = st.one_of(
    st.builds(Header, TEXTS, TEXTS, HASHES, TEXTS, st.sampled_from(["embedded", "fabric"])),
    st.builds(Config, st.binary(max_size=40)),
    st.builds(State, st.binary(max_size=40)),
    st.builds(Transaction, st.binary(max_size=40)),
    st.builds(Block, st.binary(max_size=40)),
    st.builds(Log, TEXTS, COUNTS, COUNTS, COUNTS, PROOFS),
    st.builds(
        Message,
        COUNTS,
        st.binary(min_size=16, max_size=16),
        TEXTS,
        st.binary(),
        COUNTS,
        st.lists(ROWS, max_size=3).map(tuple),
    ),
    st.builds(Erased, COUNTS, HASHES),
    st.builds(Node, st.integers(0, bundle.MAX_LEVEL), HASHES),
    st.builds(Interval, TEXTS, TEXTS, COUNTS, COUNTS, GAPS),
    st.builds(End, COUNTS),
)

HEADER = Header("cold", "wayproof", bytes(32), "06141411234567890", "embedded")
LOG = Log("log", 1, 1, 1, ())
WHOLE: list[Line] = [HEADER, Config(b"c"), State(b"s"), Transaction(b"t"), LOG, Erased(0, bytes(32)), End(6)]


def written(items: Sequence[Line]) -> bytes:
    return b"".join(map(encode_line, items))


def read(data: bytes) -> list[Line]:
    return [item for _, item in read_lines(io.BytesIO(data))]


@given(LINES)
def test_what_is_written_is_read_again(item: Line) -> None:
    data = encode_line(item)
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert decode_line(data) == item


@given(LINES, st.data())
def test_a_changed_line_says_something_else_or_is_refused(item: Line, data: st.DataObject) -> None:
    line = bytearray(encode_line(item))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode_line(bytes(line))
    except EncodingError:
        return
    assert changed != item
    assert encode_line(changed) == bytes(line)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_a_verification_error(data: bytes) -> None:
    with pytest.raises(VerificationError):
        read(data)


def test_a_whole_file_is_read_in_order() -> None:
    assert read(written(WHOLE)) == WHOLE


@pytest.mark.parametrize("left_out", [0, 1, 2, 3, 4, 6])
def test_a_missing_line_is_refused(left_out: int) -> None:
    with pytest.raises(EncodingError):
        read(written([item for place, item in enumerate(WHOLE) if place != left_out]))


@pytest.mark.parametrize("first", range(len(WHOLE) - 1))
def test_neighbours_of_different_kinds_cannot_change_places(first: int) -> None:
    swapped = [*WHOLE]
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    with pytest.raises(EncodingError, match=r"cannot follow|before the end"):
        read(written(swapped))


def test_a_wrong_number_of_lines_is_refused() -> None:
    with pytest.raises(EncodingError, match="there are 6 lines before the end, not 7"):
        read(written([*WHOLE[:-1], End(7)]))


def test_nothing_follows_the_end() -> None:
    for more in (b"\n", b" ", encode_line(End(7)), written(WHOLE)):
        with pytest.raises(EncodingError):
            read(written(WHOLE) + more)


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_file_that_was_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(EncodingError, match="cut off"):
        read(written(WHOLE)[:-cut] if cut < 100 else written(WHOLE[:-1]))


def test_a_line_without_end_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_LINE_BYTES", 100)
    with pytest.raises(EncodingError, match="longer than 100 bytes"):
        read(b"x" * 200)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"lines":1,"lines":1,"type":"end"}\n', "canonical form"),
        (b'{"lines":1,"type":"end" }\n', "canonical form"),
        (b'{"type":"end","lines":1}\n', "canonical form"),
        (b'{"lines":1.0,"type":"end"}\n', "only integers"),
        (b'{"lines":true,"type":"end"}\n', "not negative"),
        (b'{"lines":-1,"type":"end"}\n', "not negative"),
        (b'{"lines":1,"more":1,"type":"end"}\n', "the members of end are lines"),
        (b'{"type":"end"}\n', "the members of end are lines"),
        (b'{"lines":1,"type":"stop"}\n', "type is unknown"),
        (b'{"lines":1,"type":[]}\n', "type is unknown"),
        (b'{"lines":1,"type":"end"}\r\n', "canonical form"),
        (b'{"lines":1,"type":"end"}', "newline"),
        (b'{"payload":"AB==","type":"state"}\n', "unused bits"),
        (b'{"payload":"AA=","type":"state"}\n', "base64"),
        (b'{"payload":"A A=","type":"state"}\n', "base64"),
        (b'{"hash":"00","level":0,"type":"node"}\n', "64 lower-case hex digits"),
        (b'{"hash":"' + b"A" * 64 + b'","level":0,"type":"node"}\n', "64 lower-case hex digits"),
        (b'{"hash":"' + b"0" * 64 + b'","level":63,"type":"node"}\n', "at most 62"),
        (b"[]\n", "expected an object"),
        (b"\n", "not readable"),
    ],
)
def test_second_forms_of_a_line_are_refused(line: bytes, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        decode_line(line)
