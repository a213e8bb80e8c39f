"""What fsck says: a row that is not what it should be. Of each table the first is kept, all are counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN = 80
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row (table and key), the column where it differs ('' for the whole row), what is stored, what should be."""

    table: str
    key: str
    column: str
    stored: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.table} ({self.key})"
        column = f" {self.column}" if self.column else ""
        return f"{place}{column}: stored {self.stored}; should be {self.expected}"


@dataclass(slots=True)
class Findings:
    """All that was found: the first mismatch of each table in the order found, and how many there are."""

    first: dict[str, Mismatch] = field(default_factory=dict)
    mismatches: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    """What was checked, by its name."""
    notes: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    """Parts that could not be checked, with the reason."""

    def add(self, mismatch: Mismatch) -> None:
        """Keep a mismatch if it is the first of its table."""
        self.first.setdefault(mismatch.table, mismatch)
        self.mismatches[mismatch.table] += 1

    def extend(self, mismatches: Iterable[Mismatch]) -> None:
        """Keep mismatches."""
        for mismatch in mismatches:
            self.add(mismatch)


def shown(value: object) -> str:
    """Return a value as it is shown: bytes in hexadecimal, nothing as `nothing`, long ones cut."""
    if value is None:
        return "nothing"
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
