"""The numbers of streams and quantities: small integers stand in rows where their names would."""

from collections.abc import Iterable

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import store_errors
from wayproof.store.measured import Measured, Quantity
from wayproof.store.new_message import NewMessage

QUERIES = queries.load("messages")

MOST_REMEMBERED = 100_000
"""Streams and quantities that a process remembers; beyond, it forgets and asks again."""

MOST_PACKS = 10_000
"""Kinds of packs, likewise."""

Key = tuple[str, ...]
"""A stream: device id and name. A quantity: resolved name, unit (empty for what is no number), kind (v, vb, vs, vd)."""


class _Numbering:
    """Numbers that the store gives to what is named by texts. Remembered once committed, and never changed."""

    def __init__(self, things: str, *columns: str) -> None:
        self._find, self._insert = QUERIES[f"find_{things}"], QUERIES[f"insert_{things}"]
        self._columns = columns
        self._known: dict[Key, int] = {}

    def __getitem__(self, key: Key) -> int:
        return self._known[key]

    def learn(self, connection: Connection, wanted: set[Key]) -> None:
        if len(self._known) > MOST_REMEMBERED:
            self._known.clear()
        if self._look_up(connection, wanted):
            missing = wanted - self._known.keys()
            connection.execute(self._insert, self._parameters(missing))
            self._look_up(connection, missing)

    def _look_up(self, connection: Connection, wanted: set[Key]) -> bool:
        """Look up what is not known; tell whether something is still missing."""
        unknown = wanted - self._known.keys()
        if unknown:
            for row in connection.execute(self._find, self._parameters(unknown)):
                self._known[tuple(str(row[name]) for name in self._columns)] = _integer(row["number"])
        return not unknown <= self._known.keys()

    def _parameters(self, keys: set[Key]) -> dict[str, list[str]]:
        rows = sorted(keys)  # one order for all writers: none waits for another in a circle
        return {name: [row[place] for row in rows] for place, name in enumerate(self._columns)}


class Numbers:
    """What a process remembers of the numbers of streams and quantities."""

    def __init__(self) -> None:
        self._streams = _Numbering("streams", "device_id", "name")
        self._quantities = _Numbering("quantities", "name", "unit", "kind")
        self._of_packs: dict[tuple[Quantity, ...], tuple[int, ...]] = {}

    def learn(self, connection: Connection, messages: Iterable[NewMessage]) -> None:
        """Look up, or give, the numbers that these messages need.

        On an autocommit connection and outside a transaction: what is remembered must be committed.
        """
        accepted = [message for message in messages if message.stream is not None]
        packs = {message.measured.quantities for message in accepted}
        if len(self._of_packs) > MOST_PACKS:
            self._of_packs.clear()
        new = packs - self._of_packs.keys()
        with store_errors():
            self._streams.learn(connection, {(message.device_id, message.stream or "") for message in accepted})
            if new:
                self._quantities.learn(connection, {quantity for pack in new for quantity in pack})
        for pack in new:
            self._of_packs[pack] = tuple(self._quantities[quantity] for quantity in pack)

    def stream(self, message: NewMessage) -> int | None:
        """Return the number of a message's stream, None where it is refused."""
        return None if message.stream is None else self._streams[message.device_id, message.stream]

    def streams(self, messages: Iterable[NewMessage]) -> list[int | None]:
        """Return the number of each message's stream."""
        return [self.stream(message) for message in messages]

    def quantities(self, measured: Measured) -> tuple[int, ...]:
        """Return the numbers of what a message measures."""
        return self._of_packs[measured.quantities]


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"the database answered {value!r} where a number stands")
    return value
