"""When a message is sent, and when a lost connection is tried again: at once, then at growing intervals. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LONGEST_FACTOR = 16
"""How many times the first interval the later ones grow to."""


@dataclass(slots=True)
class Outstanding:
    """What was sent over one connection and waits for its receipt: (when last, how often) by message number."""

    resend_after_s: float
    _sent: dict[int, tuple[float, int]] = field(default_factory=dict)

    def due(self, waiting: Sequence[int], *, now_s: float) -> list[int]:
        """Return those of the waiting messages that are to be sent now, in their order; forget all that do not wait."""
        self._sent = {number: self._sent[number] for number in waiting if number in self._sent}
        return [number for number in waiting if self._is_due(number, now_s)]

    def sent(self, number: int, *, now_s: float) -> None:
        """Note that a message was handed to the connection."""
        _, times = self._sent.get(number, (now_s, 0))
        self._sent[number] = (now_s, times + 1)

    def _is_due(self, number: int, now_s: float) -> bool:
        if number not in self._sent:
            return True
        sent_at_s, times = self._sent[number]
        return now_s - sent_at_s >= self.resend_after_s * min(1 << (times - 1), LONGEST_FACTOR)


def pause_s(failures: int, *, first_s: float, longest_s: float, draw: Callable[[float, float], float]) -> float:
    """Return how long to wait before connecting again, after so many connections in a row that came to nothing.

    It doubles up to `longest_s`. `draw` takes a number between two others by chance. Half of the pause is left to it: a
    thousand devices that lost their broker together do not come back together.
    """
    most_s = min(first_s * (1 << min(failures, 16)), longest_s)
    return draw(most_s / 2, most_s)
