"""Private write sets between endorsement and commit, as every peer keeps them until the transaction is in a block."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping

from aiofabric.embedded.state import Space

MOST_TRANSACTIONS = 10_000
"""Older ones are forgotten: most endorsed transactions that did not come by now will never be submitted."""


class TransientStore:
    """In memory: what is endorsed before a restart and submitted after it commits without its private values.

    Then it is as on Fabric when a transient store is lost: the hashes are there, and reads say that the value is not.
    """

    def __init__(self) -> None:
        self._sets: OrderedDict[str, dict[tuple[Space, bytes], bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, tx_id: str, sets: Mapping[Space, bytes]) -> None:
        """Keep what one endorser wrote; endorsers that differ are kept side by side."""
        if not sets:
            return
        with self._lock:
            entry = self._sets.setdefault(tx_id, {})
            entry.update({(space, hashlib.sha256(rwset).digest()): rwset for space, rwset in sets.items()})
            if len(self._sets) > MOST_TRANSACTIONS:
                self._sets.popitem(last=False)

    def find(self, tx_id: str, space: Space, *, digest: bytes) -> bytes | None:
        """Return the private write set that a transaction's public part binds by this hash."""
        with self._lock:
            return self._sets.get(tx_id, {}).get((space, digest))

    def forget(self, tx_id: str) -> None:
        """Let a transaction go."""
        with self._lock:
            self._sets.pop(tx_id, None)
