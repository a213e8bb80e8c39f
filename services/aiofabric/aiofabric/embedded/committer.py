"""What makes a transaction valid, and how it becomes part of the ledger.

The rules, in block order (Fabric's ``txvalidator`` and ``validation/validator.go``; ``peer.TxValidationCode``):

1. A transaction keeps the code that `aiofabric.embedded.transaction` gave it; what claims no id ends there.
2. A transaction id that the ledger, or this block, already holds: DUPLICATE_TXID (9). The first keeps its own code.
3. A key read at another version than it has now, or written earlier in the block: MVCC_READ_CONFLICT (11).
4. A range that would now read differently: PHANTOM_READ_CONFLICT (12).
5. What is valid is applied at version (block, index); the rest stays in the block with its code, without effect.

A block is on disk before its writes can be read and before anybody is told.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.embedded import blocks
from aiofabric.embedded.errors import LedgerDamagedError
from aiofabric.embedded.membership import Member
from aiofabric.embedded.policy import BLOCK_VALIDATION, Policies
from aiofabric.embedded.state import Version, WorldState, Write
from aiofabric.embedded.storage import BlockFile
from aiofabric.embedded.transaction import BEFORE_DUPLICATES, VALID, Candidate, Inspector, RangeCheck
from aiofabric.identity import Signer

KeyWrites = dict[tuple[str, str], Write]


@dataclass(slots=True)
class Chain:
    """The committed ledger in memory: what the block file says, and nothing else. One writer at a time."""

    file: BlockFile
    inspector: Inspector
    policies: Policies
    orderers: Sequence[Member]
    lock: threading.Lock = field(default_factory=threading.Lock)
    state: WorldState = field(default_factory=WorldState)
    statuses: dict[str, tuple[int, int]] = field(default_factory=dict)  # transaction id: (block, code)
    last_hash: bytes = b""

    @property
    def height(self) -> int:
        """The number of committed blocks."""
        return self.file.height

    def replay(self) -> None:
        """Read the file and do everything again: hashes, signatures, validation codes. Raises LedgerDamagedError."""
        for number, body in enumerate(self.file.replay()):
            try:
                block = common_pb2.Block.FromString(body)
                self._verify(number, block)
                candidates = [self.inspector.inspect(envelope) for envelope in block.data.data] if number else []
                self._replay_codes(number, block, candidates)
            except LedgerDamagedError:
                raise
            except Exception as error:
                raise self.file.damage(number, what=f"it cannot be read ({error})") from error
            self._apply(number, candidates)
            self.last_hash = blocks.block_hash(block.header)

    def _verify(self, number: int, block: common_pb2.Block) -> None:
        if block.header.number != number:
            raise self.file.damage(number, what=f"its header says block {block.header.number}")
        if block.header.previous_hash != self.last_hash:
            raise self.file.damage(number, what="it does not follow the block before it (previous hash)")
        if block.header.data_hash != blocks.data_hash(block.data.data):
            raise self.file.damage(number, what="its data do not match their hash")
        if number and not self.policies.satisfied(
            BLOCK_VALIDATION, members=blocks.signed_by(block, members=self.orderers)
        ):
            raise self.file.damage(number, what="no valid signature of the channel's orderer")

    def _replay_codes(self, number: int, block: common_pb2.Block, candidates: list[Candidate]) -> None:
        stored = block.metadata.metadata[blocks.FILTER]
        codes = self._validate(candidates) if number else b"\0"
        if codes != stored:
            wrong = next((i for i, code in enumerate(codes) if stored[i : i + 1] != bytes((code,))), len(codes))
            what = f"transaction {wrong} has another validation code than its own contents and the state give"
            raise self.file.damage(number, what=what)

    def extend(self, candidates: list[Candidate], *, orderer: bytes, sign: Signer) -> common_pb2.Block:
        """Validate candidates, write them as the next block, apply it, and return it. On disk when this returns."""
        number = self.height
        codes = self._validate(candidates)
        data = [candidate.envelope for candidate in candidates]
        block = blocks.signed_block(
            number, previous_hash=self.last_hash, data=data, codes=codes, orderer=orderer, sign=sign
        )
        self.file.append(block.SerializeToString())
        self._apply(number, candidates)
        self.last_hash = blocks.block_hash(block.header)
        return block

    def _validate(self, candidates: Sequence[Candidate]) -> bytes:
        """Set and return the code of each candidate, in order."""
        claimed: set[str] = set()
        pending: KeyWrites = {}
        for candidate in candidates:
            if candidate.code in BEFORE_DUPLICATES:
                continue
            if candidate.tx_id in claimed or candidate.tx_id in self.statuses:
                candidate.code = transaction_pb2.DUPLICATE_TXID
                continue
            claimed.add(candidate.tx_id)
            if candidate.code == VALID:
                candidate.code = self._versions_code(candidate, pending)
            if candidate.code == VALID:
                pending.update({(candidate.chaincode, write.key): write for write in candidate.writes})
        return bytes(min(candidate.code, 255) for candidate in candidates)

    def _versions_code(self, candidate: Candidate, pending: KeyWrites) -> int:
        namespace = self.state.namespace(candidate.chaincode)
        for key, version in candidate.reads:
            if (candidate.chaincode, key) in pending or namespace.version(key) != version:
                return int(transaction_pb2.MVCC_READ_CONFLICT)
        if any(self._is_phantom(candidate.chaincode, check, pending) for check in candidate.ranges):
            return int(transaction_pb2.PHANTOM_READ_CONFLICT)
        return int(VALID)

    def _is_phantom(self, chaincode: str, check: RangeCheck, pending: KeyWrites) -> bool:
        namespace = self.state.namespace(chaincode)
        end = check.end_key + "\0" if check.includes_end else check.end_key
        for (written_in, key), write in pending.items():
            inside = written_in == chaincode and check.start_key <= key and (not end or key < end)
            if inside and (write.value is not None or namespace.version(key) is not None):
                return True
        found: Iterable[tuple[str, Version | None]] = (
            (key, version) for key, _, version in namespace.scan(check.start_key, end)
        )
        return tuple(found) != check.reads

    def _apply(self, number: int, candidates: Sequence[Candidate]) -> None:
        with self.lock:
            for index, candidate in enumerate(candidates):
                if candidate.code in BEFORE_DUPLICATES and candidate.tx_id in self.statuses:
                    continue
                if candidate.code == transaction_pb2.DUPLICATE_TXID:
                    continue
                self.statuses[candidate.tx_id] = (number, candidate.code)
                if candidate.code == VALID:
                    self._apply_writes(candidate, version=(number, index))

    def _apply_writes(self, candidate: Candidate, *, version: Version) -> None:
        namespace = self.state.namespace(candidate.chaincode)
        for write in candidate.writes:
            namespace.apply(write, version=version, tx_id=candidate.tx_id, timestamp_ms=candidate.timestamp_ms)
