"""Judging many messages at once: those of the log's next leaves, of whatever streams. Pure but for claiming runs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wayproof.plausibility.copies import Claimed, Holder
from wayproof.plausibility.judge import Flag, Heard, Memory, Printed, judge
from wayproof.plausibility.profile import RuleSet

Claim = Callable[[Sequence[Claimed]], Sequence[Holder]]
"""Enters where runs were seen, unless they are known, and returns where each was seen first (`Runs.claim`)."""


@dataclass(frozen=True, slots=True)
class JudgedGroup:
    """The flags of a group, each with its message, and what is remembered now of each of its streams."""

    flags: tuple[tuple[Heard, Flag], ...]
    memories: Mapping[int, Memory]


def judge_group(group: Iterable[Heard], *, memories: Mapping[int, Memory], rules: RuleSet, claim: Claim) -> JudgedGroup:
    """Judge messages in the order of the log. How they are grouped changes nothing."""
    now = dict[int, Memory]()
    flags: list[tuple[Heard, Flag]] = []
    prints: list[tuple[Heard, Printed]] = []
    for heard in group:
        memory = now.get(heard.stream_id, memories.get(heard.stream_id, {}))
        judged = judge(heard, memory=memory, profile=rules.profile(heard.model))
        now[heard.stream_id] = judged.memory
        flags += ((heard, flag) for flag in judged.flags)
        prints += ((heard, it) for it in judged.prints)
    first = claim([(it.fingerprint, it.holder) for _, it in prints])
    flags += ((heard, flag) for (heard, it), holder in zip(prints, first, strict=True) for flag in it.flags(holder))
    return JudgedGroup(tuple(flags), now)
