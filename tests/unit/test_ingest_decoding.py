"""The fast decoder says what the verifier's decoder says, or nothing: on every input, hostile ones first."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.ingest_decoding import NUMBERS, agrees, variants
from support.telemetry_cases import ACCEPTED_PACKS, REFUSED_PACKS
from support.telemetry_cbor import write
from support.telemetry_device import Device
from support.telemetry_envelopes import PACK, header, seal, sealed
from support.telemetry_inputs import CBOR_PACK, HOSTILE, VALID
from wayproof.ingest.decoding import Decoder, hot_shapes, learning
from wayproof.ingest.decoding.cbor_packs import CborPacks
from wayproof.ingest.decoding.json_packs import JsonPacks, number_of
from wayproof.ingest.decoding.numbers import in_milliseconds, plain_time_ms
from wayproof_verifier.telemetry import SENML_CBOR
from wayproof_verifier.telemetry.cbor import DecimalFraction
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

T = 1_750_000_000
CORPUS = [
    *VALID,
    *(pack.encode() for pack in ACCEPTED_PACKS),
    *(pack.encode("utf-8", "surrogatepass") for _, pack in REFUSED_PACKS),
    *(payload for _, payload in HOSTILE.values() if len(payload) <= MAX_PAYLOAD_BYTES),
]
LABELS = ("bn", "bt", "bu", "bv", "bver", "n", "u", "v", "vs", "vb", "vd", "t", "ut", "s")


@pytest.fixture(params=[hot_shapes.HOT, 1], ids=["searched", "hot"], autouse=True)
def how_slots_are_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """By search, or by an expression from a shape's second pack on: each test runs both ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hot_shapes, "HOT", request.param)
        yield


def learnt(*payloads: bytes) -> Decoder:
    """Return a decoder that has seen these shapes twice."""
    decoder = Decoder()
    for payload in payloads * 2:
        decoder.decode(payload)
    return decoder


@pytest.mark.parametrize("payload", [it for it in CORPUS if len(it) < 1_000])
def test_whatever_numbers_come_in_a_known_shape_it_agrees_with_the_verifier(payload: bytes) -> None:
    decoder = learnt(payload)
    agrees(decoder, payload)
    for variant in variants(payload, seed=1, count=60):
        for _ in range(3):
            agrees(decoder, variant)


def test_hostile_payloads_are_left_to_the_verifier() -> None:
    decoder = learnt(*(payload for _, payload in HOSTILE.values()))
    assert [name for name, (_, payload) in HOSTILE.items() if decoder.decode(payload) is not None] == []


@st.composite
def packs(draw: st.DrawFn) -> str:
    """Packs in JSON, most of them good, written in odd ways."""
    colon, comma = draw(st.sampled_from([":", ": ", " :\t", ":\n"])), draw(st.sampled_from([",", ", ", "\n,\t"]))
    number = st.sampled_from([it.decode() for it in NUMBERS]) | st.decimals(-(10**6), 10**6, places=3).map(str)
    time = st.integers(T, T + 100).map(str)
    text = st.text(st.sampled_from('ab/:, 1250."\\{}[]é'), max_size=6).map(json.dumps)
    by_label = {"bt": time, "t": time, "n": st.just('"a"'), "bn": st.just('"b/"'), "u": st.just('"Cel"')}
    records = draw(st.lists(st.lists(st.sampled_from(LABELS), max_size=6, unique=True), min_size=1, max_size=4))
    written = [
        comma.join(
            f'"{label}"{colon}' + draw(by_label.get(label, text if label in {"vs", "vd", "s"} else number))
            for label in record
        )
        for record in records
    ]
    return f"[{comma.join(f'{{{record}}}' for record in written)}]"


EVERYDAY = Decoder()


@given(packs(), st.integers(0, 2**32))
@example('[{"n":"a","t":1750000000,"vs":"x:5"}]', 0)
@example('[{"n":"a","t":1750000000,"vs":"x: 5,","ut":\t7}]', 0)
@example('[{"n":"a","bn":"","t":1750000000,"v":\t5,"vs":"x:1"}]', 0)
@settings(deadline=None)
def test_any_pack_however_it_is_written(pack: str, seed: int) -> None:
    for payload in (pack.encode(), *variants(pack.encode(), seed=seed, count=4)):
        for _ in range(3):
            agrees(EVERYDAY, payload)


def numbers() -> st.SearchStrategy[Any]:
    fraction = st.builds(DecimalFraction, st.integers(-17, 3), st.integers(-(2**64), 2**64 - 1))
    return st.integers(-(2**64), 2**64 - 1) | fraction | st.floats(width=32) | st.floats() | st.just(T)


RECORDS = st.lists(
    st.fixed_dictionaries(
        {0: st.sampled_from(["a", "b", "a name of more than twenty-three characters"])},
        optional={2: numbers(), 6: st.just(T) | numbers(), -3: st.just(T), -1: st.integers(1, 10), 4: st.booleans()},
    ),
    max_size=3,
)


@given(st.lists(RECORDS, min_size=1, max_size=3), st.integers(0, 2**32))
@settings(deadline=None)
def test_any_pack_in_cbor(given_packs: list[Any], seed: int) -> None:
    for pack in given_packs:
        payload = write(pack)
        for variant in (payload, *variants(payload, seed=seed, count=3)):
            for _ in range(3):
                agrees(EVERYDAY, variant)


@given(st.binary(max_size=64), st.integers(0, 2**32))
@settings(deadline=None)
def test_any_bytes(data: bytes, seed: int) -> None:
    for payload in (data, b"\xd2" + data, b"\x81" + data, b"[" + data):
        for variant in (payload, *variants(payload, seed=seed, count=2)):
            for _ in range(3):
                agrees(EVERYDAY, variant)


def everyday(kind: str) -> Iterator[bytes]:
    """Yield what devices send all day."""
    signing = Device("reefer-7", algorithm="ES256" if "ES256" in kind else "EdDSA")
    for number in range(20):
        value, time = f"-{number}.{number % 7}", f"{T + number}.{number:03d}"
        as_json = (
            f'[{{"bn":"a/","bt":{time},"bver":10,"n":"x","u":"Cel","v":{value}}},{{"n":"door","vb":true}}]'.encode()
        )
        as_cbor = write([{0: "x", 1: "Cel", 2: DecimalFraction(-1, -number), 6: DecimalFraction(-1, T * 10 + number)}])
        if kind in {"json", "cbor"}:
            yield as_json if kind == "json" else as_cbor
        elif "cbor" in kind:
            yield signing.next(as_cbor, content_type=SENML_CBOR)
        else:
            yield signing.next(as_json)


@pytest.mark.parametrize("kind", ["json", "cbor", "signed json EdDSA", "signed json ES256", "signed cbor EdDSA"])
def test_everyday_messages_are_read_from_the_second_on(kind: str) -> None:
    decoder = Decoder()
    assert [agrees(decoder, payload) for payload in everyday(kind)] == [False] + [True] * 19


def test_a_refused_number_is_left_to_the_verifier_and_the_shape_stays_known() -> None:
    good = b'[{"n":"a","t":1750000000,"v":%s}]'
    decoder = learnt(good % b"1")
    for refused in (b"1e400", b"01", b"1.", b"1e-16", b"9223372036854775808"):
        assert decoder.decode(good % refused) is None
    assert agrees(decoder, good % b"2")


@given(st.from_regex(r"-?[0-9]{1,13}(\.[0-9]{0,5})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
@example("1750000000.")
@example("01750000000")
@example("0175000000.5")
@example("99999999999.999")
def test_a_time_read_the_short_way_is_the_time(text: str) -> None:
    short = plain_time_ms(text.encode())
    if short:
        assert in_milliseconds(number_of(text.encode())) == short


def test_everyday_times_are_read_the_short_way() -> None:
    assert [plain_time_ms(it) for it in (b"1750000000", b"1750000000.5", b"1750000000.125")] == [
        1_750_000_000_000,
        1_750_000_000_500,
        1_750_000_000_125,
    ]


def test_a_version_that_changes_is_left_to_the_verifier() -> None:
    pack = b'[{"bver":%d,"n":"a","t":1750000000,"v":1}]'
    decoder = learnt(pack % 10)
    assert agrees(decoder, pack % 10)
    assert decoder.decode(pack % 11) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 2},
        {"seq": 1, "prev": b"\x01" * 32},
        {"seq": 2**53, "prev": b"\x01" * 32},
        {"boot": 0},
        {"boot": 2**53},
        {"stream": "A"},
        {"stream": "a" * 33},
        {"alg": -9},
        {"type": 50},
        {"more": 1},
        {"kid": bytes(31)},
    ],
)
def test_a_header_that_is_not_the_everyday_one_is_left_to_the_verifier(changes: dict[str, object]) -> None:
    device = Device("reefer-7")
    decoder = learnt(sealed(device))
    assert agrees(decoder, sealed(device))
    assert decoder.decode(sealed(device, **changes)) is None


def test_lengths_and_integers_in_a_longer_form_are_left_to_the_verifier() -> None:
    device = Device("reefer-7")
    good = sealed(device)
    decoder = learnt(good)
    protected = write(header(device))
    longer_sequence = protected.replace(b"\x63seq\x01", b"\x63seq\x18\x01")
    assert len(longer_sequence) == len(protected) + 1
    assert decoder.decode(seal(device, longer_sequence)) is None
    longer_stream = protected.replace(b"\x6aconditions", b"\x78\x0aconditions")
    assert decoder.decode(seal(device, longer_stream)) is None
    assert decoder.decode(good.replace(bytes((0xA0, 0x58, len(PACK))), bytes((0xA0, 0x59, 0, len(PACK))))) is None
    assert decoder.decode(good.replace(bytes((0xA0, 0x58, len(PACK))), bytes((0xA0, 0x58, len(PACK) - 1)))) is None
    assert decoder.decode(good + b"\x00") is None
    assert decoder.decode(good[:-1]) is None


def test_every_cut_and_every_flipped_bit_of_a_signed_message() -> None:
    device = Device("reefer-7", algorithm="ES256")
    good = sealed(device)
    decoder = learnt(good)
    for place in range(len(good)):
        agrees(decoder, good[:place])
        for bit in range(8):
            agrees(decoder, good[:place] + bytes((good[place] ^ 1 << bit,)) + good[place + 1 :])


@pytest.mark.parametrize("kind", [JsonPacks, CborPacks])
def test_its_memory_is_bounded(kind: type[JsonPacks] | type[CborPacks], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_SEEN", 50)
    monkeypatch.setattr(learning, "MOST_LEARNT_BYTES", 2_000)
    packs = kind()
    for number in range(200):
        name = f"n{number}"
        as_json = f'[{{"n":"{name}","t":{T},"v":1}}]'.encode()
        pack = as_json if kind is JsonPacks else write([{0: name, 2: 1, 6: T}])
        for _ in range(3):
            packs.read(pack)
    assert len(packs._shapes._seen) <= 50
    assert 0 < len(packs._shapes._shapes) < 150


def test_texts_that_never_repeat_are_not_learnt() -> None:
    decoder = Decoder()
    chance = random.Random(1)  # noqa: S311 - a seed makes it the same each time
    for _ in range(100):
        decoder.decode(f'[{{"n":"a","t":{T},"vs":"{chance.random()}x"}}]'.encode())
    assert len(decoder._json._shapes._shapes) == 0


def test_the_golden_packs_are_what_this_is_about() -> None:
    assert agrees(learnt(PACK), PACK)
    assert agrees(learnt(CBOR_PACK), CBOR_PACK)


def test_a_hot_shape_is_taken_apart_by_its_expression_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_shapes, "HOT", 3)
    monkeypatch.setattr(hot_shapes, "MOST", 5)
    packs = JsonPacks()
    hot = packs._hot
    pack = b'[{"n":"a","t":1750000000,"v":%d}]'
    for number in range(4):  # the first is only seen, the second learnt
        assert hot.find(pack % number) is None
        packs.read(pack % number)
    found = hot.find(pack % 27)
    assert found is not None
    assert list(found[1]) == [b"1750000000", b"27"]
    for name in range(30):
        for _ in range(5):
            packs.read(b'[{"n":"a%d","t":1750000000,"v":1}]' % name)
    assert max(len(hot._times), len(hot._hot), len(hot._latest)) <= 6
