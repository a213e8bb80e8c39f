"""What changes between two configurations of a channel, in the form in which a channel is asked to change.

A ``ConfigUpdate`` has a read set (what must still be as it was, by version) and a write set (what is to be, versions
being one higher where something changes). Source: Fabric's ``docs/source/configtx.rst``, ``common/configtx/update.go``.
"""

from collections.abc import Mapping
from typing import Any

from fabric_protos.common import configtx_pb2

# The official bindings have no type stubs.
Message = Any

_MAPS = ("values", "policies")


def config_update(original: Message, updated: Message, *, channel: str) -> Message | None:
    """Return the ``common.ConfigUpdate`` from one channel group (``common.ConfigGroup``) to another.

    Versions in ``updated`` do not count: they are computed. None if nothing changes.
    """
    read_set, write_set, has_changed = _group_delta(original, updated)
    if not has_changed:
        return None
    return configtx_pb2.ConfigUpdate(channel_id=channel, read_set=read_set, write_set=write_set)


def _group_delta(original: Message, updated: Message) -> tuple[Message, Message, bool]:
    read_set = configtx_pb2.ConfigGroup(version=original.version)
    write_set = configtx_pb2.ConfigGroup(version=original.version)
    # Membership is the group's own: adding or removing an element, or a new mod_policy, is a change of the group.
    is_changed = original.mod_policy != updated.mod_policy
    for kind in _MAPS:
        is_changed |= _elements_delta(getattr(original, kind), getattr(updated, kind), into=getattr(write_set, kind))
    is_changed |= set(original.groups) != set(updated.groups)
    is_below = _subgroups_delta(original, updated, read_set=read_set, write_set=write_set)
    has_changed = is_changed or is_below or any(getattr(write_set, kind) for kind in _MAPS)
    if is_changed:
        write_set.version = original.version + 1
        write_set.mod_policy = updated.mod_policy
        _name_what_stays(original, updated, read_set=read_set, write_set=write_set)
    return read_set, write_set, has_changed


def _elements_delta(original: Mapping[str, Message], updated: Mapping[str, Message], *, into: Message) -> bool:
    """Write the changed and the new elements; return whether any was added or removed."""
    for name, element in updated.items():
        before = original.get(name) if name in original else None
        if before is not None and _same(before, element):
            continue
        into[name].CopyFrom(element)
        into[name].version = before.version + 1 if before is not None else 0
    return set(original) != set(updated)


def _subgroups_delta(original: Message, updated: Message, *, read_set: Message, write_set: Message) -> bool:
    is_below = False
    for name, group in updated.groups.items():
        if name not in original.groups:
            write_set.groups[name].CopyFrom(_new_group(group))
            continue
        below_read, below_write, has_changed = _group_delta(original.groups[name], group)
        if has_changed:
            read_set.groups[name].CopyFrom(below_read)
            write_set.groups[name].CopyFrom(below_write)
            is_below = True
    return is_below


def _new_group(group: Message) -> Message:
    """Return a copy in which everything has version 0, as everything new has."""
    fresh = configtx_pb2.ConfigGroup()
    fresh.CopyFrom(group)
    fresh.version = 0
    for kind in _MAPS:
        for element in getattr(fresh, kind).values():
            element.version = 0
    for name in list(fresh.groups):
        fresh.groups[name].CopyFrom(_new_group(fresh.groups[name]))
    return fresh


def _name_what_stays(original: Message, updated: Message, *, read_set: Message, write_set: Message) -> None:
    """A group that changes itself lists its elements, and those that stay are named by their versions in both sets."""
    for kind in _MAPS:
        before, after = getattr(original, kind), getattr(updated, kind)
        for name in set(before) & set(after):
            if name not in getattr(write_set, kind):
                for one in (read_set, write_set):
                    getattr(one, kind)[name].version = before[name].version
    for name in set(original.groups) & set(updated.groups):
        if name not in write_set.groups:
            for one in (read_set, write_set):
                one.groups[name].version = original.groups[name].version


def _same(one: Message, other: Message) -> bool:
    """Compare two values or two policies without their versions."""
    left, right = type(one)(), type(other)()
    left.CopyFrom(one)
    right.CopyFrom(other)
    left.version = right.version = 0
    return bool(left == right)
