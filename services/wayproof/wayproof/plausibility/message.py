"""Rules about the messages of a stream: clocks, silence, and one serial number in two places."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from wayproof.plausibility.state import State, Verdict, span


@dataclass(frozen=True, slots=True)
class Beat:
    """A message as these rules see it, all times in milliseconds since 1970.

    `observed_at_ms` is the newest time that the device gave in it, `received_at_ms` is ours. Boot and sequence are 0
    where nothing is signed. `follows` tells that the message before it in the device's order was the last one heard.
    `contradicts` tells that another message was heard at the same place before.
    """

    boot: int
    sequence: int
    observed_at_ms: int
    received_at_ms: int
    follows: bool
    contradicts: bool

    @property
    def is_numbered(self) -> bool:
        """Whether the device numbers its messages."""
        return self.boot > 0

    @property
    def delay_ms(self) -> int:
        """How long after the observation it came, by two clocks: negative where the device's is ahead."""
        return self.received_at_ms - self.observed_at_ms


class MessageRule(Protocol):
    """A rule that judges each message of a stream by those before."""

    code: ClassVar[str]
    version: ClassVar[int]

    def judge(self, state: State, now: Beat) -> Verdict:
        """Return what to remember, and why the message's newest reading is flagged."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A device that did not measure: far more time than usual between two messages that follow each other.

    Flagged where the step is longer than `times` the median of the last 15 steps, and than `least_s` seconds. A
    message that is missing is no matter of opinion: gaps in the sequence are named by the monitor and in evidence, and
    a step across one is not judged. Remembers the newest time and the last steps.
    """

    code: ClassVar[str] = "gap"
    version: ClassVar[int] = 1

    times: int = 5
    least_s: int = 900

    STEPS: ClassVar[int] = 15
    KNOWN: ClassVar[int] = 5

    def judge(self, state: State, now: Beat) -> Verdict:
        """Return the reason where the device was silent before this message."""
        if not state:
            return (now.observed_at_ms,), ""
        newest_ms, *steps = state
        step_ms = now.observed_at_ms - newest_ms
        if step_ms <= 0:
            return state, ""
        if now.is_numbered and not now.follows:
            return (now.observed_at_ms, *steps), ""
        reason = ""
        if len(steps) >= self.KNOWN:
            usual_ms = sorted(steps)[len(steps) // 2]
            if step_ms > self.times * usual_ms and step_ms > self.least_s * 1000:
                reason = f"silent for {span(step_ms)}, usual is {span(usual_ms)}"
        return (now.observed_at_ms, *steps[1 - self.STEPS :], step_ms), reason


@dataclass(frozen=True, slots=True)
class ClockDrift:
    """A clock that is ahead of ours, or stays behind it.

    Ahead: something observed more than `ahead_s` seconds after it was received; nothing but a clock explains that.
    Behind: delivery may be late, so that only a steady pace tells: over `steady_s` seconds or more, messages took as
    long to be measured as to come (within a tenth), and every one that is remembered is more than `behind_s` seconds
    late. Remembers up to twelve messages, spread over that time: observed and received, in turn.
    """

    code: ClassVar[str] = "clock_drift"
    version: ClassVar[int] = 1

    ahead_s: int = 300
    behind_s: int = 3600
    steady_s: int = 1800

    MESSAGES: ClassVar[int] = 12

    def judge(self, state: State, now: Beat) -> Verdict:
        """Return the reason where the device's clock is wrong."""
        ahead = f"{span(now.delay_ms)} ahead of our clock" if now.delay_ms < -1000 * self.ahead_s else ""
        if state and now.observed_at_ms <= state[-2]:
            return state, ahead
        is_due = not state or (now.observed_at_ms - state[-2]) * (self.MESSAGES - 2) >= 1000 * self.steady_s
        is_late = now.delay_ms > 1000 * self.behind_s  # else nothing behind it needs to be looked at
        if not is_due and not is_late:
            return state, ahead
        with_now = (*state, now.observed_at_ms, now.received_at_ms)
        behind = self._behind(with_now) if is_late else ""
        return (with_now[-2 * self.MESSAGES :] if is_due else state), ahead or behind

    def _behind(self, state: State) -> str:
        observed, received = state[::2], state[1::2]
        least_ms = min(came - seen for seen, came in zip(observed, received, strict=True))
        measured_ms, took_ms = observed[-1] - observed[0], received[-1] - received[0]
        is_steady = took_ms >= 1000 * self.steady_s and abs(measured_ms - took_ms) * 10 <= took_ms
        return f"{span(least_ms)} behind our clock" if is_steady and least_ms > 1000 * self.behind_s else ""


@dataclass(frozen=True, slots=True)
class ClockJump:
    """A clock that was set: back by `back_s` seconds and more between two messages in a row, or ahead of ours.

    Ahead: the message before was not `ahead_s` seconds ahead of our clock, and this one is. A step ahead that ends
    behind our clock looks like silence, or like late delivery, and is not flagged here. Remembers the newest time and
    whether it was ahead.
    """

    code: ClassVar[str] = "clock_jump"
    version: ClassVar[int] = 1

    back_s: int = 60
    ahead_s: int = 300

    def judge(self, state: State, now: Beat) -> Verdict:
        """Return the reason where the device's clock was set."""
        is_ahead = now.delay_ms < -1000 * self.ahead_s
        after: State = (now.observed_at_ms, int(is_ahead))
        if not state:
            return after, ""
        last_ms, was_ahead = state
        step_ms = now.observed_at_ms - last_ms
        if now.is_numbered and not now.follows:
            return (after if step_ms >= 0 else state), ""
        if now.is_numbered and step_ms < -1000 * self.back_s:
            return after, f"set back by {span(step_ms)}"
        if not now.is_numbered and step_ms < 0:  # unsigned messages may come in any order
            return state, ""
        return after, f"leapt {span(step_ms)}, ahead of our clock" if is_ahead and not was_ahead else ""


@dataclass(frozen=True, slots=True)
class TwoPlaces:
    """One serial number that is used twice: a copied device, or a copied folder of one.

    Two messages at one place in the stream (an equivocation), or a message of an earlier start that was observed more
    than `overlap_s` seconds after a later start had begun. Remembers the latest start and when it began.
    """

    code: ClassVar[str] = "two_places"
    version: ClassVar[int] = 1

    overlap_s: int = 60

    def judge(self, state: State, now: Beat) -> Verdict:
        """Return the reason where two devices seem to speak."""
        if not now.is_numbered:
            return state, ""
        reason = f"another message is at boot {now.boot}, sequence {now.sequence}" if now.contradicts else ""
        if not state or now.boot > state[0]:
            return (now.boot, now.observed_at_ms), reason
        boot, began_ms = state
        if now.boot == boot:
            return (boot, min(began_ms, now.observed_at_ms)), reason
        overlap_ms = now.observed_at_ms - began_ms
        if overlap_ms > 1000 * self.overlap_s:
            reason = reason or f"boot {now.boot} goes on {span(overlap_ms)} after boot {boot} began"
        return state, reason
