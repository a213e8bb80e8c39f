"""An organisation that comes later: its files, and its part of the channel's configuration."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from aiofabric.network.binaries import Binaries
from aiofabric.network.channel_config import config_of
from aiofabric.network.channel_update import Change
from aiofabric.network.configuration import dump
from aiofabric.network.description import Description
from aiofabric.network.files import write_new
from aiofabric.network.identities import make_organisation
from aiofabric.network.plan import Layout, Organisation, Peer
from aiofabric.network.profile import POLICIES_BY_NAME, PROFILE, channel_profile
from aiofabric.network.provision import provision_peer, run_configtxgen

Message = Any


def make_newcomer(layout: Layout, organisation: Organisation, peer: Peer, *, binaries: Binaries) -> None:
    """Make an organisation's keys and its peer's configuration."""
    make_organisation(layout, organisation)
    provision_peer(layout, peer, binaries=binaries)


def newcomer_change(layout: Layout, description: Description, peer: Peer) -> Change:
    """Return the change of the channel's configuration that lets in an organisation whose files are made.

    What is new is taken from the genesis block of a channel that is never used, the one that the network would have had
    with this organisation from the beginning, so that configtxgen remains the only one that lays configurations out.
    """
    plan = dataclasses.replace(description.plan, peers=(*description.plan.peers, peer))
    with tempfile.TemporaryDirectory() as folder:
        write_new(Path(folder) / "configtx.yaml", dump(channel_profile(layout, plan)))
        block = Path(folder) / "unused.block"
        arguments = ["-profile", PROFILE, "-channelID", plan.channel, "-outputBlock", str(block)]
        run_configtxgen(description.binaries, arguments, configuration=Path(folder))
        planned = config_of(block.read_bytes()).channel_group.groups["Application"]

    def change(channel: Message) -> None:
        application = channel.groups["Application"]
        application.groups[peer.msp_id].CopyFrom(planned.groups[peer.msp_id])
        for name in POLICIES_BY_NAME:
            application.policies[name].policy.CopyFrom(planned.policies[name].policy)

    return change
