"""Whether what a transaction read still holds, and what becomes of the keys that it writes.

Source: Fabric's ``core/ledger/kvledger/txmgmt/validation/{validator,tx_ops}.go``. ``pending`` is what earlier valid
transactions of the same block do.
"""

from collections.abc import Sequence

from fabric_protos.peer import transaction_pb2

from aiofabric.embedded.state import Entry, Space, Version, WorldState
from aiofabric.embedded.state_set import RangeCheck, StateSet
from aiofabric.embedded.transaction import KeyChanges


def reads_code(sets: Sequence[StateSet], *, state: WorldState, pending: KeyChanges) -> int:
    """Return VALID, or the code of the first read that would come out differently now."""
    for entry in sets:
        namespace = state.namespace(entry.space)
        for key, version in entry.reads:
            if (entry.space, key) in pending or namespace.version(key) != version:
                return int(transaction_pb2.MVCC_READ_CONFLICT)
        if any(_is_phantom(entry.space, check, state=state, pending=pending) for check in entry.ranges):
            return int(transaction_pb2.PHANTOM_READ_CONFLICT)
    return int(transaction_pb2.VALID)


def _is_phantom(space: Space, check: RangeCheck, *, state: WorldState, pending: KeyChanges) -> bool:
    namespace = state.namespace(space)
    end = check.end_key + "\0" if check.includes_end else check.end_key
    for (changed_in, key), entry in pending.items():
        inside = changed_in == space and check.start_key <= key and (not end or key < end)
        if inside and (entry is not None or namespace.version(key) is not None):
            return True
    return tuple((key, version) for key, _, version in namespace.scan(check.start_key, end)) != check.reads


def key_changes(sets: Sequence[StateSet], *, version: Version, state: WorldState, pending: KeyChanges) -> KeyChanges:
    """Return what becomes of the keys that a valid transaction writes.

    A new value keeps the key's policy; a new policy keeps its value and gives it a new version; a deletion takes both
    away; the policy of a key that is not there changes nothing.
    """
    changes: KeyChanges = {}
    for entry in sets:
        namespace = state.namespace(entry.space)
        for write in entry.writes:
            at = (entry.space, write.key)
            before = pending[at] if at in pending else namespace.entries.get(write.key)
            policy = before.policy if before else None
            changes[at] = None if write.value is None else Entry(write.value, version, policy)
        for key, policy in entry.policies:
            at = (entry.space, key)
            known = changes if at in changes else pending
            current = known[at] if at in known else namespace.entries.get(key)
            if current is not None:
                changes[at] = Entry(current.value, version, policy)
    return changes
