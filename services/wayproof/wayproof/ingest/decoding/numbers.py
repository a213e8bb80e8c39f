"""Numbers as they stand in a payload, read by the verifier's functions and remembered: sensors repeat themselves."""

from collections.abc import Callable

from wayproof_verifier.telemetry import decimals
from wayproof_verifier.telemetry.decimals import Scaled
from wayproof_verifier.telemetry.rejection import RefusedError
from wayproof_verifier.telemetry.senml import MAX_TIME_MS

MOST_REMEMBERED = 65_536
"""Numbers; beyond, all are forgotten."""
LONGEST_REMEMBERED = 32
"""Bytes of a number that is worth remembering."""

EARLIEST_MS = 2**28 * 1000
"""Before, a time is relative (RFC 8428 §4.5.3), and refused."""


_SECONDS_DIGITS = (10, 11)  # 2001 to 5138, so within what a reading may have
_MILLI_DIGITS = 3
_ZERO = ord("0")


class UncertainError(Exception):
    """The verifier has to decide; never leaves this package."""


class Numbers:
    """Exact numbers by their bytes, and times in milliseconds. Not shared between threads."""

    __slots__ = ("_read", "known", "times")

    def __init__(self, read: Callable[[bytes], Scaled]) -> None:
        """`read` takes one number's bytes; it raises RefusedError or ValueError for what is none.

        `known` and `times` are what is remembered, for whoever looks there first.
        """
        self._read = read
        self.known: dict[bytes, Scaled] = {}
        self.times: dict[bytes, int] = {}

    def number(self, raw: bytes) -> Scaled:
        """Return a number. Raises UncertainError for one that the verifier would refuse."""
        known = self.known.get(raw)
        return self._learn(raw) if known is None else known

    def time_ms(self, raw: bytes) -> int:
        """Return an absolute time, finer digits dropped downwards. Raises UncertainError."""
        known = self.times.get(raw)
        if known is not None:
            return known
        time_ms = plain_time_ms(raw) or in_milliseconds(self._learn(raw))
        if len(self.times) >= MOST_REMEMBERED:
            self.times.clear()
        if len(raw) <= LONGEST_REMEMBERED:
            self.times[raw] = time_ms
        return time_ms

    def _learn(self, raw: bytes) -> Scaled:
        try:
            number = self._read(raw)
        except (RefusedError, ValueError) as error:
            raise UncertainError from error
        if len(self.known) >= MOST_REMEMBERED:
            self.known.clear()
        if len(raw) <= LONGEST_REMEMBERED:
            self.known[raw] = number
        return number


def plain_time_ms(raw: bytes) -> int:
    """Return a time that is written as seconds with at most three decimals; 0 for all others. In CBOR there is none."""
    seconds, _, decimals_of_s = raw.partition(b".")
    if (
        len(seconds) in _SECONDS_DIGITS
        and seconds.isdigit()
        and seconds[0] != _ZERO
        and (decimals_of_s.isdigit() if len(seconds) < len(raw) else not decimals_of_s)
        and len(decimals_of_s) <= _MILLI_DIGITS
    ):
        return int(seconds + decimals_of_s.ljust(_MILLI_DIGITS, b"0"))
    return 0


def total(left: Scaled, right: Scaled) -> Scaled:
    """Return the exact sum. Raises UncertainError where it does not fit."""
    try:
        return decimals.add(left, right)
    except RefusedError as error:
        raise UncertainError from error


def in_milliseconds(time_s: Scaled) -> int:
    """Return an absolute time in whole milliseconds. Raises UncertainError outside of what a reading may have."""
    seconds, scale = time_s
    time_ms: int = seconds * 1000 // 10**scale
    if not EARLIEST_MS <= time_ms <= MAX_TIME_MS:
        raise UncertainError
    return time_ms
