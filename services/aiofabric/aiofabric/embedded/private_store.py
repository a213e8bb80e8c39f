"""The private data of all organisations: what is kept of each block, where, and what is there to be read."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fabric_protos.peer import transaction_pb2

from aiofabric.embedded.errors import LedgerDamagedError
from aiofabric.embedded.private_collections import Collections
from aiofabric.embedded.private_file import PRIVATE_FILE, PrivateFile
from aiofabric.embedded.private_state import PrivateState, encoded, matches_hashes
from aiofabric.embedded.state_set import StateSet
from aiofabric.embedded.transaction import Candidate
from aiofabric.embedded.transient_store import TransientStore

if TYPE_CHECKING:
    from aiofabric.embedded.state import Space, Version

logger = logging.getLogger(__name__)


class PrivateStore:
    """Private data by organisation. One writer at a time."""

    def __init__(
        self, directory: Path, *, organisations: Sequence[str], collections: Collections, writable: bool
    ) -> None:
        """Read every organisation's file; raises LedgerDamagedError."""
        self.transient = TransientStore()
        self._purges: dict[tuple[Space, str], Version] = {}
        self._states = {
            msp_id: PrivateState(
                PrivateFile(directory / "organisations" / msp_id / PRIVATE_FILE, writable=writable),
                spaces=collections.of_member(msp_id),
            )
            for msp_id in organisations
        }

    def of(self, msp_id: str) -> PrivateState:
        """Return what one organisation holds."""
        return self._states[msp_id]

    def keep(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Write the private sets of a block's valid transactions to their members' files, on disk when it returns."""
        for msp_id, state in self._states.items():
            wanted = list(_private_sets(candidates, state))
            if not wanted:
                continue
            sets: dict[int, dict[Space, bytes]] = {}
            for index, candidate, written in wanted:
                found = self.transient.find(candidate.tx_id, written.space, digest=written.private_hash)
                if found is None:
                    logger.warning("%s: private data of transaction %s are missing", msp_id, candidate.tx_id)
                else:
                    sets.setdefault(index, {})[written.space] = found
            state.file.append(number, encoded(sets))

    def verify(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Hold what is kept of a block to its hashes; raises LedgerDamagedError.

        A value may be missing (it was purged, or endorsed before a restart), but a member's file has to speak of every
        block that has private data for it.
        """
        for state in self._states.values():
            path = state.file.path
            if any(_private_sets(candidates, state)) and number not in state.file:
                raise LedgerDamagedError(f"{path}: the private data of block {number} are missing. Restore the file")
            for index, message in state.stored(number).items():
                sets = candidates[index].sets if index < len(candidates) else ()
                if not matches_hashes(message, sets):
                    words = f"the private data of block {number} are not those that its hashes say"
                    raise LedgerDamagedError(f"{path}: {words}. Restore the file")

    def apply(self, number: int, candidates: Sequence[Candidate]) -> None:
        """Let what is kept of a block be read, and note its purges."""
        for state in self._states.values():
            if number in state.file:
                state.apply(number)
        for index, candidate in enumerate(candidates):
            self.transient.forget(candidate.tx_id)
            if candidate.code == transaction_pb2.VALID:
                for written in candidate.sets:
                    self._purges.update({(written.space, key): (number, index) for key in written.purged})

    def purge(self) -> None:
        """Remove from the files what was purged since the last call."""
        if self._purges:
            for state in self._states.values():
                state.purge(self._purges)
            self._purges.clear()

    def settle(self, height: int) -> None:
        """Drop what was kept for blocks that were never written."""
        for state in self._states.values():
            state.file.settle(height)

    def close(self) -> None:
        """Close the files."""
        for state in self._states.values():
            state.file.close()


def _private_sets(candidates: Sequence[Candidate], state: PrivateState) -> Iterator[tuple[int, Candidate, StateSet]]:
    """Iterate over what a block's valid transactions write to an organisation's collections."""
    for index, candidate in enumerate(candidates):
        if candidate.code == transaction_pb2.VALID:
            for written in candidate.sets:
                if written.private_hash and written.space in state.spaces:
                    yield index, candidate, written
