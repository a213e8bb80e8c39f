"""What makes a transaction valid, and how it becomes part of the ledger.

The rules, in block order (Fabric's ``txvalidator`` and ``validation/validator.go``; ``peer.TxValidationCode``):

1. A transaction keeps the code that `aiofabric.embedded.transaction` gave it; what claims no id ends there.
2. A transaction id that the ledger, or this block, already holds: DUPLICATE_TXID (9). The first keeps its own code.
3. Endorsers that do not satisfy the policies of what is written: ENDORSEMENT_POLICY_FAILURE (10).
4. A key read at another version than it has now, or written earlier in the block: MVCC_READ_CONFLICT (11).
5. A range that would now read differently: PHANTOM_READ_CONFLICT (12).
6. What is valid is applied at version (block, index); the rest stays in the block with its code, without effect.

A block, and the private data that belong to it, are on disk before they can be read and before anybody is told.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from fabric_protos.common import common_pb2
from fabric_protos.peer import transaction_pb2

from aiofabric.chaincode import KeyModification
from aiofabric.embedded import blocks
from aiofabric.embedded.changes import key_changes, reads_code
from aiofabric.embedded.endorsement_rules import EndorsementRules, Key
from aiofabric.embedded.errors import LedgerDamagedError
from aiofabric.embedded.membership import Member
from aiofabric.embedded.policy import BLOCK_VALIDATION, Policies
from aiofabric.embedded.private_store import PrivateStore
from aiofabric.embedded.state import WorldState
from aiofabric.embedded.storage import BlockFile
from aiofabric.embedded.transaction import BEFORE_DUPLICATES, VALID, Candidate, Inspector, KeyChanges
from aiofabric.identity import Signer


@dataclass(slots=True)
class Chain:
    """The committed ledger in memory: what the block file says, and nothing else. One writer at a time."""

    file: BlockFile
    inspector: Inspector
    policies: Policies
    orderers: Sequence[Member]
    rules: EndorsementRules
    state: WorldState
    private: PrivateStore
    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: dict[str, tuple[int, int]] = field(default_factory=dict)  # transaction id: (block, code)
    last_hash: bytes = b""

    @property
    def height(self) -> int:
        """The number of committed blocks."""
        return self.file.height

    def close(self) -> None:
        """Close the files."""
        self.file.close()
        self.private.close()

    def replay(self) -> None:
        """Read the file and do everything again: hashes, signatures, validation codes. Raises LedgerDamagedError."""
        for number, body in enumerate(self.file.replay()):
            try:
                block = common_pb2.Block.FromString(body)
                self._verify(number, block)
                candidates = [self.inspector.inspect(envelope) for envelope in block.data.data] if number else []
                self._replay_codes(number, block, candidates)
                self.private.verify(number, candidates)
            except LedgerDamagedError:
                raise
            except Exception as error:
                raise self.file.damage(number, what=f"it cannot be read ({error})") from error
            self._apply(number, candidates)
            self.last_hash = blocks.block_hash(block.header)
        self.private.settle(self.height)

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
        codes = self._validate(number, candidates) if number else b"\0"
        if codes != stored:
            wrong = next((i for i, code in enumerate(codes) if stored[i : i + 1] != bytes((code,))), len(codes))
            what = f"transaction {wrong} has another validation code than its own contents and the state give"
            raise self.file.damage(number, what=what)

    def extend(self, candidates: list[Candidate], *, orderer: bytes, sign: Signer) -> common_pb2.Block:
        """Validate candidates, write them as the next block, apply it, and return it. On disk when this returns."""
        number = self.height
        codes = self._validate(number, candidates)
        self.private.keep(number, candidates)
        data = [candidate.envelope for candidate in candidates]
        block = blocks.signed_block(
            number, previous_hash=self.last_hash, data=data, codes=codes, orderer=orderer, sign=sign
        )
        self.file.append(block.SerializeToString())
        self._apply(number, candidates)
        self.private.purge()
        self.last_hash = blocks.block_hash(block.header)
        return block

    def _validate(self, number: int, candidates: Sequence[Candidate]) -> bytes:
        """Set and return the code of each candidate, in order, and what becomes of keys."""
        claimed: set[str] = set()
        policies_changed: set[Key] = set()
        pending: KeyChanges = {}
        for index, candidate in enumerate(candidates):
            if candidate.code in BEFORE_DUPLICATES:
                continue
            if candidate.tx_id in claimed or candidate.tx_id in self.statuses:
                candidate.code = transaction_pb2.DUPLICATE_TXID
                continue
            claimed.add(candidate.tx_id)
            if candidate.code == VALID and not self.rules.satisfied(candidate, changed=policies_changed):
                candidate.code = transaction_pb2.ENDORSEMENT_POLICY_FAILURE
            if candidate.code == VALID:
                # Rightly endorsed is enough: whether its reads are still right is found out later, in Fabric too.
                policies_changed.update((entry.space, key) for entry in candidate.sets for key, _ in entry.policies)
                candidate.code = reads_code(candidate.sets, state=self.state, pending=pending)
            if candidate.code == VALID:
                version = (number, index)
                candidate.changes = key_changes(candidate.sets, version=version, state=self.state, pending=pending)
                pending.update(candidate.changes)
        return bytes(min(candidate.code, 255) for candidate in candidates)

    def _apply(self, number: int, candidates: Sequence[Candidate]) -> None:
        with self.lock:
            for candidate in candidates:
                if candidate.code in BEFORE_DUPLICATES and candidate.tx_id in self.statuses:
                    continue
                if candidate.code == transaction_pb2.DUPLICATE_TXID:
                    continue
                self.statuses[candidate.tx_id] = (number, candidate.code)
                if candidate.code == VALID:
                    self._apply_changes(candidate)
            self.private.apply(number, candidates)

    def _apply_changes(self, candidate: Candidate) -> None:
        for (space, key), entry in candidate.changes.items():
            self.state.namespace(space).set(key, entry)
        for written in candidate.sets:
            if written.space.collection:
                continue  # hashes have no history
            namespace = self.state.namespace(written.space)
            for write in written.writes:
                change = KeyModification(
                    candidate.tx_id, write.value or b"", candidate.timestamp_ms, is_delete=write.value is None
                )
                namespace.record(write.key, change)
