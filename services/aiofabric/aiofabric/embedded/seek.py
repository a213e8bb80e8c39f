"""Seeks of the Deliver service: which blocks a signed envelope asks for (Fabric's ``common/deliver/deliver.go``)."""

import datetime as dt
from dataclasses import dataclass

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from google.protobuf.message import DecodeError

from aiofabric.embedded.errors import IdentityRefusedError
from aiofabric.embedded.membership import Member, Membership
from aiofabric.embedded.policy import READERS, Policies
from aiofabric.embedded.proposal import TIME_WINDOW_S


class SeekRefusedError(Exception):
    """A seek ends with this ``common.Status`` instead of blocks."""

    def __init__(self, status: int) -> None:
        super().__init__(common_pb2.Status.Name(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Seek:
    """Blocks ``first`` to ``last``, both included, for a member of an organisation; ``last`` may be far beyond any."""

    msp_id: str
    first: int
    last: int
    fail_if_not_ready: bool
    headers_only: bool


class SeekReader:
    """Reads seek envelopes of one channel."""

    def __init__(self, channel: str, *, membership: Membership, policies: Policies) -> None:
        self._channel = channel
        self._membership = membership
        self._policies = policies

    def read(self, envelope: common_pb2.Envelope, *, height: int, now: dt.datetime) -> Seek:
        """Check an envelope and return what it asks for; raise SeekRefusedError."""
        try:
            payload = common_pb2.Payload.FromString(envelope.payload)
            channel_header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
            creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
            info = ab_pb2.SeekInfo.FromString(payload.data)
        except DecodeError as error:
            raise SeekRefusedError(common_pb2.BAD_REQUEST) from error
        timestamp = channel_header.timestamp.seconds + channel_header.timestamp.nanos / 1e9
        if abs(now.timestamp() - timestamp) > TIME_WINDOW_S:
            raise SeekRefusedError(common_pb2.BAD_REQUEST)
        if channel_header.channel_id != self._channel:
            raise SeekRefusedError(common_pb2.NOT_FOUND)
        member = self._authorise(creator, envelope, now)
        return _range(info, height, msp_id=member.msp_id)

    def _authorise(self, creator: bytes, envelope: common_pb2.Envelope, now: dt.datetime) -> Member:
        try:
            member = self._membership.member(creator)
        except IdentityRefusedError as error:
            raise SeekRefusedError(common_pb2.FORBIDDEN) from error
        signed = member.verifies(envelope.signature, message=envelope.payload)
        if not signed or member.not_after < now or not self._policies.satisfied(READERS, members=[member]):
            raise SeekRefusedError(common_pb2.FORBIDDEN)
        return member


def _range(info: ab_pb2.SeekInfo, height: int, *, msp_id: str) -> Seek:
    if info.start.WhichOneof("Type") is None or info.stop.WhichOneof("Type") is None:
        raise SeekRefusedError(common_pb2.BAD_REQUEST)
    first = position(info.start, height=height)
    if first > height:
        raise SeekRefusedError(common_pb2.NOT_FOUND)
    stop = info.stop.WhichOneof("Type")
    if stop == "specified":
        last = info.stop.specified.number
    elif stop == "oldest" or (stop == "newest" and info.start.WhichOneof("Type") == "newest"):
        last = first
    else:
        last = height - 1 if stop == "newest" else height
    if last < first:
        raise SeekRefusedError(common_pb2.BAD_REQUEST)
    return Seek(
        msp_id=msp_id,
        first=first,
        last=last,
        fail_if_not_ready=info.behavior == ab_pb2.SeekInfo.FAIL_IF_NOT_READY,
        headers_only=info.content_type == ab_pb2.SeekInfo.HEADER_WITH_SIG,
    )


def position(seek: ab_pb2.SeekPosition, *, height: int) -> int:
    """Return the block number that a position means at this height."""
    kind = seek.WhichOneof("Type")
    if kind == "oldest":
        return 0
    if kind == "newest":
        return height - 1
    return int(seek.specified.number) if kind == "specified" else height
