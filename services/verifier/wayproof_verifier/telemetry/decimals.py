"""Exact numbers: integer · 10^-scale, read without a binary float in between (docs/reference/telemetry.md, Readings).

Every function works in time and memory linear in its input: exponents and digits are bounded before any power of ten is
computed, so `1e999999999` costs no more than `1e9`.
"""

import math
import re

from wayproof_verifier.telemetry.rejection import RefusedError, RejectionCode

Scaled = tuple[int, int]
"""(integer, scale): the number integer · 10^-scale, its scale from 0 to 15 and as small as it can be."""

MAX_SCALE = 15
LIMIT = 2**63
"""Magnitudes stay below: what a signed 64-bit integer holds."""

_MAX_DIGITS = 19  # of 2^63 - 1
_MAX_EXPONENT_DIGITS = 6  # an exponent with more is out of range, as no payload has that many digits to make up for it
_SHORT_TEXT = 17  # characters that cannot leave the range, whatever they are, without an exponent
_JSON_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def from_text(text: str) -> Scaled:
    """Read what a JSON reader found to be a number (RFC 8259 §6), digit by digit. Raises RefusedError."""
    if len(text) <= _SHORT_TEXT and "e" not in text and "E" not in text:
        whole, _, fraction = text.partition(".")
        fraction = fraction.rstrip("0")
        if len(fraction) <= MAX_SCALE:
            return int(whole + fraction), len(fraction)
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("not a JSON number")
    sign, whole, fraction, exponent = match.groups("")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return 0, 0
    if len(significant) > _MAX_DIGITS:
        raise _out_of_range()
    scale = len(fraction) - (len(digits) - len(significant)) - _bounded_exponent(exponent)
    return scaled(int(sign + significant), scale=scale)


def from_float(number: float) -> Scaled:
    """Read the shortest decimal that gives the same IEEE 754 double (ECMAScript Number::toString, RFC 8785 §3.2.2.3).

    Python's repr writes those digits. Raises RefusedError for NaN and infinities too.
    """
    if not math.isfinite(number):
        raise RefusedError(RejectionCode.INVALID_NUMBER, "NaN and infinities are no measurements")
    return from_text(repr(number))


def scaled(integer: int, *, scale: int) -> Scaled:
    """Return integer · 10^-scale in its smallest scale. Raises RefusedError if it does not fit.

    `scale` may be any integer; `integer` must be of bounded size, as its zeros are taken off one by one.
    """
    if integer == 0:
        return 0, 0
    while scale > 0 and integer % 10 == 0:
        integer //= 10
        scale -= 1
    if not -_MAX_DIGITS < scale <= MAX_SCALE:
        raise _out_of_range()
    if scale < 0:
        integer *= 10**-scale
        scale = 0
    if not -LIMIT < integer < LIMIT:
        raise _out_of_range()
    return integer, scale


def add(left: Scaled, right: Scaled) -> Scaled:
    """Return the exact sum. Raises RefusedError if it does not fit."""
    scale = max(left[1], right[1])
    total = left[0] * 10 ** (scale - left[1]) + right[0] * 10 ** (scale - right[1])
    return scaled(total, scale=scale)


def _bounded_exponent(text: str) -> int:
    """Read an exponent, however many digits it has."""
    digits = text.lstrip("+-").lstrip("0")
    magnitude = int(digits or "0") if len(digits) <= _MAX_EXPONENT_DIGITS else 10**_MAX_EXPONENT_DIGITS
    return -magnitude if text.startswith("-") else magnitude


def _out_of_range() -> RefusedError:
    return RefusedError(
        RejectionCode.NUMBER_OUT_OF_RANGE, "a number has at most 15 decimal places, and below 2^63 without its point"
    )
