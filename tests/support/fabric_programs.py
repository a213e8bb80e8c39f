"""Stand-ins for Fabric's programs: enough to see how ours find and call them, where the real ones are not."""

from pathlib import Path

from aiofabric.embedded.genesis import Anchors, genesis_block
from aiofabric.identity import CertificateAuthority
from aiofabric.network import Binaries, find_binaries

CORE = """
peer:
  id: sample
  gossip: {bootstrap: 127.0.0.1:7051, pullInterval: 4s}
  tls: {enabled: false}
chaincode:
  executetimeout: 30s
  externalBuilders: [{name: theirs, path: /theirs}]
vm: {endpoint: "unix:///docker"}
"""
ORDERER = """
General: {ListenAddress: 0.0.0.0, ListenPort: 7050, TLS: {Enabled: false}, Authentication: {TimeWindow: 15m}}
FileLedger: {Location: /theirs}
"""
CONFIGTXGEN = """\
test -f "$FABRIC_CFG_PATH/configtx.yaml" || { echo "no configtx.yaml" >&2; exit 2; }
while [ "$1" != -outputBlock ]; do shift; done
cp "$(dirname "$0")/../unused.block" "$2"
"""


def stand_in_home(folder: Path, *, version: str = "v3.1.5", configtxgen: str = CONFIGTXGEN) -> Path:
    """Make a folder like Fabric's release archive. Its configtxgen gives out the same block whatever is asked."""
    programs, samples = folder / "bin", folder / "config"
    programs.mkdir(parents=True)
    samples.mkdir()
    script(programs / "peer", f"echo peer:\necho ' Version: {version}'\n")
    script(programs / "orderer", "exit 0\n")
    script(programs / "configtxgen", configtxgen)
    (samples / "core.yaml").write_text(CORE)
    (samples / "orderer.yaml").write_text(ORDERER)
    (folder / "unused.block").write_bytes(block())
    return folder


def stand_in_binaries(folder: Path, *, version: str = "v3.1.5", configtxgen: str = CONFIGTXGEN) -> Binaries:
    """Make such a folder and find it."""
    return find_binaries(home=stand_in_home(folder, version=version, configtxgen=configtxgen))


def block(*, msp_ids: tuple[str, ...] = ("Org1MSP", "Org2MSP")) -> bytes:
    """Return a serialized genesis block with these organisations."""
    organisations = [_anchors(msp_id) for msp_id in msp_ids]
    made: bytes = genesis_block("trade", organisations=organisations, orderer=_anchors("OrdererMSP")).SerializeToString(
        deterministic=True
    )
    return made


def script(path: Path, body: str) -> Path:
    """Write a shell script."""
    path.write_text(f"#!/bin/sh\n{body}")
    path.chmod(0o755)
    return path


def _anchors(msp_id: str) -> Anchors:
    return Anchors(
        msp_id,
        CertificateAuthority.create(msp_id).certificate_pem,
        CertificateAuthority.create(msp_id, purpose="tlsca").certificate_pem,
    )
