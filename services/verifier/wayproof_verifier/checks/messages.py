"""Messages, one at a time: what each says, who signed it, where it belongs.

(`messages.*`, `readings.derived`, `erasures`.)

A key that ended (rotated, revoked) still counts for leaves under a head that was anchored before its end. A later leaf
is *in doubt*: it counts only on the chain that leads back from a position that the ending names; `intervals` sees that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wayproof_contract import canonical
from wayproof_verifier.bundle import Erased, Log, Message, ReadingRow
from wayproof_verifier.checks.book import UNSIGNED, Book, Ending, Key
from wayproof_verifier.checks.intervals import Intervals
from wayproof_verifier.checks.tally import Tally
from wayproof_verifier.errors import EncodingError
from wayproof_verifier.report import Finding, Problem
from wayproof_verifier.telemetry import Message as Decoded
from wayproof_verifier.telemetry import PublicKey, Reading, Rejection, TextReading, decode, verify
from wayproof_verifier.telemetry.envelope import KEY_ID
from wayproof_verifier.telemetry.stream import Link, position_before


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A registered key, ready to verify; for an ended one its number, and what was anchored before, by epoch."""

    key: Key
    public_key: PublicKey
    ending: int | None
    anchored: Mapping[int, int]

    def doubt(self, *, epoch: int, index: int) -> int | None:
        """Return the number of the ending that puts a leaf in doubt, None where the key counts."""
        return None if index < self.anchored.get(epoch, 0) else self.ending


class KeyRing:
    """Every key that the devices of this shipment ever had. Raises EncodingError for one that is no key."""

    def __init__(self, book: Book) -> None:
        self.endings: list[Ending] = []
        self._keys: dict[bytes, KnownKey] = {}
        for device in book.devices.values():
            for key in device.keys:
                if key.algorithm != UNSIGNED:
                    self._add(book, key, home_log=device.home_log)

    def find(self, key_id: bytes, *, device_id: str) -> KnownKey | None:
        """Return a key, if it is registered for this device."""
        known = self._keys.get(key_id)
        return known if known is not None and known.key.device_id == device_id else None

    def _add(self, book: Book, key: Key, *, home_log: str) -> None:
        try:
            public_key = PublicKey.from_spki(key.public_key)
        except ValueError as error:
            raise EncodingError(f"a registered key of {key.device_id} is no key: {error}") from error
        if public_key.algorithm != key.algorithm:
            raise EncodingError(f"a key of {key.device_id} is registered for {key.algorithm}, and is of another kind")
        number, anchored = None, {}
        if key.ending is not None:
            number = len(self.endings)
            self.endings.append(key.ending)
            anchored = _anchored_before(book, key.ending, home_log=home_log)
        self._keys[public_key.key_id] = KnownKey(key, public_key, number, anchored)


def _anchored_before(book: Book, ending: Ending, *, home_log: str) -> dict[int, int]:
    return {
        epoch: max((anchor.size for anchor in anchors if anchor.at < ending.event.at), default=0)
        for (log_id, epoch), anchors in book.anchors.items()
        if log_id == home_log
    }


def reading_row(reading: Reading | TextReading) -> ReadingRow:
    """Return a reading as evidence carries it: a value that canonical JSON has no integer for becomes text."""
    row = reading.as_list()
    if isinstance(reading, Reading) and abs(reading.value) > canonical.MAX_INTEGER:
        row[1] = str(reading.value)
    return tuple(row)


class MessagePass:
    """One pass over all leaves that are shown. Only the first one verifies signatures and readings."""

    def __init__(self, book: Book, *, keys: KeyRing, intervals: Intervals, tally: Tally, is_first: bool) -> None:
        self._book = book
        self._keys = keys
        self._intervals = intervals
        self._tally = tally
        self._is_first = is_first
        self.erased: set[tuple[str, int, int]] = set()

    def message(self, item: Message, *, log: Log) -> None:
        """Check one message and add it to its interval."""
        where = f"{log.log_id}/{log.epoch} leaf {item.index}"
        decoded = decode(item.payload, topic=item.topic)
        if isinstance(decoded, Rejection):
            self._fail("messages.decoding", f"{decoded.code}: {decoded.detail}", where)
            return
        device = self._book.devices.get(decoded.device_id)
        if device is None or (device.home_log, device.organisation) != (log.log_id, decoded.organisation):
            self._fail("messages.scope", f"{decoded.device_id} is no device of this shipment with this log", where)
            return
        if self._is_first and tuple(map(reading_row, decoded.readings)) != item.readings:
            self._fail("readings.derived", "the readings shown are not those of the message", where)
        known = self._signer(decoded, where)
        track = self._intervals.at(decoded.device_id, decoded.stream, (decoded.boot, decoded.sequence))
        if track is None:
            self._fail("messages.scope", "the message belongs to no interval of this shipment", where)
            return
        track.count((log.epoch, item.index), [reading.observed_at_ms for reading in decoded.readings])
        if known is not None:
            track.chain.add(_link(decoded, known=known, leaf=(log.epoch, item.index)))

    def erased_leaf(self, item: Erased, *, log: Log) -> None:
        """Check that a leaf was erased by the book, and add its place to its interval."""
        where = f"{log.log_id}/{log.epoch} leaf {item.index}"
        name = (log.log_id, log.epoch, item.index)
        erasure = self._book.erasures.get(name)
        if erasure is None:
            self._fail("erasures", "no record says who erased this message, and why", where)
            return
        self.erased.add(name)
        place = erasure.place
        track = self._intervals.at(place.device_id, place.stream, place.position)
        if track is None:
            self._fail("messages.scope", "the erased message belongs to no interval of this shipment", where)
            return
        track.erased += 1
        before = position_before(place.position, after=None) if place.position[1] > 1 else None
        track.chain.add(Link(place.position, place.hash, erasure.previous, before, (log.epoch, item.index)))
        if self._is_first:
            text = f"cannot be checked, erased by {erasure.organisation}: {erasure.reason} ({erasure.authority})"
            self._tally.add("erasures", Finding("erased", text, where))

    def _signer(self, decoded: Decoded, where: str) -> KnownKey | None:
        """Return the key under which a message is signed, None if it is not; it is verified in the first pass."""
        if decoded.envelope is None:
            self._fail("messages.signatures", "the message is not signed", where)
            return None
        known = self._keys.find(decoded.envelope.header[KEY_ID], device_id=decoded.device_id)
        if known is None:
            self._fail("messages.signatures", f"the key was never registered for {decoded.device_id}", where)
            return None
        if self._is_first:
            rejection = verify(decoded, key=known.public_key)
            if rejection is not None:
                self._fail("messages.signatures", f"{rejection.code}: {rejection.detail}", where)
                return None
        return known

    def _fail(self, check: str, reason: str, where: str) -> None:
        if self._is_first:
            self._tally.add(check, Problem(reason, where))


def _link(decoded: Decoded, *, known: KnownKey, leaf: tuple[int, int]) -> Link:
    position = (decoded.boot, decoded.sequence)
    return Link(
        position,
        decoded.message_hash,
        decoded.previous,
        position_before(position, after=decoded.after),
        leaf,
        known.doubt(epoch=leaf[0], index=leaf[1]),
    )
