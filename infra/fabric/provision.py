"""Makes everything that the containers must find: identities, genesis block, keys of logs, a folder for each node.

::

    identities/organisations/MSP/        authorities, node, admin (`aiofabric.network.identities`)
    identities/organisations/MSP/services/  what the organisation's own processes see: users, tls-ca.pem,
                                         trust-root.json, and {checkpoint,receipt}.pem where it keeps a log
    identities/organisations/MSP/logins/ROLE/  who a process is in the database: ROLE.conninfo (0600)
    identities/organisations/MSP/database/  what the database's first start sees: logins.sql (`fabric.logins`)
    identities/organisations/MSP/enrolment/  where it has devices: their authority, and what ingest and the gate show
                                         the broker (`wayproof.enrolment.folder`)
    identities/mosquitto/                what the broker sees
    identities/genesis.block
    identities/chaincode/package-id      which package the chaincode servers serve
    identities/complete                  written last
    ledgers/NODE/                        empty: what a node, or the broker, stores

Done once; run again, it finds nothing to do. It holds the keys of all organisations, which is fit for trying out only.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aiofabric.errors import FabricError
from aiofabric.network.binaries import Binaries, find_binaries
from aiofabric.network.configuration import dump
from aiofabric.network.files import write_new
from aiofabric.network.identities import ADMIN, make_organisation
from aiofabric.network.package import ChaincodePackage, ccaas_package
from aiofabric.network.plan import Layout, Organisation, Plan
from aiofabric.network.profile import PROFILE
from aiofabric.network.provision import genesis_hash, run_configtxgen
from fabric import certificates, logins, topology
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.folder import Folder, complete
from wayproof.ledger import CONTRACT
from wayproof.log.keys import generate_key
from wayproof_verifier.trust import TrustRoot

COMPLETE = "complete"
STARTED = "started"
LABEL = f"{CONTRACT}_1"
BROKER = "mosquitto"
BROKER_HOSTS = (BROKER, "127.0.0.1", "localhost")
"""How processes know the broker, and how devices do, on its published port."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Provision, and return the exit status: 0 done or nothing to do, 1 refused, with the reason."""
    parser = argparse.ArgumentParser(prog="provision", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--identities", type=Path, default=Path("/var/lib/wayproof/identities"))
    parser.add_argument("--ledgers", type=Path, default=Path("/var/lib/wayproof/ledgers"))
    parser.add_argument("--fabric-home", type=Path, default=Path("/opt/fabric"), help="bin/ and config/ of a release")
    options = parser.parse_args(arguments)
    if (options.identities / COMPLETE).exists():
        sys.stdout.write("nothing to do: the network is provisioned\n")
        return 0
    try:
        found = provision(
            options.identities,
            ledgers=options.ledgers,
            binaries=find_binaries(home=options.fabric_home),
        )
    except (FabricError, FileExistsError) as error:
        sys.stderr.write(f"provision: {error}\n")
        return 1
    sys.stdout.write(f"provisioned channel {CONTRACT}, genesis block {found}\n")
    return 0


def provision(identities: Path, *, ledgers: Path, binaries: Binaries) -> str:
    """Make everything and return the genesis block's hash.

    Raises FileExistsError where an earlier run was broken off, and as configtxgen's reading of the channel does.
    """
    if (identities / STARTED).exists():
        raise FileExistsError(
            f"{identities} was left half made; if nothing of it is in use yet, remove the volumes "
            "(docker compose --profile fabric down --volumes) and start again"
        )
    layout, network = Layout(identities), topology.plan()
    write_new(identities / STARTED, b"")
    for orderer in network.orderers:
        make_organisation(layout, Organisation(orderer.msp_id), node="orderer")
        _rename(layout, orderer.msp_id, node="orderer", host=orderer.name)
    for organisation, peer in zip(topology.organisations(), network.peers, strict=True):
        make_organisation(layout, organisation)
        _rename(layout, peer.msp_id, node="peer", host=peer.name)
    found = _genesis(layout, network, binaries=binaries)
    for msp_id in topology.ORGANISATIONS:
        _services(layout, msp_id, genesis=found)
    write_new(identities / "chaincode" / "package-id", package().package_id.encode())
    for name in [*(orderer.name for orderer in network.orderers), *(peer.name for peer in network.peers)]:
        (ledgers / name).mkdir(mode=0o700)
    (ledgers / BROKER).mkdir(mode=0o700)
    (identities / STARTED).rename(identities / COMPLETE)
    return found


def package() -> ChaincodePackage:
    """Return the contract's package: one for all, each peer fills in where its own chaincode server is."""
    return ccaas_package(LABEL, address="{{.address}}")


def _rename(layout: Layout, msp_id: str, *, node: str, host: str) -> None:
    home = layout.organisation(msp_id)
    certificates.rename(home / node / "tls", host=host, authority=home / "tlsca")


def _genesis(layout: Layout, network: Plan, *, binaries: Binaries) -> str:
    write_new(layout.root / "channel" / "configtx.yaml", dump(topology.profile(layout, network)))
    arguments = ["-profile", PROFILE, "-channelID", network.channel, "-outputBlock", str(layout.genesis)]
    run_configtxgen(binaries, arguments, configuration=layout.root / "channel")
    return genesis_hash(layout.genesis.read_bytes())


def _services(layout: Layout, msp_id: str, *, genesis: str) -> None:
    """Lay out what the organisation's processes see; the admin and the authorities stay out of their sight."""
    home, keeps_log = layout.organisation(msp_id), msp_id in topology.WITH_A_LOG
    folder = home / "services"
    (folder / "users").mkdir(parents=True)
    for user in sorted((home / "users").iterdir()):
        if user.name != ADMIN:
            user.rename(folder / "users" / user.name)
    write_new(folder / "tls-ca.pem", (home / "tlsca" / "cert.pem").read_bytes())
    logins.write(home, organisation=topology.short_name(msp_id), keeps_log=keeps_log)
    root = TrustRoot(CONTRACT, genesis=bytes.fromhex(genesis), contract=CONTRACT, organisations=topology.ORGANISATIONS)
    write_new(folder / "trust-root.json", root.encode())
    if keeps_log:
        for key in ("checkpoint.pem", "receipt.pem"):
            generate_key(folder / key)
        enrolment = Folder.at(home / "enrolment", broker=layout.root / BROKER)
        complete(enrolment, organisation=msp_id, hosts=BROKER_HOSTS, now=now_utc())


if __name__ == "__main__":
    sys.exit(main())
