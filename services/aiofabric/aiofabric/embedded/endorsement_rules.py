"""Which policies a transaction's writes must satisfy: the chaincode's, a collection's, or a key's own.

The rules (Fabric's ``core/common/validation/statebased``):

1. A key with its own policy is under that one, for its value and for the policy itself, as it was before the block.
2. Another key of a collection with a policy is under that; every other key is under its chaincode's policy, which is
   the channel's if it has none of its own.
3. A key whose policy an earlier transaction of the block changes cannot be written in the same block.
4. A transaction that writes nothing in the chaincode that it was made for is under that one's policy as well.
"""

from collections.abc import Collection, Iterable, Mapping

from aiofabric.chaincode.policy_expression import parse
from aiofabric.embedded.membership import Member
from aiofabric.embedded.policy import ENDORSEMENT, Policies
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.state import Space, WorldState
from aiofabric.embedded.transaction import Candidate

Policy = str | bytes
"""A path in the configuration, or a serialized signature policy."""

Key = tuple[Space, str]


class EndorsementRules:
    """The policies of one channel's keys."""

    def __init__(
        self, policies: Policies, *, chaincodes: Mapping[str, str], collections: Collections, state: WorldState
    ) -> None:
        """Use the policies of chaincodes (as expressions, where they have their own) and of collections."""
        self._policies = policies
        self._chaincodes = {name: parse(expression) for name, expression in chaincodes.items()}
        self._collections = collections
        self._state = state

    def key_policy(self, space: Space, key: str) -> bytes | None:
        """Return a key's own policy; empty if it was taken away again, None if it never had one."""
        entry = self._state.namespace(space).entries.get(key)
        return entry.policy if entry else None

    def space_policy(self, space: Space) -> Policy:
        """Return the policy of the keys that have none of their own."""
        collection = self._collections.get(space)
        if collection and collection.endorsement_policy:
            return parse(collection.endorsement_policy)
        return self._chaincodes.get(space.chaincode, ENDORSEMENT)

    def satisfied(self, candidate: Candidate, *, changed: Collection[Key]) -> bool:
        """Tell whether a transaction's endorsers are those that its writes need; ``changed`` is for rule 3."""
        needed: set[Policy] = set()
        written_to: set[str] = set()
        for written in candidate.sets:
            for key in written.changed_keys():
                if (written.space, key) in changed:
                    return False
                needed.add(self.key_policy(written.space, key) or self.space_policy(written.space))
                written_to.add(written.space.chaincode)
        if candidate.chaincode not in written_to:
            needed.add(self.space_policy(Space(candidate.chaincode)))
        return self.all_satisfied(needed, members=candidate.endorsers)

    def all_satisfied(self, needed: Iterable[Policy], *, members: Iterable[Member]) -> bool:
        """Tell whether members satisfy every one of the policies."""
        found = tuple(members)
        return all(self._policies.satisfied(policy, members=found) for policy in needed)
