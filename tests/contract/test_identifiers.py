"""GS1 keys: published numbers are accepted, and any one changed digit is not."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayproof_contract.errors import ContractError
from wayproof_contract.identifiers import check_digit, gln, grai, gsin, gtin, lot, sscc

Check = Callable[[str], str]

# Examples of the GS1 EPC Tag Data Standard (company prefix 0614141) and of GS1's pages on barcodes.
PUBLISHED: list[tuple[Check, str]] = [
    (gtin, "73513537"),
    (gtin, "036000291452"),
    (gtin, "4006381333931"),
    (gtin, "80614141123458"),
    (sscc, "106141412345678908"),
    (sscc, "006141411234567890"),
    (gln, "0614141123452"),
    (gsin, "06141411234567890"),
    (grai, "00614141123452"),
]


def _refused(check: Check, value: str) -> None:
    with pytest.raises(ContractError) as refused:
        check(value)
    assert refused.value.code == "invalid_gs1_key"


@pytest.mark.parametrize(("check", "key"), PUBLISHED, ids=lambda value: getattr(value, "__name__", value))
def test_a_published_key_is_accepted(check: Check, key: str) -> None:
    assert check(key).endswith(key)


def test_a_gtin_is_kept_with_fourteen_digits() -> None:
    assert gtin("73513537") == "00000073513537"


def test_a_grai_may_have_a_serial() -> None:
    assert grai("00614141123452400") == "00614141123452400"
    assert grai("00614141123452" + "A" * 16)


@pytest.mark.parametrize(("check", "key"), PUBLISHED, ids=lambda value: getattr(value, "__name__", value))
def test_every_single_changed_digit_is_refused(check: Check, key: str) -> None:
    for place in range(len(key)):
        for digit in "0123456789":
            if digit != key[place]:
                _refused(check, key[:place] + digit + key[place + 1 :])


@given(st.text("0123456789", min_size=1, max_size=20))
def test_one_check_digit_fits(digits: str) -> None:
    total = sum(int(digit) * weight for digit, weight in zip(reversed(digits), [3, 1] * 10, strict=False))
    assert (total + check_digit(digits)) % 10 == 0


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (gln, ""),
        (gln, "061414112345"),
        (gln, "\u0660614141123452"),
        (gln, " 614141123452"),
        (gln, "0614141123452\n"),
        (sscc, "10614141234567890"),
        (gsin, "006141411234567890"),
        (gtin, "123456784"),
        (gtin, "²3513537"),
        (grai, "10614141123459"),
        (grai, "0061414112345"),
        (grai, "00614141123452" + "A" * 17),
        (grai, "00614141123452 "),
        (lot, ""),
        (lot, "L" * 21),
        (lot, "ä"),
        (lot, "L 1"),
        (lot, "L#1"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_a_key_of_another_form_is_refused(check: Check, value: str) -> None:
    _refused(check, value)


def test_a_lot_takes_all_of_character_set_82() -> None:
    everything = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    assert len(everything) == 82
    for character in everything:
        assert lot(character) == character
