"""Private data collections of a ledger's chaincodes: who holds their values, who may ask for them, who endorses them.

On a Fabric network this is part of the chaincode's definition, on the channel; here ``ledger.json`` says it.
"""

import re
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiofabric.chaincode import key_policy, policy_expression
from aiofabric.embedded.errors import ProvisionError
from aiofabric.embedded.state import Space

_NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Collection:
    """One private data collection. Its values live as long as the ledger (Fabric's ``block_to_live`` is not supported).

    Attributes:
        name: the collection's name.
        members: organisations whose peers hold the values.
        member_only_read: whether only clients of the members may read.
        member_only_write: whether only they may write.
        endorsement_policy: who endorses writes to it (see `policy_expression`); the chaincode's if empty.
    """

    name: str
    members: tuple[str, ...]
    member_only_read: bool = True
    member_only_write: bool = True
    endorsement_policy: str = ""


class Collections:
    """The collections of all chaincodes by their space."""

    def __init__(self, by_chaincode: Mapping[str, Sequence[Collection]]) -> None:
        self._collections = {
            Space(chaincode, collection.name): collection
            for chaincode, collections in by_chaincode.items()
            for collection in collections
        }

    def get(self, space: Space) -> Collection | None:
        """Return a collection, or None if the chaincode has none of that name."""
        return self._collections.get(space)

    def of_member(self, msp_id: str) -> list[Space]:
        """Return the collections whose values an organisation's peers hold."""
        return [space for space, collection in self._collections.items() if msp_id in collection.members]


def check_policy(expression: str, *, organisations: Group[str]) -> None:
    """Raise ProvisionError if a policy cannot be read, or names others than these organisations."""
    try:
        named = key_policy.organisations(policy_expression.parse(expression))
    except ValueError as error:
        raise ProvisionError(str(error)) from error
    strangers = sorted(set(named).difference(organisations))
    if strangers:
        raise ProvisionError(f"policy {expression!r} names no organisation of the ledger: {', '.join(strangers)}")


def check_collections(
    collections: Mapping[str, Sequence[Collection]], *, chaincodes: Group[str], organisations: Group[str]
) -> None:
    """Raise ProvisionError if a ledger of these chaincodes and organisations cannot have these collections."""
    for chaincode, entries in collections.items():
        if chaincode not in chaincodes:
            raise ProvisionError(f"collections of {chaincode}, which is no chaincode of the ledger")
        names = [entry.name for entry in entries]
        wrong = [name for name in names if not _NAME.fullmatch(name) or names.count(name) > 1]
        if wrong:
            raise ProvisionError(f"not a name of a collection, or given twice: {', '.join(map(repr, wrong))}")
        for entry in entries:
            if set(entry.members).difference(organisations) or not entry.members:
                raise ProvisionError(f"collection {entry.name}: give members that are organisations of the ledger")
            if entry.endorsement_policy:
                check_policy(entry.endorsement_policy, organisations=organisations)
