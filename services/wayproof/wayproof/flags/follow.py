"""The next leaves of the log, judged: flags, memories and checkpoint in one transaction, so each is judged once."""

import logging
from collections.abc import Mapping
from functools import partial

from wayproof import failpoint
from wayproof.plausibility.group import judge_group
from wayproof.plausibility.judge import Memory
from wayproof.plausibility.profile import RuleSet
from wayproof.store import flags as stored
from wayproof.store import log_messages
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.flags import Outcome, StoredFlag
from wayproof.store.log_messages import BEGIN, Place

logger = logging.getLogger(__name__)

MOST_REMEMBERED = 20_000
"""Streams whose memories a process keeps; beyond, it forgets and reads them again."""


class Follower:
    """Judges the log leaf by leaf, from the checkpoint on. The only one on its database, for it holds the lock."""

    def __init__(self, connection: Connection, rules: RuleSet) -> None:
        self._connection, self._rules = connection, rules
        self._memories: dict[int, Memory] = {}
        self._place = self._begin()

    @property
    def place(self) -> Place:
        """The next leaf to judge."""
        return self._place

    def follow(self, *, limit: int) -> tuple[int, int]:
        """Judge at most `limit` leaves; return how many they were, and how many flags there are more.

        Raises as the store does; nothing of the step is kept then, and a new follower goes on.
        """
        with store_errors(), self._connection.transaction():
            leaves = log_messages.leaves(self._connection, self._place, limit=limit)
            if not leaves:
                return 0, 0
            heard = [leaf.heard for leaf in leaves if leaf.heard is not None]
            memories = self._recalled({it.stream_id for it in heard})
            claim = partial(stored.claim, self._connection, most=self._rules.most_runs)
            judged = judge_group(heard, memories=memories, rules=self._rules, claim=claim)
            flags = [StoredFlag.of(it, flag) for it, flag in judged.flags]
            last = leaves[-1].place
            reached = Place(last.epoch, last.leaf_index + 1)
            stored.put(self._connection, Outcome(flags, dict(judged.memories)), reached=reached)
            failpoint.reach("flags.before_commit")
        failpoint.reach("flags.after_commit")
        self._remember(judged.memories)
        self._place = reached
        return len(leaves), len(flags)

    def _begin(self) -> Place:
        """Return where to go on, with the rules in force entered; from the beginning where the log was cut."""
        with store_errors(), self._connection.transaction():
            place = stored.checkpoint(self._connection)
            if place is None:
                logger.warning("the log was cut: everything is judged again")
                stored.forget(self._connection)
                place = BEGIN
            in_force = stored.rules(self._connection)
            if not in_force or in_force[-1][1] != self._rules:
                stored.put_rules(self._connection, self._rules, since=place)
                logger.info("rules", extra={"since": f"{place.epoch}/{place.leaf_index}"})
        return place

    def _recalled(self, stream_ids: set[int]) -> Mapping[int, Memory]:
        missing = stream_ids - self._memories.keys()
        if missing:
            self._memories.update(stored.memories(self._connection, missing))
        return self._memories

    def _remember(self, memories: Mapping[int, Memory]) -> None:
        if len(self._memories) > MOST_REMEMBERED:
            self._memories.clear()
        self._memories.update(memories)
