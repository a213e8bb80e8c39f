"""GS1 keys with their check digits (GS1 General Specifications, §3 and §7.9).

Each function returns the key in the one form that records keep, or raises `ContractError("invalid_gs1_key")`.
"""

import re

from wayproof_contract.errors import ContractError

_GTIN_LENGTHS = (8, 12, 13, 14)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_SET_82 = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+", re.ASCII)
"""GS1 AI encodable character set 82 (General Specifications, figure 7.11-1)."""


def check_digit(digits: str) -> int:
    """Return the check digit for the digits before it: weights 3 and 1 alternate from the right (§7.9.1)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gln(value: str) -> str:
    """Return a Global Location Number: 13 digits."""
    return _numeric(value, name="GLN", length=13)


def sscc(value: str) -> str:
    """Return a Serial Shipping Container Code: 18 digits."""
    return _numeric(value, name="SSCC", length=18)


def gsin(value: str) -> str:
    """Return a Global Shipment Identification Number: 17 digits."""
    return _numeric(value, name="GSIN", length=17)


def gtin(value: str) -> str:
    """Return a Global Trade Item Number in its 14-digit form."""
    if len(value) not in _GTIN_LENGTHS:
        raise _invalid("GTIN", value, "it has 8, 12, 13 or 14 digits")
    return _numeric(value, name="GTIN", length=len(value)).rjust(14, "0")


def grai(value: str) -> str:
    """Return a Global Returnable Asset Identifier: 0, 13 digits with the check digit last, an optional serial."""
    number, serial = value[:14], value[14:]
    if not number.startswith("0"):
        raise _invalid("GRAI", value, "it begins with 0")
    _numeric(number, name="GRAI", length=14)
    if serial:
        _characters(serial, name="GRAI serial", limit=16)
    return value


def lot(value: str) -> str:
    """Return a lot number, AI (10): 1 to 20 characters of set 82."""
    return _characters(value, name="lot", limit=20)


def _numeric(value: str, *, name: str, length: int) -> str:
    if len(value) != length or not _DIGITS.fullmatch(value):
        raise _invalid(name, value, f"it has {length} digits")
    if check_digit(value[:-1]) != int(value[-1]):
        raise _invalid(name, value, f"its check digit would be {check_digit(value[:-1])}")
    return value


def _characters(value: str, *, name: str, limit: int) -> str:
    if not 1 <= len(value) <= limit or not _SET_82.fullmatch(value):
        raise _invalid(name, value, f"it has 1 to {limit} characters of GS1 set 82")
    return value


def _invalid(name: str, value: str, reason: str) -> ContractError:
    return ContractError("invalid_gs1_key", f"{value[:40]!r} is no {name}: {reason}")
