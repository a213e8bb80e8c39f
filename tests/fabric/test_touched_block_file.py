"""A byte of a stopped peer's block file is changed: the peer does not notice, the verifier does."""

from pathlib import Path

import pytest

from aiofabric.blocks import signed_part
from aiofabric.network import Binaries
from support.fabric_network import CHAINCODE, FabricNetwork, running_fabric
from wayproof.projected import ProjectionError, read_block
from wayproof_verifier.errors import BlockError
from wayproof_verifier.fabric import block as strict

TOUCHED = b"a genuine value"


async def test_the_verifier_sees_what_the_peer_serves_on(fabric_binaries: Binaries, tmp_path: Path) -> None:
    async with running_fabric(tmp_path / "network", binaries=fabric_binaries, orderers=1) as fabric:
        async with fabric.gateway("Org3MSP") as gateway:
            contract = gateway.network(fabric.channel).contract(CHAINCODE)
            await contract.submit("put", "touched", TOUCHED)
            await contract.submit("put", "after", "another one")
        genuine = await _blocks(fabric)
        [number] = [number for number, block in enumerate(genuine) if TOUCHED in block]

        peer = fabric.network.description.plan.peer_of("Org3MSP").name
        fabric.network.halt(peer)
        _flip(fabric.directory, peer)
        await fabric.network.restart(peer)  # it starts: Fabric does not compute the hashes of its own file again

        served = await _blocks(fabric)
        differing = [number for number, (one, two) in enumerate(zip(genuine, served, strict=True)) if one != two]
        assert differing == [number]
        strict.read_block(signed_part(genuine[number]))
        with pytest.raises(BlockError, match=f"block {number}: the data hash is not that of its envelopes"):
            strict.read_block(signed_part(served[number]))
        with pytest.raises(ProjectionError, match="the data hash is not that of its envelopes"):
            read_block(served[number], contract=CHAINCODE)


async def _blocks(fabric: FabricNetwork) -> list[bytes]:
    """Return every block as the third organisation's peer serves it."""
    async with fabric.gateway("Org3MSP") as gateway:
        network = gateway.network(fabric.channel)
        newest = (await network.newest_block()).header.number
        found: list[bytes] = []
        async with network.block_events(start_block=0) as blocks:
            async for block in blocks:
                found.append(block.SerializeToString(deterministic=True))
                if block.header.number >= newest:
                    break
        return found


def _flip(directory: Path, peer: str) -> None:
    [file] = directory.glob(f"nodes/{peer}/data/ledgersData/chains/chains/*/blockfile_000000")
    data = bytearray(file.read_bytes())
    data[data.index(TOUCHED)] ^= 0x20
    file.write_bytes(data)
