"""A log's tree, folded from left to right as the file shows it (`log.inclusion`)."""

from collections.abc import Iterator

from wayproof_contract.merkle import CompactRange, leaf_hash
from wayproof_verifier.bundle import Erased, Leaf, Log, Message, Node
from wayproof_verifier.entry import entry_hash
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import Problem


class Tree:
    """The leaves and subtrees of one epoch, appended in the file's order; in the end their root is the anchored one."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._range = CompactRange()
        self._last_node: int | None = None

    @property
    def name(self) -> str:
        """Log and epoch, for people."""
        return f"{self.log.log_id}/{self.log.epoch}"

    def add(self, item: Leaf) -> None:
        """Append what the file shows next. Raises EncodingError where the form is not the one form."""
        if isinstance(item, Node):
            self._add_node(item)
            return
        self._last_node = None
        if item.index != self._range.size:
            raise EncodingError(f"leaf {item.index} stands where leaf {self._range.size} of {self.name} belongs")
        self._range.append_leaf(leaf_hash(_entry(item)))

    def _add_node(self, node: Node) -> None:
        """Two neighbours of one level under the same parent would be a second way to write the parent."""
        start = self._range.size
        if self._last_node == node.level and start >> node.level & 1:
            raise EncodingError(f"two nodes of {self.name} before leaf {start} make one: write it")
        try:
            self._range.append_node(node.level, node.hash)
        except ValueError as error:
            raise EncodingError(f"{self.name}: {error}") from error
        self._last_node = node.level

    def check_root(self, root: bytes) -> Iterator[Problem]:
        """The tree has the anchored size and root."""
        if self._range.size != self.log.size:
            yield Problem(f"{self._range.size} leaves are covered, not {self.log.size}", self.name)
        elif self._range.root() != root:
            yield Problem(f"what is shown does not fold to the root of anchor {self.log.counter}", self.name)


def _entry(item: Message | Erased) -> bytes:
    if isinstance(item, Erased):
        return item.entry
    return entry_hash(salt=item.salt, topic=item.topic, payload=item.payload, received_at_ms=item.received_at_ms)
