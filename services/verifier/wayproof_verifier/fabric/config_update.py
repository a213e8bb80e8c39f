"""Whether a configuration follows from the one before by an update that those who may have signed.

An orderer's signature says that a config block was ordered, not that its content was allowed: a single Raft orderer
could write any. So each update is applied again:

1. What the update has read is there, in the version that it read.
2. What it changes is what it writes in another version than it read; each change is to the next version, something new
   begins at version 0, and there is at least one change.
3. For each changed element, the signers satisfy that element's modification policy in the configuration *before*.
   Something new is covered by its group, whose own version must change to hold it.
4. Applied to the configuration before, the update gives the new configuration and nothing else.

As in Fabric, a signature in the update that does not verify counts for nothing. Source: Fabric's
`common/configtx/{update,validator,configmap}.go`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from wayproof_verifier.errors import ConfigError, IdentityError, SignatureError
from wayproof_verifier.fabric.config import ChannelConfig
from wayproof_verifier.fabric.config_messages import (
    ConfigGroup,
    ConfigPolicy,
    ConfigUpdate,
    ConfigUpdateEnvelope,
    ConfigValue,
)
from wayproof_verifier.fabric.identity import Identity, Membership
from wayproof_verifier.fabric.messages import ChannelHeader, Envelope, Payload, SignatureHeader
from wayproof_verifier.fabric.policy import check_policy

HEADER_TYPE_CONFIG_UPDATE: Final = 2  # common.HeaderType

Element = ConfigGroup | ConfigValue | ConfigPolicy
Path = tuple[str, ...]  # of names below /Channel
Tree = Mapping[tuple[type[Element], Path], Element]

E = TypeVar("E", ConfigGroup, ConfigValue, ConfigPolicy)


def check_update(last_update: Envelope | None, *, before: ChannelConfig, after: ChannelConfig) -> None:
    """Check that `last_update` was allowed under `before` and leads from there to `after`; raise otherwise."""
    if last_update is None:
        raise ConfigError(f"block {after.block_number}: the update that led to it is missing")
    update, signers = _read(last_update, before=before)
    if update.channel_id != before.channel_id or update.read_set is None or update.write_set is None:
        raise ConfigError(f"block {after.block_number}: its update is for another channel, or reads or writes nothing")
    current, read, written = (dict(_elements(each)) for each in (before.group, update.read_set, update.write_set))
    for key, element in read.items():
        if key not in current or current[key].version != element.version:
            raise ConfigError(f"{_name(key[1])}: the update has read what is not there")
    changes = {key: new for key, new in written.items() if key not in read or read[key].version != new.version}
    if not changes:
        raise ConfigError(f"block {after.block_number}: its update changes nothing")
    for (kind, path), element in changes.items():
        _check_change(path, element, existing=current.get((kind, path)), before=before, signers=signers)
    if _assembled({**current, **changes}, ()) != after.group:
        raise ConfigError(f"block {after.block_number}: its configuration is not what its update leads to")


def _read(envelope: Envelope, *, before: ChannelConfig) -> tuple[ConfigUpdate, tuple[Identity, ...]]:
    payload = Payload.read(envelope.payload)
    if payload.header is None:
        raise ConfigError("a config update without a header")
    header = ChannelHeader.read(payload.header.channel_header)
    if header.type != HEADER_TYPE_CONFIG_UPDATE:
        raise ConfigError(f"no config update, its header type is {header.type}")
    signed = ConfigUpdateEnvelope.read(payload.data)
    return ConfigUpdate.read(signed.config_update), tuple(_signers(signed, membership=before.membership))


def _signers(signed: ConfigUpdateEnvelope, *, membership: Membership) -> Iterator[Identity]:
    for each in signed.signatures:
        creator = SignatureHeader.read(each.signature_header).creator
        try:
            identity = membership.identity(creator)
            identity.verify(each.signature, message=each.signature_header + signed.config_update)
        except (IdentityError, SignatureError):
            continue  # Fabric skips it too: it can only be missing, never count
        yield identity


def _check_change(
    path: Path,
    element: Element,
    *,
    existing: Element | None,
    before: ChannelConfig,
    signers: tuple[Identity, ...],
) -> None:
    if existing is None:
        if element.version != 0:
            raise ConfigError(f"{_name(path)}: something new begins at version 0")
        return
    if element.version != existing.version + 1:
        raise ConfigError(f"{_name(path)}: version {element.version} after {existing.version}")
    holder = path if isinstance(existing, ConfigGroup) else path[:-1]
    name = existing.mod_policy
    policy = name if name.startswith("/") else _name((*holder, name))
    check_policy(before.group, path=policy, identities=signers)


def _elements(group: ConfigGroup, path: Path = ()) -> Iterator[tuple[tuple[type[Element], Path], Element]]:
    yield (ConfigGroup, path), group
    for name, value in group.values.items():
        yield (ConfigValue, (*path, name)), value
    for name, policy in group.policies.items():
        yield (ConfigPolicy, (*path, name)), policy
    for name, below in group.groups.items():
        yield from _elements(below, (*path, name))


def _assembled(tree: Tree, path: Path) -> ConfigGroup:
    """Put the elements together again: each group holds what its newest version names."""
    group = _element(tree, ConfigGroup, path)
    return replace(
        group,
        groups={name: _assembled(tree, (*path, name)) for name in group.groups},
        values={name: _element(tree, ConfigValue, (*path, name)) for name in group.values},
        policies={name: _element(tree, ConfigPolicy, (*path, name)) for name in group.policies},
    )


def _element(tree: Tree, kind: type[E], path: Path) -> E:
    element = tree.get((kind, path))
    if not isinstance(element, kind):
        raise ConfigError(f"{_name(path)}: a group names it, and it is not there")
    return element


def _name(path: Path) -> str:
    return "/".join(("/Channel", *path))
