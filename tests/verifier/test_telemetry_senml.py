"""SenML: the same exact readings from JSON and CBOR, base fields, and the examples of RFC 8428."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.telemetry_cases import ACCEPTED_PACKS, REFUSED_PACKS
from support.telemetry_cbor import write
from support.telemetry_numbers import to_text
from wayproof_verifier.telemetry import Reading, RejectionCode, TextReading, senml_cbor, senml_json
from wayproof_verifier.telemetry.cbor import DecimalFraction
from wayproof_verifier.telemetry.decimals import LIMIT, scaled
from wayproof_verifier.telemetry.rejection import RefusedError
from wayproof_verifier.telemetry.senml import MAX_RECORDS, UNITS, data_text

LABELS = {name: label for label, name in senml_cbor.LABELS.items()}
T = 1_750_000_000

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,40}", fullmatch=True)
TIMES = st.integers(2**28 * 1000, 2**53 - 1)
NUMBERS = st.tuples(st.integers(-LIMIT + 1, LIMIT - 1), st.integers(0, 15))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.one_of(
    NUMBERS.map(lambda number: ("v", number)),
    st.booleans().map(lambda value: ("vb", value)),
    TEXTS.map(lambda value: ("vs", value)),
    st.binary(max_size=20).map(lambda value: ("vd", value)),
)
ROWS = st.lists(st.tuples(NAMES, st.sampled_from(sorted(UNITS)), TIMES, VALUES), min_size=1, max_size=5)
Readings = tuple[Reading | TextReading, ...]
Row = tuple[str, str, int, tuple[str, Any]]


def json_value(kind: str, value: Any) -> str:  # noqa: ANN401 - of any kind
    if kind == "v":
        return to_text(value[0], scale=value[1])
    return json.dumps(data_text(value) if kind == "vd" else value)


def json_pack(rows: list[Row]) -> bytes:
    records = []
    for name, unit, time_ms, (kind, value) in rows:
        members = [f'"n":{json.dumps(name)}', f'"u":{json.dumps(unit)}', f'"{kind}":{json_value(kind, value)}']
        records.append(f'{{"t":{to_text(time_ms, scale=3)},{",".join(members)}}}')
    return f"[{','.join(records)}]".encode()


def fraction(integer: int, scale: int) -> DecimalFraction:
    return DecimalFraction(-scale, integer)


def cbor_pack(rows: list[Row], *, is_short: bool) -> bytes:
    records = []
    for name, unit, time_ms, (kind, value) in rows:
        fields = {"n": name, "u": unit, "t": fraction(time_ms, 3), kind: fraction(*value) if kind == "v" else value}
        records.append({LABELS[label] if is_short else label: it for label, it in fields.items()})
    return write(records)


def expected(rows: list[Row]) -> Readings:
    readings: list[Reading | TextReading] = []
    for name, unit, time_ms, (kind, value) in rows:
        if kind == "v":
            readings.append(Reading(name, *scaled(value[0], scale=value[1]), UNITS[unit], time_ms))
        else:
            text = data_text(value) if kind == "vd" else str(value).lower() if kind == "vb" else value
            readings.append(TextReading(name, kind, text, time_ms))
    return tuple(readings)


def answer(read: Callable[[bytes], Readings], pack: bytes) -> Readings | RejectionCode:
    try:
        return read(pack)
    except RefusedError as error:
        return error.rejection.code


@given(ROWS, st.booleans())
def test_json_and_cbor_give_the_same_exact_readings(rows: list[Row], is_short: bool) -> None:  # noqa: FBT001
    assert senml_json.read(json_pack(rows)) == expected(rows)
    assert senml_cbor.read(cbor_pack(rows, is_short=is_short)) == expected(rows)


@given(st.floats(-1e15, 1e15).filter(lambda number: number == 0 or abs(number) > 1e-3))
def test_a_float_in_cbor_is_what_its_shortest_text_is_in_json(number: float) -> None:
    text = f'[{{"n":"a","t":{T},"v":{number!r}}}]'.encode()
    assert answer(senml_cbor.read, write([{0: "a", 6: T, 2: number}])) == answer(senml_json.read, text)


@pytest.mark.parametrize("pack", ACCEPTED_PACKS)
def test_good_packs_are_read(pack: str) -> None:
    assert senml_json.read(pack.encode())


@pytest.mark.parametrize(("code", "pack"), REFUSED_PACKS)
def test_bad_packs_are_refused_with_their_code(code: RejectionCode, pack: str) -> None:
    assert answer(senml_json.read, pack.encode("utf-8", "surrogatepass")) is code


def test_base_fields_hold_from_their_record_on() -> None:
    pack = b"""[
      {"bn":"a/","bt":1750000000,"bu":"Cel","bv":20,"n":"x","v":1.5},
      {"n":"y","v":-20,"t":0.0005},
      {"n":"z","u":"V","v":0,"t":-1.0005},
      {"bn":"b/","bv":0,"bt":1750000010.5,"n":"x","v":7},
      {"n":"x","vb":true}
    ]"""
    assert senml_json.read(pack) == (
        Reading("a/x", 215, 1, "CEL", T * 1000),
        Reading("a/y", 0, 0, "CEL", T * 1000),
        Reading("a/z", 20, 0, "VLT", T * 1000 - 1001),
        Reading("b/x", 7, 0, "CEL", T * 1000 + 10_500),
        TextReading("b/x", "vb", "true", T * 1000 + 10_500),
    )


def test_the_most_records_and_the_widest_numbers_fit() -> None:
    record = f'{{"n":"a","t":{T},"v":-{LIMIT - 1}}}'
    readings = senml_json.read(f"[{','.join([record] * MAX_RECORDS)}]".encode())
    assert readings == (Reading("a", -LIMIT + 1, 0, "C62", T * 1000),) * MAX_RECORDS


def test_the_first_and_the_last_time() -> None:
    pack = b'[{"n":"a","t":268435456,"v":1},{"n":"a","t":9007199254740.9919,"v":1}]'
    assert [reading.observed_at_ms for reading in senml_json.read(pack)] == [2**28 * 1000, 2**53 - 1]


def test_a_label_as_text_and_as_integer_is_one_label_twice() -> None:
    assert answer(senml_cbor.read, write([{0: "a", "n": "a", 6: T, 2: 1}])) is RejectionCode.DUPLICATE_KEY


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (RejectionCode.UNSUPPORTED_FIELD, {0: "a", 6: T, 5: 1}),
        (RejectionCode.UNSUPPORTED_FIELD, {0: "a", 6: T, 2: 1, 9: 1}),
        (RejectionCode.UNSUPPORTED_FIELD, {0: "a", 6: T, 2: 1, -6: 1}),
        (RejectionCode.INVALID_FIELD, {0: "a", 6: T, 8: "aGkgCg"}),
        (RejectionCode.INVALID_FIELD, {0: "a", 6: T, 2: "1"}),
        (RejectionCode.INVALID_FIELD, {0: "a", 6: T, 4: 1}),
        (RejectionCode.INVALID_FIELD, {0: b"a", 6: T, 2: 1}),
        (RejectionCode.NUMBER_OUT_OF_RANGE, {0: "a", 6: T, 2: 2**63}),
        (RejectionCode.NUMBER_OUT_OF_RANGE, {0: "a", 6: T, 2: fraction(1, 16)}),
        (RejectionCode.NUMBER_OUT_OF_RANGE, {0: "a", 6: T, 2: DecimalFraction(2**64 - 1, 1)}),
        (RejectionCode.NUMBER_OUT_OF_RANGE, {0: "a", 6: T, 2: DecimalFraction(-(2**64), 1)}),
        (RejectionCode.INVALID_TIME, {0: "a", 2: 1}),
    ],
)
def test_bad_cbor_packs_are_refused_with_their_code(code: RejectionCode, fields: dict[Any, Any]) -> None:
    assert answer(senml_cbor.read, write([fields])) is code


def test_cbor_packs_are_arrays_of_maps() -> None:
    for pack in (b"\xa0", b"\x80", b"\x81\x80", b"\x01", b"\x99\x03\xe9" + b"\xa0" * 1001):
        assert answer(senml_cbor.read, pack) is RejectionCode.INVALID_PACK


# RFC 8428 §5.1: its examples, where times are absolute and units and names are among ours.

SINGLE = b'[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1,"t":1.276020076e+09}]'
MULTIPLE = b"""[
  {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"V","bver":5,"n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3}
]"""
MULTIPLE_DATA_TYPES = b"""[
  {"bn":"urn:dev:ow:10e2073a01080063:","bt":1750000000,"n":"temp","u":"Cel","v":23.1},
  {"n":"label","vs":"Machine Room"},
  {"n":"open","vb":false},
  {"n":"nfv","vd":"aGkgCg"}
]"""
CBOR_HEAD = bytes.fromhex(  # §6: how the RFC's example in CBOR begins, cut to the first record
    "81a7"
    "21781b75726e3a6465763a6f773a3130653230373361303130383030363a"  # bn
    "22fb41d303a15b001062"  # bt: 1.276020076001e+09
    "236141"  # bu: A
    "2005"  # bver
    "0067766f6c74616765"  # n: voltage
    "016156"  # u: V
    "02fb405e066666666666"  # v: 120.1
)


def test_the_single_example_of_the_rfc() -> None:
    assert senml_json.read(SINGLE) == (Reading("urn:dev:ow:10e2073a01080063", 231, 1, "CEL", 1_276_020_076_000),)


def test_the_example_of_several_records() -> None:
    base = "urn:dev:ow:10e2073a0108006:"
    assert senml_json.read(MULTIPLE) == (
        Reading(f"{base}voltage", 1201, 1, "VLT", 1_276_020_076_001),
        Reading(f"{base}current", 12, 1, "VLT", 1_276_020_071_001),
        Reading(f"{base}current", 13, 1, "VLT", 1_276_020_072_001),
    )


def test_the_example_of_several_data_types() -> None:
    base = "urn:dev:ow:10e2073a01080063:"
    assert senml_json.read(MULTIPLE_DATA_TYPES) == (
        Reading(f"{base}temp", 231, 1, "CEL", T * 1000),
        TextReading(f"{base}label", "vs", "Machine Room", T * 1000),
        TextReading(f"{base}open", "vb", "false", T * 1000),
        TextReading(f"{base}nfv", "vd", "aGkgCg", T * 1000),
    )


def test_the_example_in_cbor_once_its_labels_are_sorted() -> None:
    assert answer(senml_cbor.read, CBOR_HEAD) is RejectionCode.NON_DETERMINISTIC_CBOR
    parts = [CBOR_HEAD[at:end] for at, end in ((2, 32), (32, 42), (42, 45), (45, 47), (47, 56), (56, 59), (59, 69))]
    assert b"".join(parts) == CBOR_HEAD[2:]
    assert senml_cbor.read(CBOR_HEAD[:2] + b"".join(sorted(parts))) == (
        Reading("urn:dev:ow:10e2073a0108006:voltage", 1201, 1, "VLT", 1_276_020_076_001),
    )
