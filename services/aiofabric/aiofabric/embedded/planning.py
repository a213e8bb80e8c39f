"""Who is asked to endorse when the client names nobody: what the first endorser's answer says is needed.

Source: Fabric's ``core/endorser/endorser.go`` (interest), ``discovery/endorsement``, ``internal/pkg/gateway``.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiofabric.embedded.endorsement_rules import EndorsementRules, Policy
from aiofabric.embedded.membership import Member
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.read_write_set import ReadWriteSet, hashed
from aiofabric.embedded.state import Space

Layout = tuple[str, ...]
"""Organisations that together satisfy everything, none of them too many."""


@dataclass(frozen=True, slots=True)
class Interest:
    """What the endorsers of a transaction must satisfy.

    Attributes:
        policies: of chaincodes, collections and keys.
        read_collections: those of which private values were read: only members can have come to the same result.
        written_collections: those that were written to without being read.
    """

    policies: frozenset[Policy]
    read_collections: frozenset[Space] = frozenset()
    written_collections: frozenset[Space] = frozenset()


def default_interest(chaincode: str, *, rules: EndorsementRules) -> Interest:
    """Return what is needed of a chaincode as long as nothing is known of the transaction."""
    return Interest(frozenset({rules.space_policy(Space(chaincode))}))


def interest_of(sets: ReadWriteSet, *, chaincode: str, rules: EndorsementRules) -> Interest:
    """Return what a simulated transaction that was made for a chaincode needs.

    Writes are planned for as they are judged at commit, but for a key whose policy was taken away again: with that one
    nothing can be planned, as with Fabric's discovery, and the client has to name the endorsers. A chaincode that only
    reads is under its own policy.
    """
    policies: set[Policy] = set()
    read: set[Space] = set()
    written: set[Space] = set()
    for space, recorded in sets.spaces.items():
        owned = [rules.key_policy(space, hashed(key) if space.collection else key) for key in recorded.changed]
        policies.update(policy for policy in owned if policy is not None)
        if None in owned or recorded.values_read:
            policies.add(rules.space_policy(space))
            if space.collection:
                (read if recorded.values_read else written).add(space)
        if not any(other.changed for name, other in sets.spaces.items() if name.chaincode == space.chaincode):
            policies.add(rules.space_policy(Space(space.chaincode)))
    if not sets.spaces:
        return default_interest(chaincode, rules=rules)
    return Interest(frozenset(policies), frozenset(read), frozenset(written))


class Planner:
    """Finds layouts among the peers that there are."""

    def __init__(self, members: Sequence[Member], *, rules: EndorsementRules, collections: Collections) -> None:
        self._members = members
        self.rules = rules
        self._collections = collections
        self._plans: dict[tuple[frozenset[Policy], frozenset[Space], str], list[Layout]] = {}

    def layouts(self, interest: Interest, *, preferred: str, protect: bool = False) -> list[Layout]:
        """Return the ways to satisfy an interest, those with the preferred organisation first.

        With ``protect`` nobody but members of the collections that are written to is asked: whoever is asked sees the
        transient data.
        """
        restricted = interest.read_collections | (interest.written_collections if protect else frozenset())
        question = (interest.policies, restricted, preferred)
        plan = self._plans.get(question)
        if plan is None:
            found = list(self._minimal(interest.policies, restricted))
            plan = self._plans[question] = sorted(found, key=lambda layout: preferred not in layout)
        return plan

    def _minimal(self, policies: frozenset[Policy], restricted: frozenset[Space]) -> Iterator[Layout]:
        collections = [self._collections.get(space) for space in restricted]
        allowed = [
            member
            for member in self._members
            if all(collection is not None and member.msp_id in collection.members for collection in collections)
        ]
        found: list[set[str]] = []
        for size in range(1, len(allowed) + 1):
            for members in itertools.combinations(allowed, size):
                names = {member.msp_id for member in members}
                if any(smaller <= names for smaller in found):
                    continue
                if self.rules.all_satisfied(policies, members=members):
                    found.append(names)
                    yield tuple(member.msp_id for member in members)
