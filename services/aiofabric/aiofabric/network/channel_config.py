"""A channel's configuration: read from its newest config block, changed by a signed update sent to the orderers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.orderer import ab_pb2_grpc

from aiofabric.gateway.wire import new_nonce
from aiofabric.identity import Identity, Signer
from aiofabric.network.endorser import secure_channel
from aiofabric.network.errors import ConfigUpdateError
from aiofabric.network.plan import Layout, Orderer

Message = Any

_BROADCAST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs an update: an organisation's admin."""

    identity: Identity
    signer: Signer


def config_of(block: bytes) -> Message:
    """Return the ``common.Config`` (sequence and channel group) that a serialized config block holds.

    Raises ConfigUpdateError if it is another kind of block.
    """
    data = common_pb2.Block.FromString(block).data.data
    payload = common_pb2.Payload.FromString(common_pb2.Envelope.FromString(data[0]).payload)
    header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    if header.type != common_pb2.CONFIG:
        raise ConfigUpdateError("the block holds transactions, not a configuration")
    return configtx_pb2.ConfigEnvelope.FromString(payload.data).config


def signed_update(update: bytes, *, channel: str, signatories: Sequence[Signatory]) -> bytes:
    """Return the envelope that asks a channel to change.

    Args:
        update: a serialized ``common.ConfigUpdate``; every signatory signs exactly these bytes.
        channel: the channel's name.
        signatories: who agrees; the first one also submits.
    """
    signatures = []
    for each in signatories:
        header = common_pb2.SignatureHeader(creator=each.identity.serialized(), nonce=new_nonce()).SerializeToString()
        signatures.append(configtx_pb2.ConfigSignature(signature_header=header, signature=each.signer(header + update)))
    envelope = configtx_pb2.ConfigUpdateEnvelope(config_update=update, signatures=signatures)
    channel_header = common_pb2.ChannelHeader(type=common_pb2.CONFIG_UPDATE, channel_id=channel)
    channel_header.timestamp.seconds = int(time.time())
    submitter = signatories[0]
    signature_header = common_pb2.SignatureHeader(creator=submitter.identity.serialized(), nonce=new_nonce())
    payload = common_pb2.Payload(
        header=common_pb2.Header(
            channel_header=channel_header.SerializeToString(), signature_header=signature_header.SerializeToString()
        ),
        data=envelope.SerializeToString(),
    ).SerializeToString()
    serialized: bytes = common_pb2.Envelope(payload=payload, signature=submitter.signer(payload)).SerializeToString()
    return serialized


async def broadcast(root: Path, envelope: bytes, *, orderers: Sequence[Orderer]) -> None:
    """Send an envelope to every orderer. Raises ConfigUpdateError, with every answer, if none accepts it.

    All are asked, as a Gateway does with BFT: one of them could withhold it. That some refuse what the others have
    ordered already is usual.
    """
    answers = await asyncio.gather(*(_send(Layout(root), orderer, envelope) for orderer in orderers))
    if not any(is_accepted for is_accepted, _ in answers):
        raise ConfigUpdateError(
            "; ".join(f"{orderer.name}: {text}" for orderer, (_, text) in zip(orderers, answers, strict=True))
        )


async def _send(layout: Layout, orderer: Orderer, envelope: bytes) -> tuple[bool, str]:
    roots = layout.organisation(orderer.msp_id) / "msp" / "tlscacerts" / "tlsca.pem"
    async with secure_channel(orderer.address, tls_ca_pem=roots.read_bytes()) as channel:
        stream = ab_pb2_grpc.AtomicBroadcastStub(channel).Broadcast(timeout=_BROADCAST_TIMEOUT_S)
        try:
            await stream.write(common_pb2.Envelope.FromString(envelope))
            response = await stream.read()
            await stream.done_writing()
        except grpc.aio.AioRpcError as error:
            return False, f"{error.code().name} {error.details()}"
        if response is grpc.aio.EOF:
            return False, "no answer"
        return response.status == common_pb2.SUCCESS, f"{common_pb2.Status.Name(response.status)} {response.info}"
