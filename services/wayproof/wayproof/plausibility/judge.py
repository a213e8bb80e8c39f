"""The fold over a stream: one message after the other, in the order of the log, and what its readings are flagged for.

memory: Memory = {}
for heard in messages_of_a_stream:
    judged = judge(heard, memory=memory, profile=rules.profile(heard.model))
    memory = judged.memory

Everything that is remembered is in `memory`, whole numbers by name, so that a process that was killed goes on exactly
where it was, and anybody who folds the same messages again finds the same flags.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wayproof.plausibility.copies import CopiedSeries, Holder
from wayproof.plausibility.message import Beat
from wayproof.plausibility.position import Place
from wayproof.plausibility.profile import Expected, ExpectedUnit, Profile
from wayproof.plausibility.state import Sample, State
from wayproof.plausibility.units import millionths

Memory = Mapping[str, State]
"""What is remembered of one stream, by rule and series; empty at its beginning."""

MOST_REMEMBERED = 256
"""Memories of one stream's rules: a device that invents a name for each reading cannot fill the database."""

_PLACE = "place"


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading of a message: value · 10^-scale in a unit, or a text (value None). Observed in ms since 1970."""

    ordinal: int
    name: str
    unit: str
    value: int | None
    scale: int | None
    observed_at_ms: int

    @property
    def measurement(self) -> str:
        """What is measured: the last part of the name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as the log has it, with its readings. Boot and sequence are 0 where nothing is signed.

    `after` is the place that the message names as its predecessor's, where that is in an earlier boot; `contradicts`
    tells that the log had another message at the same place before.
    """

    ingest_id: int
    stream_id: int
    device_id: str
    model: str
    boot: int
    sequence: int
    after: tuple[int, int] | None
    received_at_ms: int
    contradicts: bool
    readings: Sequence[Measured]


@dataclass(frozen=True, slots=True)
class Flag:
    """Why a reading is not plausible: the rule's code and version, and details for people."""

    ordinal: int
    observed_at_ms: int
    code: str
    rule_version: int
    detail: str


@dataclass(frozen=True, slots=True)
class Printed:
    """A run of numbers that is known by its fingerprint, and the reading that ends it."""

    fingerprint: int
    reading: Measured
    holder: Holder
    rule: CopiedSeries

    def flags(self, first: Holder) -> Iterator[Flag]:
        """Yield the flag of a run that somebody held before."""
        if first != self.holder and (reason := self.rule.reason(self.holder, first)):
            yield _flag(self.reading, self.rule.code, self.rule.version, reason)


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of one message: what is remembered now, its flags, and the runs that may be copies."""

    memory: Memory
    flags: tuple[Flag, ...]
    prints: tuple[Printed, ...]


def judge(heard: Heard, *, memory: Memory, profile: Profile) -> Judged:
    """Judge the next message of a stream."""
    if not heard.readings:
        return Judged(memory, (), ())
    return _Judge(heard, memory, profile).judged()


class _Judge:
    def __init__(self, heard: Heard, memory: Memory, profile: Profile) -> None:
        self._heard, self._profile = heard, profile
        self._memory = dict(memory)
        self._flags: list[Flag] = []
        self._prints: list[Printed] = []

    def judged(self) -> Judged:
        readings = sorted(self._heard.readings, key=lambda it: (it.observed_at_ms, it.ordinal))
        self._message(readings[-1])
        for reading in readings:
            self._number(reading)
        for latitude, longitude in _pairs(readings):
            self._place(latitude, longitude)
        wanted = sorted((it for it in self._flags if it.code not in self._profile.off), key=lambda it: it.ordinal)
        return Judged(self._memory, tuple(wanted), tuple(self._prints))

    def _message(self, newest: Measured) -> None:
        heard = self._heard
        place, last = (heard.boot, heard.sequence), self._memory.get(_PLACE, ())
        before = (heard.boot, heard.sequence - 1) if heard.sequence > 1 else heard.after
        beat = Beat(
            boot=heard.boot,
            sequence=heard.sequence,
            observed_at_ms=newest.observed_at_ms,
            received_at_ms=heard.received_at_ms,
            follows=before == last,
            contradicts=heard.contradicts,
        )
        for rule in self._profile.message_rules:
            self._memory[rule.code], reason = rule.judge(self._memory.get(rule.code, ()), beat)
            self._flag(newest, rule.code, rule.version, reason)
        self._memory[_PLACE] = max(place, last) if last else place

    def _number(self, reading: Measured) -> None:
        if reading.value is None or reading.scale is None:
            return
        expected = self._profile.of(reading.measurement)
        for it in expected:
            value = millionths(reading.value, scale=reading.scale, unit=reading.unit, to=it.unit)
            if value is not None:
                self._series(reading, it, Sample(reading.observed_at_ms, value))
                return
        if expected:
            units = " or ".join(it.unit for it in expected)
            self._flag(reading, ExpectedUnit.code, ExpectedUnit.version, f"{reading.unit} instead of {units}")

    def _series(self, reading: Measured, expected: Expected, now: Sample) -> None:
        for rule in expected.rules:
            key = f"{rule.code} {reading.name}"
            state, reason = rule.judge(self._memory.get(key, ()), now)
            self._remember(key, state)
            self._flag(reading, rule.code, rule.version, reason)
        if expected.copied is not None:
            key = f"{expected.copied.code} {reading.name}"
            state, fingerprint = expected.copied.prints(self._memory.get(key, ()), now)
            self._remember(key, state)
            self._print(reading, expected.copied, fingerprint)

    def _print(self, reading: Measured, rule: CopiedSeries, fingerprint: int | None) -> None:
        if fingerprint is not None and rule.code not in self._profile.off:
            holder = Holder(self._heard.device_id, self._heard.stream_id, reading.observed_at_ms)
            self._prints.append(Printed(fingerprint, reading, holder, rule))

    def _place(self, latitude: Measured, longitude: Measured) -> None:
        north, east = _degrees(latitude), _degrees(longitude)
        if north is None or east is None:
            return
        rule, place = self._profile.speed, Place(latitude.observed_at_ms, north, east)
        key = f"{rule.code} {latitude.name.rpartition('/')[0]}"
        state, code, reason = rule.judge(self._memory.get(key, ()), place)
        self._remember(key, state)
        self._flag(latitude, code, rule.version, reason)

    def _remember(self, key: str, state: State) -> None:
        """Remember, as long as there is room: a rule without memory begins anew with every reading, and flags less."""
        if state and (key in self._memory or len(self._memory) < MOST_REMEMBERED):
            self._memory[key] = state

    def _flag(self, reading: Measured, code: str, version: int, reason: str) -> None:
        if reason:
            self._flags.append(_flag(reading, code, version, reason))


def _flag(reading: Measured, code: str, version: int, reason: str) -> Flag:
    return Flag(reading.ordinal, reading.observed_at_ms, code, version, reason)


def _degrees(reading: Measured) -> int | None:
    if reading.value is None or reading.scale is None:
        return None
    return millionths(reading.value, scale=reading.scale, unit=reading.unit, to="DD")


def _pairs(readings: Sequence[Measured]) -> Iterator[tuple[Measured, Measured]]:
    """Yield each latitude with the longitude of the same sensor and instant."""
    longitudes = {
        (it.name.rpartition("/")[0], it.observed_at_ms): it for it in readings if it.measurement == "longitude"
    }
    for it in readings:
        east = longitudes.get((it.name.rpartition("/")[0], it.observed_at_ms))
        if it.measurement == "latitude" and east is not None:
            yield it, east
