"""A shipment's journey on a ledger, embedded or Fabric's own, step by step, for tests of evidence."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from aiofabric import embedded
from aiofabric.gateway import Gateway, Network
from support.ledger_follower import LedgerFollower
from support.memory_device import Device
from support.memory_log import EPOCH, OrganisationLog
from support.memory_story import CARRIER, CONSIGNEE, ORGANISATIONS, SHIPPER, Story
from wayproof.evidence.assemble import StoredErasure, StoredMessage, assemble
from wayproof.evidence.collect import collect_evidence
from wayproof.ledger import CONTRACT, ENTRY_POINT, USERS, Ledger
from wayproof_verifier.options import Options
from wayproof_verifier.report import Report
from wayproof_verifier.trust import TrustRoot
from wayproof_verifier.verify import verify

__all__ = ["CARRIER", "CONSIGNEE", "ORGANISATIONS", "SHIPPER", "ErasableLog", "Journey", "journey"]


@dataclass(slots=True)
class ErasableLog(OrganisationLog):
    """A log that can forget messages lawfully: their entry stays."""

    erased: dict[int, StoredErasure] = field(default_factory=dict)

    def leaves(self, size: int) -> Iterator[StoredMessage | StoredErasure]:  # type: ignore[override]
        for leaf in OrganisationLog.leaves(self, size):
            yield self.erased.get(leaf.index, leaf)


@dataclass(slots=True)
class Journey(Story):
    """The demo's story with its steps free to combine, and a verifier at the end; `channel` says on which ledger."""

    log: OrganisationLog = field(default_factory=lambda: ErasableLog("shipper-log"))
    home: Path = field(kw_only=True)
    endpoint: str = field(kw_only=True)

    def ledger(self, organisation: str, user: str = "operator") -> Ledger:
        return self._ledger(organisation, user)

    def network(self) -> Network:
        return self.network_of(SHIPPER, "operator")

    def publish(self, count: int, *, device: Device | None = None) -> list[bytes]:
        """Let a device publish, and the log receive and seal."""
        device = device or self.device
        payloads = [
            device.publish(
                "conditions",
                observed_at_s=self.start_s + number * 60,
                measured=[{"n": "temperature", "u": "Cel", "v": 4.5}],
            )
            for number in range(count)
        ]
        for payload in payloads:
            self.receive(payload, device=device)
        self.log.seal()
        return payloads

    def receive(self, payload: bytes, *, device: Device | None = None) -> None:
        topic = (device or self.device).topic
        self.log.receive(payload, topic=topic, received_at_ms=time.time_ns() // 1_000_000)

    async def anchor(self) -> dict[str, Any]:
        return await self.log.anchor(self.ledger(SHIPPER, "anchor"))

    async def transfer(self, custodian: str, taker: str) -> None:
        await self._transfer(custodian, taker)

    def condition(self) -> dict[str, Any]:
        return self._condition("as seen")

    async def evidence(
        self, *, with_blocks: bool = False, organisations: tuple[str, ...] = ORGANISATIONS
    ) -> tuple[bytes, TrustRoot]:
        """Return the file, and the trust root to judge it by."""
        follower = LedgerFollower(self.network(), SHIPPER, {(self.log.log_id, EPOCH): self.log})
        materials = await collect_evidence(
            self.ledger(SHIPPER), source=follower, gsin=self.gsin, channel=self.channel, with_blocks=with_blocks
        )
        evidence = b"".join(assemble(materials))
        trust = TrustRoot(
            channel=CONTRACT, genesis=follower.genesis_hash, contract=CONTRACT, organisations=organisations
        )
        return evidence, trust


def judge(evidence: bytes, trust: TrustRoot, **options: Any) -> Report:  # noqa: ANN401 - the verifier's options
    return verify(BytesIO(evidence), trust=trust, options=Options(**options))


@asynccontextmanager
async def journey(directory: Path, *, log: OrganisationLog | None = None) -> AsyncIterator[Journey]:
    """Serve a new ledger of three organisations and yield a journey on it, its log and device registered."""
    organisations = [embedded.Organisation(msp_id, USERS) for msp_id in ORGANISATIONS]
    home = directory / secrets.token_hex(4)
    embedded.initialise(home, channel=CONTRACT, organisations=organisations, chaincodes={CONTRACT: ENTRY_POINT})
    async with AsyncExitStack() as stack:
        with_warning = embedded.serve(home)
        endpoint = await stack.enter_async_context(with_warning)
        networks: dict[tuple[str, str], Network] = {}
        for msp_id in ORGANISATIONS:
            for user in USERS:
                identity, signer = embedded.load_user(home, msp_id=msp_id, name=user)
                gateway = Gateway.connect(
                    endpoint.address, tls_ca=endpoint.tls_ca_pem, identity=identity, signer=signer
                )
                await stack.enter_async_context(gateway)
                networks[msp_id, user] = gateway.network(CONTRACT)
        story = Journey(
            directory,
            lambda msp_id, user: networks[msp_id, user],
            lambda *_: None,
            log=log or ErasableLog("shipper-log"),
            home=home,
            endpoint=endpoint.address,
        )
        await story.register()
        yield story
