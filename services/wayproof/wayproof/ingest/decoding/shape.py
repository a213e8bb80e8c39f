"""The shape of a pack: what it says with its numbers left open, each a slot counted from 0 in the order of the bytes.

It is made from the pack as the verifier's reader hands it over, slots standing where numbers stood, by following the
base fields (RFC 8428 §4.6): which slots add up to a record's time and value. All that is text is settled by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from wayproof.ingest.decoding.numbers import Numbers, UncertainError, in_milliseconds, total
from wayproof.store.measured import Measured, Quantity, Value, quantity_of, value_of
from wayproof_verifier.telemetry import Reading, TextReading

NONE = -1
"""No slot."""


class Slot(int):
    """The place of a number."""


class Open(NamedTuple):
    """One record: the slots of its base time and time, base value and value; or the text that it says."""

    base_time: int
    time: int
    base_value: int
    value: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a pack says once its slots are filled. `fixed` are slots that must hold just these bytes (`bver`)."""

    quantities: tuple[Quantity, ...]
    records: tuple[Open, ...]
    fixed: tuple[tuple[int, bytes], ...]
    unused: tuple[int, ...]
    plain: tuple[tuple[int, int], ...]
    """The slots of each record's time and value, where it is all numbers and nothing adds up; empty otherwise."""

    def fill(self, slots: Sequence[bytes], numbers: Numbers) -> Measured:
        """Return what the pack measures with these numbers. Raises UncertainError where the verifier may refuse it."""
        if self.fixed and any(slots[slot] != content for slot, content in self.fixed):
            raise UncertainError
        for slot in self.unused:
            numbers.number(slots[slot])
        known, times = numbers.known, numbers.times
        values: list[Value] = []
        if self.plain:
            last, time_ms = b"", 0
            for time, place in self.plain:
                raw = slots[time]
                if raw != last:
                    last, time_ms = raw, times.get(raw) or numbers.time_ms(raw)
                raw = slots[place]
                value, scale = known.get(raw) or numbers.number(raw)
                values.append((time_ms, value, scale, None))
            return Measured(self.quantities, values)
        for base_time, time, base_value, place, text in self.records:
            if base_time < 0 or time < 0:
                raw = slots[max(base_time, time)]
                time_ms = times.get(raw) or numbers.time_ms(raw)
            else:
                time_ms = in_milliseconds(total(numbers.number(slots[base_time]), numbers.number(slots[time])))
            if text is not None:
                values.append((time_ms, None, None, text))
                continue
            raw = slots[place]
            number = known.get(raw) or numbers.number(raw)
            if base_value >= 0:
                number = total(numbers.number(slots[base_value]), number)
            values.append((time_ms, number[0], number[1], None))
        return Measured(self.quantities, values)


def shape_of(
    pack: Sequence[Mapping[str, Any]], *, readings: Sequence[Reading | TextReading], slots: Sequence[bytes]
) -> Shape | None:
    """Return the shape of a pack that the verifier read as `readings`, None if its numbers are no slots.

    `pack` is the same pack with a Slot for each number, `slots` the numbers' bytes.
    """
    base_time = base_value = NONE
    records, fixed, used = [], [], set()
    for record, reading in zip(pack, readings, strict=True):
        found = {label: value for label, value in record.items() if isinstance(value, Slot)}
        if found.keys() - {"bt", "bv", "bver", "t", "v", "ut"}:
            return None
        base_time, base_value = found.get("bt", base_time), found.get("bv", base_value)
        if "bver" in found:
            fixed.append((int(found["bver"]), slots[found["bver"]]))
        time, value = found.get("t", NONE), found.get("v", NONE)
        is_text = isinstance(reading, TextReading)
        if (base_time == time == NONE) or is_text != (value == NONE):
            return None
        text = reading.text if isinstance(reading, TextReading) else None
        records.append(Open(base_time, time, NONE if is_text else base_value, value, text))
        used |= {base_time, time, value} | ({NONE} if is_text else {base_value})
    unused = sorted(set(range(len(slots))) - used - {slot for slot, _ in fixed})
    quantities = tuple(quantity_of(it) for it in readings)
    return Shape(quantities, tuple(records), tuple(fixed), tuple(unused), _plain(records))


def _plain(records: Sequence[Open]) -> tuple[tuple[int, int], ...]:
    """Return the slots of time and value of each record, none where one has a text, or bases that add up."""
    if any(it.text is not None or it.base_value >= 0 or min(it.base_time, it.time) >= 0 for it in records):
        return ()
    return tuple((max(it.base_time, it.time), it.value) for it in records)


def says(measured: Measured, readings: Sequence[Reading | TextReading]) -> bool:
    """Tell whether what was filled in is what the verifier read."""
    return (
        measured.quantities == tuple(quantity_of(it) for it in readings)
        and list(measured.values) == [value_of(it) for it in readings]
    )  # fmt: skip
