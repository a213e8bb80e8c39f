"""Changing a channel: from what shall be different to a config block that every peer has."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiofabric.network.administration import PeerAdministration
from aiofabric.network.channel_config import Signatory, broadcast, config_of, signed_update
from aiofabric.network.delta import config_update
from aiofabric.network.errors import ConfigUpdateError
from aiofabric.network.health import wait_until
from aiofabric.network.plan import Plan

APPLIED_TIMEOUT_S = 60.0

Change = Callable[[Any], None]
"""Is given a channel group (``common.ConfigGroup``) and changes it in place."""

logger = logging.getLogger("aiofabric.network")


async def update_channel(
    root: Path, plan: Plan, change: Change, *, signatories: Sequence[Signatory], peers: Sequence[PeerAdministration]
) -> bytes:
    """Change a channel's configuration; return the config block, serialized, when all of these peers have it.

    Raises ConfigUpdateError if nothing is changed, or the orderers refuse.
    """
    config = config_of(await peers[0].config_block())
    updated = type(config.channel_group)()
    updated.CopyFrom(config.channel_group)
    change(updated)
    update = config_update(config.channel_group, updated, channel=plan.channel)
    if update is None:
        raise ConfigUpdateError("the configuration is so already: nothing to change")
    logger.info("changing channel %s, signed by %s", plan.channel, ", ".join(s.identity.msp_id for s in signatories))
    envelope = signed_update(
        update.SerializeToString(deterministic=True), channel=plan.channel, signatories=signatories
    )
    await broadcast(root, envelope, orderers=plan.orderers)
    for peer in peers:
        await _wait_applied(peer, sequence=config.sequence + 1)
    return await peers[0].config_block()


async def _wait_applied(peer: PeerAdministration, *, sequence: int) -> None:
    async def is_applied() -> bool:
        present: int = config_of(await peer.config_block()).sequence
        return present >= sequence

    what = f"{peer.peer.name} does not have configuration {sequence}"
    await wait_until(is_applied, what=what, timeout_s=APPLIED_TIMEOUT_S)
