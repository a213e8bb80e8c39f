"""The channel's profile for configtxgen: organisations, policies, ordering."""

from collections.abc import Sequence
from typing import Any

from aiofabric.network.configuration import Settings
from aiofabric.network.plan import HOST, Layout, Orderer, Peer, Plan

PROFILE = "Channel"

POLICIES_BY_NAME = ("Readers", "Writers")
"""Policies of the application that name every organisation: whoever comes later has to be added to them."""

MAX_MESSAGES = 500
MAX_BLOCK_BYTES = 10 * 1024 * 1024
PREFERRED_BLOCK_BYTES = 2 * 1024 * 1024
BLOCK_INTERVAL = "200ms"
"""How long an orderer waits for more transactions before it cuts a block: the floor of every commit's latency."""

_META_POLICIES = {
    "Readers": {"Type": "ImplicitMeta", "Rule": "ANY Readers"},
    "Writers": {"Type": "ImplicitMeta", "Rule": "ANY Writers"},
    "Admins": {"Type": "ImplicitMeta", "Rule": "MAJORITY Admins"},
}
_MAJORITY_ENDORSEMENT = {"Type": "ImplicitMeta", "Rule": "MAJORITY Endorsement"}
_READER_ROLES, _CLIENT_ROLES = ("admin", "peer", "client"), ("admin", "client")
_ORDERER_ROLES = ("admin", "orderer")


def channel_profile(layout: Layout, plan: Plan) -> Settings:
    """Return a ``configtx.yaml`` with one profile, `PROFILE`, for the channel of a plan."""
    is_bft = plan.consensus == "BFT"
    return {
        "Profiles": {
            PROFILE: {
                "Policies": _META_POLICIES,
                # V3_0 is what allows BFT; Raft does without, so that Fabric 2.5 can serve it.
                "Capabilities": {"V3_0" if is_bft else "V2_0": True},
                "Orderer": _ordering(layout, plan),
                "Application": {
                    "Policies": {
                        **_META_POLICIES,
                        "Readers": _any_of_each([peer.msp_id for peer in plan.peers], *_READER_ROLES),
                        "Writers": _any_of_each([peer.msp_id for peer in plan.peers], *_CLIENT_ROLES),
                        "Endorsement": _MAJORITY_ENDORSEMENT,
                        "LifecycleEndorsement": _MAJORITY_ENDORSEMENT,
                    },
                    "Capabilities": {"V2_5": True},
                    "Organizations": [application_organisation(layout, peer) for peer in plan.peers],
                },
            }
        }
    }


def application_organisation(layout: Layout, peer: Peer) -> Settings:
    """Return the configuration of an organisation that endorses, its peer being the anchor peer."""
    msp_id = peer.msp_id
    return {
        **_organisation(layout, msp_id),
        "Policies": {
            "Readers": _any_of(msp_id, *_READER_ROLES),
            "Writers": _any_of(msp_id, *_CLIENT_ROLES),
            "Admins": _any_of(msp_id, "admin"),
            "Endorsement": _any_of(msp_id, "peer"),
        },
        "AnchorPeers": [{"Host": HOST, "Port": peer.port}],
    }


def _ordering(layout: Layout, plan: Plan) -> Settings:
    common: Settings = {
        "OrdererType": plan.consensus,
        "BatchTimeout": BLOCK_INTERVAL,
        "BatchSize": {
            "MaxMessageCount": MAX_MESSAGES,
            "AbsoluteMaxBytes": MAX_BLOCK_BYTES,
            "PreferredMaxBytes": PREFERRED_BLOCK_BYTES,
        },
        "Policies": {
            **_META_POLICIES,
            "Writers": _any_of_each([orderer.msp_id for orderer in plan.orderers], *_ORDERER_ROLES),
            "BlockValidation": {"Type": "ImplicitMeta", "Rule": "ANY Writers"},
        },
        "Capabilities": {"V2_0": True},
        "Organizations": [_orderer_organisation(layout, orderer) for orderer in plan.orderers],
    }
    return {**common, **(_bft(layout, plan) if plan.consensus == "BFT" else _raft(layout, plan))}


def _bft(layout: Layout, plan: Plan) -> Settings:
    return {
        "SmartBFT": {
            "RequestBatchMaxInterval": BLOCK_INTERVAL,
            "RequestForwardTimeout": "5s",
            "RequestComplainTimeout": "20s",
            "RequestAutoRemoveTimeout": "3m",
            "ViewChangeResendInterval": "5s",
            "ViewChangeTimeout": "20s",
            # How long a dead leader stops the channel: the sample's minute is for wide networks.
            "LeaderHeartbeatTimeout": "10s",
            "LeaderHeartbeatCount": 10,
            "CollectTimeout": "1s",
            "IncomingMessageBufferSize": 200,
            "RequestPoolSize": 100_000,
        },
        "ConsenterMapping": [
            {
                "ID": number,
                **_endpoint(layout, orderer),
                "MSPID": orderer.msp_id,
                "Identity": str(layout.organisation(orderer.msp_id) / "orderer" / "cert.pem"),
            }
            for number, orderer in enumerate(plan.orderers, start=1)
        ],
    }


def _raft(layout: Layout, plan: Plan) -> Settings:
    return {
        "EtcdRaft": {
            "Consenters": [_endpoint(layout, orderer) for orderer in plan.orderers],
            "Options": {
                "TickInterval": "100ms",
                "ElectionTick": 10,
                "HeartbeatTick": 1,
                "MaxInflightBlocks": 5,
                "SnapshotIntervalSize": "16 MB",
            },
        }
    }


def _endpoint(layout: Layout, orderer: Orderer) -> dict[str, Any]:
    certificate = str(layout.organisation(orderer.msp_id) / "orderer" / "tls" / "cert.pem")
    return {"Host": HOST, "Port": orderer.port, "ClientTLSCert": certificate, "ServerTLSCert": certificate}


def _orderer_organisation(layout: Layout, orderer: Orderer) -> Settings:
    msp_id = orderer.msp_id
    return {
        **_organisation(layout, msp_id),
        "Policies": {
            "Readers": _any_of(msp_id, "member"),
            "Writers": _any_of(msp_id, *_ORDERER_ROLES),
            "Admins": _any_of(msp_id, "admin"),
        },
        "OrdererEndpoints": [orderer.address],
    }


def _organisation(layout: Layout, msp_id: str) -> Settings:
    return {"Name": msp_id, "ID": msp_id, "MSPDir": str(layout.organisation(msp_id) / "msp")}


def _any_of(msp_id: str, *roles: str) -> dict[str, str]:
    return _any_of_each([msp_id], *roles)


def _any_of_each(msp_ids: Sequence[str], *roles: str) -> dict[str, str]:
    """Return the policy that anybody with one of the roles in one of the organisations satisfies.

    It is what the meta policies "ANY Readers" and "ANY Writers" would come to, in one: Fabric verifies a signature anew
    for every organisation that a meta policy asks, and these two are asked several times for each transaction.
    """
    members = ", ".join(f"'{msp_id}.{role}'" for msp_id in msp_ids for role in roles)
    return {"Type": "Signature", "Rule": f"OR({members})"}
