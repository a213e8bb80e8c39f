"""Making a network's files: identities, configuration, genesis block. Nothing runs yet."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fabric_protos.common import common_pb2

from aiofabric.blocks import block_hash
from aiofabric.network import builder
from aiofabric.network.binaries import Binaries
from aiofabric.network.configuration import dump, orderer_settings, overlay, peer_settings, read_sample
from aiofabric.network.errors import PlanError
from aiofabric.network.files import write_new
from aiofabric.network.identities import make_organisation
from aiofabric.network.plan import Layout, Organisation, Peer, Plan
from aiofabric.network.profile import PROFILE, channel_profile

_CONFIGTXGEN_TIMEOUT_S = 60.0


def check_folder(layout: Layout) -> None:
    """Raise PlanError unless the folder is absent or empty."""
    root = layout.root
    if layout.description.exists():
        raise PlanError(f"{root} holds a network already: start it, or remove it first (down --remove)")
    if layout.marker.exists():
        raise PlanError(f"{root} holds a network that was not finished: remove it first (down --remove)")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise PlanError(f"{root} is not empty: a network is never made over anything, choose another folder")


def provision(layout: Layout, plan: Plan, *, organisations: Sequence[Organisation], binaries: Binaries) -> str:
    """Make everything that the processes need, and return the genesis block's hash (hex).

    Raises PlanError if the folder is not empty, or if configtxgen refuses the channel.
    """
    check_folder(layout)
    if plan.consensus == "BFT" and not binaries.can_order_bft:
        raise PlanError(f"Fabric {binaries.version} has no BFT ordering: take 1 orderer (Raft), or Fabric 3.1")
    write_new(layout.marker, b"made by aiofabric.network; remove the folder with its down --remove\n")
    for orderer in plan.orderers:
        make_organisation(layout, Organisation(orderer.msp_id), node="orderer")
        settings = overlay(read_sample(binaries.samples / "orderer.yaml"), orderer_settings(layout, orderer))
        write_new(layout.node(orderer.name) / "orderer.yaml", dump(settings))
    for organisation in organisations:
        make_organisation(layout, organisation)
    for peer in plan.peers:
        provision_peer(layout, peer, binaries=binaries)
    builder.write_builder(layout.builder)
    write_new(layout.root / "channel" / "configtx.yaml", dump(channel_profile(layout, plan)))
    _generate_genesis(layout, plan, binaries=binaries)
    return genesis_hash(layout.genesis.read_bytes())


def provision_peer(layout: Layout, peer: Peer, *, binaries: Binaries) -> None:
    """Write a peer's configuration."""
    settings = overlay(read_sample(binaries.samples / "core.yaml"), peer_settings(layout, peer))
    write_new(layout.node(peer.name) / "core.yaml", dump(settings))


def genesis_hash(block: bytes) -> str:
    """Return the hash of a serialized block's header, in hex: what pins a channel."""
    return block_hash(common_pb2.Block.FromString(block).header).hex()


def run_configtxgen(binaries: Binaries, arguments: Sequence[str], *, configuration: Path) -> bytes:
    """Run configtxgen with a folder's ``configtx.yaml`` and return its output. Raises PlanError with what it said."""
    done = subprocess.run(  # noqa: S603 - the program that the caller pointed at
        [binaries.program("configtxgen"), *arguments],
        env={**os.environ, "FABRIC_CFG_PATH": str(configuration), "FABRIC_LOGGING_SPEC": "error"},
        capture_output=True,
        timeout=_CONFIGTXGEN_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise PlanError(f"configtxgen refused: {done.stderr.decode('utf-8', 'replace').strip()[-1000:]}")
    return done.stdout


def _generate_genesis(layout: Layout, plan: Plan, *, binaries: Binaries) -> None:
    arguments = ["-profile", PROFILE, "-channelID", plan.channel, "-outputBlock", str(layout.genesis)]
    run_configtxgen(binaries, arguments, configuration=layout.root / "channel")
