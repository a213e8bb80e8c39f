"""Configuration of the processes: Fabric's samples with our settings laid over, and the channel's profile.

Fabric's programs have few defaults of their own, so a minimal file does not do. Why each setting is as it is stands in
``docs/reference/network.md``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aiofabric.network import builder
from aiofabric.network.errors import BinariesMissingError
from aiofabric.network.plan import HOST, Layout, Orderer, Peer

Settings = dict[str, Any]

_CONCURRENCY = 10_000


def overlay(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Settings:
    """Return ``base`` with ``changes`` laid over: mappings are merged, everything else is replaced."""
    merged = dict(base)
    for name, value in changes.items():
        present = merged.get(name)
        nested = isinstance(value, Mapping) and isinstance(present, Mapping)
        merged[name] = overlay(present, value) if nested else value  # type: ignore[arg-type]
    return merged


def read_sample(path: Path) -> Settings:
    """Read one of Fabric's sample files. Raises BinariesMissingError if it is not YAML with settings."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise BinariesMissingError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise BinariesMissingError(f"{path} holds no settings: take it from Fabric's release archive")
    return document


def dump(settings: Settings) -> bytes:
    """Return settings as YAML."""
    text: str = yaml.safe_dump(settings, sort_keys=False)
    return text.encode()


def peer_settings(layout: Layout, peer: Peer) -> Settings:
    """Return what is laid over the sample ``core.yaml`` for a peer."""
    home, data = layout.organisation(peer.msp_id) / "peer", layout.node(peer.name) / "data"
    return {
        "peer": {
            "id": peer.name,
            "networkId": "aiofabric",
            "address": peer.address,
            "listenAddress": peer.address,
            "chaincodeAddress": f"{HOST}:{peer.chaincode_port}",
            "chaincodeListenAddress": f"{HOST}:{peer.chaincode_port}",
            "localMspId": peer.msp_id,
            "mspConfigPath": str(home / "msp"),
            "fileSystemPath": str(data),
            "tls": {
                "enabled": True,
                "cert": {"file": str(home / "tls" / "cert.pem")},
                "key": {"file": str(home / "tls" / "key.pem")},
                "rootcert": {"file": str(home / "msp" / "tlscacerts" / "tlsca.pem")},
            },
            "gossip": _gossip(peer),
            # A gateway pings its orderers as often as an orderer suffers, and is cut off: half as often is enough.
            "keepalive": {"client": {"interval": "120s"}, "deliveryClient": {"interval": "120s"}},
            "limits": {
                "concurrency": {
                    "endorserService": _CONCURRENCY,
                    "deliverService": _CONCURRENCY,
                    "gatewayService": _CONCURRENCY,
                }
            },
        },
        "vm": {"endpoint": ""},
        "chaincode": {
            "externalBuilders": [{"name": builder.NAME, "path": str(layout.builder), "propagateEnvironment": []}]
        },
        "ledger": {"snapshots": {"rootDir": str(data / "snapshots")}},
        "operations": {"listenAddress": f"{HOST}:{peer.operations_port}"},
        "metrics": {"provider": "prometheus"},
    }


def orderer_settings(layout: Layout, orderer: Orderer) -> Settings:
    """Return what is laid over the sample ``orderer.yaml`` for an orderer."""
    home, data = layout.organisation(orderer.msp_id) / "orderer", layout.node(orderer.name) / "data"
    certificate, key = str(home / "tls" / "cert.pem"), str(home / "tls" / "key.pem")
    roots = [str(home / "msp" / "tlscacerts" / "tlsca.pem")]
    tls = {"Enabled": True, "PrivateKey": key, "Certificate": certificate}
    return {
        "General": {
            "ListenAddress": HOST,
            "ListenPort": orderer.port,
            "LocalMSPID": orderer.msp_id,
            "LocalMSPDir": str(home / "msp"),
            "BootstrapMethod": "none",
            "TLS": {**tls, "RootCAs": roots},
            "Cluster": {"ClientCertificate": certificate, "ClientPrivateKey": key},
            "Keepalive": {"ServerMinInterval": "30s"},
        },
        "FileLedger": {"Location": str(data)},
        "Consensus": {"WALDir": str(data / "etcdraft" / "wal"), "SnapDir": str(data / "etcdraft" / "snapshot")},
        "Operations": {"ListenAddress": f"{HOST}:{orderer.operations_port}"},
        "Metrics": {"Provider": "prometheus"},
        "Admin": {
            "ListenAddress": f"{HOST}:{orderer.admin_port}",
            "TLS": {**tls, "ClientAuthRequired": True, "ClientRootCAs": roots},
        },
        "ChannelParticipation": {"Enabled": True},
    }


def _gossip(peer: Peer) -> Settings:
    return {
        # Every peer takes blocks from the orderers itself. Gossip stays for what needs it: knowing the other peers
        # (the Gateway finds its endorsers so) and private data.
        "bootstrap": peer.address,
        "externalEndpoint": peer.address,
        "useLeaderElection": False,
        "orgLeader": True,
        "state": {"enabled": False},
        # On one machine peers can learn of each other sooner than over a wide network.
        "publishStateInfoInterval": "1s",
        "requestStateInfoInterval": "1s",
        "aliveTimeInterval": "2s",
        "aliveExpirationTimeout": "10s",
        "reconnectInterval": "1s",
        "dialTimeout": "1s",
        "connTimeout": "1s",
        # A commit waits this long for private data that has not come, then goes on; the reconciler fetches it later.
        "pvtData": {"pullRetryThreshold": "2s", "reconcileSleepInterval": "5s"},
    }
