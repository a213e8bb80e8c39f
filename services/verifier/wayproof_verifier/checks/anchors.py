"""Anchored heads: each a prefix of the next (`anchors.consistency`), and what was anchored at an attachment.

The organisation that attaches a device names an anchor, and could name an old one. So the *newest* anchor at that
time is found by the ledger's own order: the carried anchors with the versions nearest before and after the attachment
must be neighbours (or the first, or the log's head), so that there is none in between.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from wayproof_contract.merkle import verify_consistency
from wayproof_contract.state import anchor_head_key
from wayproof_verifier.bundle import Log
from wayproof_verifier.checks.book import Anchor, Attachment, Book
from wayproof_verifier.checks.state import Record
from wayproof_verifier.report import Finding, LedgerVersion, Problem

Size = tuple[int, int]
"""`(epoch, size)`: leaves of earlier epochs, and those with a smaller index, are under this head."""


def check_consistency(log: Log, *, anchors: Sequence[Anchor]) -> Iterator[Problem]:
    """The proofs of one epoch's log line lead from each carried anchor to the next, and there are no others."""
    name = f"{log.log_id}/{log.epoch}"
    pairs = [(old.counter, new.counter) for old, new in pairwise(anchors)]
    if [(old, new) for old, new, _ in log.consistency] != pairs:
        yield Problem(f"{name}: the consistency proofs are not those between the neighbouring anchors {pairs}", name)
        return
    for (old, new), (_, _, proof) in zip(pairwise(anchors), log.consistency, strict=True):
        if not verify_consistency(
            old.size, first_root=old.root, second_size=new.size, second_root=new.root, proof=proof
        ):
            yield Problem(f"anchor {old.counter} is not proven to be a prefix of anchor {new.counter}", name)
        if old.at >= new.at:
            yield Problem(f"anchor {old.counter} is not before anchor {new.counter} in the ledger", name)


def carried_anchors(book: Book, log_id: str) -> list[Anchor]:
    """Return the anchors of a log in the file, through all epochs, in order."""
    return [anchor for (name, _), items in sorted(book.anchors.items()) if name == log_id for anchor in items]


def check_attachments(book: Book, *, records: Mapping[str, Record]) -> Iterator[Problem | Finding]:
    """At each attachment the newest anchor is known, and the one that the event names was not newer."""
    for item in book.attachments:
        where = f"shipment_event version {item.event.version}"
        log_id = book.devices[item.stream[0]].home_log
        before, problem = newest_before(book, records=records, log_id=log_id, at=item.event.at)
        if problem:
            yield Problem(f"{item.stream[0]}/{item.stream[1]}: {problem}", where)
            continue
        epoch, _, size = item.anchor
        if (epoch, size) > before:
            yield Problem("the attachment names an anchor that was not there yet", where)
        elif (epoch, size) < before:
            text = f"the attachment of {item.stream[0]}/{item.stream[1]} names size {size} of epoch {epoch}"
            yield Finding("older_anchor", f"{text}, but size {before[1]} of epoch {before[0]} was anchored", where)


def newest_before(book: Book, *, records: Mapping[str, Record], log_id: str, at: LedgerVersion) -> tuple[Size, str]:
    """Return the (epoch, size) anchored newest before a ledger version, or why the file does not show which it was."""
    anchors = carried_anchors(book, log_id)
    older = [anchor for anchor in anchors if anchor.at < at]
    newer = [anchor for anchor in anchors if anchor.at > at]
    epochs = [number for number, epoch in book.logs[log_id].items() if epoch.opened.at < at]
    if not epochs:
        return (0, 0), f"the log {log_id} was not registered yet"
    epoch = max(epochs)
    last = older[-1] if older and older[-1].epoch == epoch else None
    size = (epoch, last.size if last else 0)
    counter = last.counter if last else 0
    following = newer[0] if newer else None
    if following is not None and following.epoch == epoch:
        known = following.counter == counter + 1
    else:
        known = _is_last(book, records=records, log_id=log_id, epoch=epoch, counter=counter)
    return size, "" if known else f"the anchors of {log_id} next to the attachment are not both in the file"


def _is_last(book: Book, *, records: Mapping[str, Record], log_id: str, epoch: int, counter: int) -> bool:
    """Tell whether an epoch has no anchor after `counter`: its retirement says so, or the log's newest anchor."""
    last = book.logs[log_id][epoch].last_counter
    if last is not None:
        return last == counter
    return bool(records[anchor_head_key(log_id)].members["counter"] == counter)


def attachment_size(book: Book, *, records: Mapping[str, Record], attachment: Attachment) -> Size:
    """Return the (epoch, size) under which a leaf was logged before the device was attached."""
    log_id = book.devices[attachment.stream[0]].home_log
    return newest_before(book, records=records, log_id=log_id, at=attachment.event.at)[0]
