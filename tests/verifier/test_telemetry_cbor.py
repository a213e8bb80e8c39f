"""The strict CBOR reader: equal to cbor2 on what both accept, and one encoding for each value."""

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.telemetry_cbor import write
from wayproof_verifier.telemetry.cbor import MAX_DEPTH, DecimalFraction, read
from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

C = RejectionCode
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
INTEGERS = st.integers(-(2**64), 2**64 - 1)
FRACTIONS = st.builds(DecimalFraction, st.integers(-(2**64), 2**64 - 1), INTEGERS)
SCALARS = st.one_of(TEXTS, st.binary(max_size=300), INTEGERS, st.booleans(), st.floats(allow_nan=False), FRACTIONS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS | INTEGERS, inner, max_size=5),
    max_leaves=12,
)


def depth(value: object) -> int:
    match value:
        case DecimalFraction():
            return 2
        case list():
            return 1 + max(map(depth, value), default=0)
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
    return 0


@given(VALUES)
@example([[[[[[[[]]]]]]]])
@example([[[[[[[[[]]]]]]]]])
def test_every_value_is_read_from_its_one_encoding(value: object) -> None:
    if depth(value) <= MAX_DEPTH:
        assert write(read(write(value))) == write(value)
        return
    with pytest.raises(RefusedError) as caught:
        read(write(value))
    assert caught.value.rejection.code is C.TOO_DEEP


@given(st.binary(max_size=60))
def test_whatever_is_read_is_written_as_the_same_bytes_and_read_alike_by_cbor2(data: bytes) -> None:
    try:
        value = read(data)
    except RefusedError:
        return
    if value == value:  # noqa: PLR0124 - a lone NaN is none of the writer's cases
        assert write(value) == data
    if b"\xc4" not in data:
        assert repr(cbor2.loads(data)) == repr(value)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (C.NON_DETERMINISTIC_CBOR, "1800"),  # integers and lengths longer than needed
        (C.NON_DETERMINISTIC_CBOR, "1900ff"),
        (C.NON_DETERMINISTIC_CBOR, "1a0000ffff"),
        (C.NON_DETERMINISTIC_CBOR, "1b00000000ffffffff"),
        (C.NON_DETERMINISTIC_CBOR, "3817"),
        (C.NON_DETERMINISTIC_CBOR, "580100"),
        (C.NON_DETERMINISTIC_CBOR, "780161"),
        (C.NON_DETERMINISTIC_CBOR, "9800"),
        (C.NON_DETERMINISTIC_CBOR, "b800"),
        (C.NON_DETERMINISTIC_CBOR, "d804820101"),
        (C.NON_DETERMINISTIC_CBOR, "fa3fc00000"),  # 1.5 fits a half
        (C.NON_DETERMINISTIC_CBOR, "fb3ff8000000000000"),
        (C.NON_DETERMINISTIC_CBOR, "fb7ff0000000000000"),  # so does an infinity
        (C.NON_DETERMINISTIC_CBOR, "fb7ff8000000000000"),  # and NaN
        (C.NON_DETERMINISTIC_CBOR, "9fff"),  # indefinite lengths
        (C.NON_DETERMINISTIC_CBOR, "bfff"),
        (C.NON_DETERMINISTIC_CBOR, "5f4100ff"),
        (C.NON_DETERMINISTIC_CBOR, "7f6161ff"),
        (C.NON_DETERMINISTIC_CBOR, "ff"),
        (C.NON_DETERMINISTIC_CBOR, "a2616201616102"),  # keys out of order
        (C.DUPLICATE_KEY, "a2616101616102"),
        (C.MALFORMED_CBOR, ""),
        (C.MALFORMED_CBOR, "0000"),
        (C.MALFORMED_CBOR, "18"),
        (C.MALFORMED_CBOR, "1c"),
        (C.MALFORMED_CBOR, "f6"),  # null
        (C.MALFORMED_CBOR, "f7"),  # undefined
        (C.MALFORMED_CBOR, "f820"),
        (C.MALFORMED_CBOR, "4261"),
        (C.MALFORMED_CBOR, "8201"),
        (C.MALFORMED_CBOR, "9bffffffffffffffff"),
        (C.MALFORMED_CBOR, "bbffffffffffffffff"),
        (C.MALFORMED_CBOR, "5bffffffffffffffff"),
        (C.MALFORMED_CBOR, "a1f401"),  # a boolean, bytes or an array as a key
        (C.MALFORMED_CBOR, "a1410001"),
        (C.MALFORMED_CBOR, "a18001"),
        (C.MALFORMED_CBOR, "c11a514b67b0"),  # a date
        (C.MALFORMED_CBOR, "c249010000000000000000"),  # a bignum
        (C.MALFORMED_CBOR, "c48101"),
        (C.MALFORMED_CBOR, "c482f401"),
        (C.MALFORMED_CBOR, "c4c4820101"),  # a decimal fraction of a decimal fraction
        (C.MALFORMED_CBOR, "d81c80"),  # shared references
        (C.INVALID_TEXT, "61ff"),
        (C.INVALID_TEXT, "63eda080"),  # a surrogate
        (C.INVALID_TEXT, "6100"),
        (C.MALFORMED_CBOR, "c482c4"),
        (C.NON_DETERMINISTIC_CBOR, "c482180000"),
        (C.TOO_DEEP, "81" * 9),
        (C.TOO_DEEP, "81" * 7 + "c4820101"),
    ],
)
def test_a_second_form_is_refused(code: RejectionCode, data: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(bytes.fromhex(data))
    assert caught.value.rejection.code is code
