"""Administering an organisation's peer: its admin's identity, one gRPC channel, everything that goes through it."""

from pathlib import Path
from types import TracebackType
from typing import Self

from aiofabric.gateway import Contract, Deadlines, Gateway
from aiofabric.network.discovery import KnownPeer, known_peers
from aiofabric.network.endorser import EndorserClient, secure_channel
from aiofabric.network.errors import ConfigUpdateError, JoinError
from aiofabric.network.identities import ADMIN, load_user
from aiofabric.network.lifecycle import LIFECYCLE
from aiofabric.network.plan import Layout, Peer

_DEADLINES = Deadlines(evaluate_s=30.0, endorse_s=60.0, submit_s=30.0, commit_status_s=60.0)


class PeerAdministration:
    """One peer, as its organisation's admin. ``async with`` closes the connection."""

    def __init__(self, root: Path, peer: Peer, *, channel_name: str) -> None:
        self.peer = peer
        self._channel_name = channel_name
        self.identity, self.signer = load_user(root, msp_id=peer.msp_id, name=ADMIN)
        roots = Layout(root).organisation(peer.msp_id) / "msp" / "tlscacerts" / "tlsca.pem"
        self._channel = secure_channel(peer.address, tls_ca_pem=roots.read_bytes())
        self.endorser = EndorserClient(self._channel, identity=self.identity, signer=self.signer)
        self.gateway = Gateway(self._channel, identity=self.identity, signer=self.signer, deadlines=_DEADLINES)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    @property
    def lifecycle(self) -> Contract:
        """The channel's lifecycle, through this peer's gateway."""
        return self.gateway.network(self._channel_name).contract(LIFECYCLE)

    async def join(self, genesis_block: bytes) -> None:
        """Let the peer join the channel of a genesis block. Raises JoinError."""
        await self.endorser.call("cscc", [b"JoinChain", genesis_block], error=JoinError)

    async def has_joined(self) -> bool:
        """Return whether the peer has joined the channel. Raises JoinError if it does not say."""
        answer = await self.endorser.call("cscc", [b"GetChannels"], error=JoinError)
        return self._channel_name.encode() in answer

    async def config_block(self) -> bytes:
        """Return the channel's newest configuration block, serialized. Raises ConfigUpdateError."""
        args = [b"GetConfigBlock", self._channel_name.encode()]
        return await self.endorser.call("cscc", args, error=ConfigUpdateError)

    async def known_peers(self) -> tuple[KnownPeer, ...]:
        """Return the peers of the channel that this one knows."""
        return await known_peers(
            self._channel, channel_name=self._channel_name, identity=self.identity, signer=self.signer
        )
