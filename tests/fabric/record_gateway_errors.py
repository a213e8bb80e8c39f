"""Record how a real gateway refuses: code, message, and the peers' details of each situation.

PYTHONPATH=tests .venv/bin/python tests/fabric/record_gateway_errors.py

It takes Fabric's programs as the tests of this folder do (WAYPROOF_FABRIC_HOME, the cache, PATH), makes a network of
three organisations in a temporary folder, and writes tests/fixtures/fabric/errors/CONSENSUS.json.
"""

import asyncio
import tempfile
from pathlib import Path

from aiofabric.network import Binaries
from aiofabric.network.endorser import secure_channel
from aiofabric.network.identities import load_authority
from support.fabric_network import binaries_missing, require_binaries, running_fabric
from support.gateway_situations import MEMBER, SITUATIONS, failure, peer
from support.recorded_errors import write

ORDERERS = {"bft": 4, "raft": 1}


async def record(directory: Path, *, binaries: Binaries, consensus: str) -> Path:
    """Record every situation on one kind of ordering."""
    async with running_fabric(directory, binaries=binaries, orderers=ORDERERS[consensus]) as fabric:
        endpoint = fabric.endpoint(MEMBER)
        async with secure_channel(endpoint.address, tls_ca_pem=endpoint.tls_ca_pem) as channel:
            authority = load_authority(fabric.directory, msp_id=MEMBER)
            at = peer(channel, user=fabric.user(MEMBER), authority=authority)
            failures = {situation: await failure(at, situation) for situation in SITUATIONS}
    return write(consensus, failures, made_with=f"Fabric {binaries.version}")


def main() -> None:
    """Record both kinds of ordering."""
    missing = binaries_missing()
    if missing:
        raise SystemExit(missing)
    binaries = require_binaries()
    for consensus in ORDERERS:
        with tempfile.TemporaryDirectory() as directory:
            path = asyncio.run(record(Path(directory) / "network", binaries=binaries, consensus=consensus))
        print(path)  # noqa: T201 - a program says what it wrote


if __name__ == "__main__":
    main()
