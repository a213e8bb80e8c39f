"""The verification of one evidence file, from the first line to the report.

1. The lines before the messages are judged at once: trust root, configuration, endorsed state, transactions, records.
2. The messages come by as a stream: each is put under its log's root, decoded, verified, and added to its interval.
3. The intervals are walked. Where messages contradict each other, the file is read again, to look at those places.

A check that needs another one which did not pass is *not checkable*, and says so; nothing is guessed.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from typing import BinaryIO

from wayproof_verifier.bundle import Block, Config, Header, Line, State, Transaction, read_lines
from wayproof_verifier.checks.blocks import BlockPass
from wayproof_verifier.checks.body import OF_MESSAGES, Body
from wayproof_verifier.checks.ledger import Ledger, LedgerLines, judge_ledger
from wayproof_verifier.checks.summary import shipment_summary
from wayproof_verifier.checks.tally import Tally
from wayproof_verifier.errors import EncodingError, VerificationError
from wayproof_verifier.options import Options
from wayproof_verifier.report import CHECKS, Problem, Report, Shipment
from wayproof_verifier.trust import TrustRoot

_OPTIONAL = {"blocks.chain", "receipts", "height", "closed"}


def verify(
    evidence: BinaryIO,
    *,
    trust: TrustRoot,
    options: Options | None = None,
    receipts: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check an evidence file against a trust root and return the report.

    `evidence` and `receipts` are seekable binary streams; `progress` is told now and then how many messages were read.
    Nothing in them raises: what is wrong with the evidence is in the report.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # what X.509 libraries dislike in a certificate is for checks to judge
        return _Verification(evidence, trust, options or Options(), receipts, progress).run()


class _Verification:
    """One run: what was read so far, and the tally."""

    def __init__(
        self,
        evidence: BinaryIO,
        trust: TrustRoot,
        options: Options,
        receipts: BinaryIO | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._evidence = evidence
        self._trust = trust
        self._options = options
        self._receipts = receipts
        self._progress = progress
        wanted = {
            "receipts": receipts is not None,
            "height": options.min_height is not None,
            "closed": options.require_closed,
        }
        self._tally = Tally(name for name in CHECKS if name not in _OPTIONAL or wanted.get(name))
        self._lines = LedgerLines()
        self._ledger: Ledger | None = None
        self._is_judged = False
        self._blocks: BlockPass | None = None
        self._body: Body | None = None

    def run(self) -> Report:
        first = _Digesting(self._evidence)
        try:
            for number, item in read_lines(first):
                self._take(number, item)
        except EncodingError as error:
            self._tally.add("file.format", Problem(str(error)))
        else:
            self._finish(first.digest())
        self._tally.finish("file.format")
        return self._report()

    def _take(self, number: int, item: Line) -> None:
        match item:
            case Header():
                self._lines.header = item
            case Config(block):
                self._lines.configs.append((number, block))
            case State(payload):
                self._lines.states.append((number, payload))
            case Transaction(envelope):
                self._lines.envelopes.append((number, envelope))
            case _:
                self._judge()
                self._take_later(number, item)

    def _take_later(self, number: int, item: Line) -> None:
        if isinstance(item, Block):
            self._take_block(number, item)
        elif self._body is not None:
            self._body.take(item)

    def _judge(self) -> None:
        """Judge the ledger once its lines are complete, and get ready for the messages."""
        if self._is_judged:
            return
        self._is_judged = True
        self._ledger = judge_ledger(self._lines, trust=self._trust, tally=self._tally, at_ms=self._options.at_ms)
        if self._ledger is None:
            self._skip_messages("needs the records of the endorsed state")
            return
        try:
            self._body = Body(self._ledger, tally=self._tally, receipts=self._receipts, progress=self._progress)
        except EncodingError as error:
            self._skip_messages(f"a registered key cannot be used: {error}")

    def _skip_messages(self, reason: str) -> None:
        for name in OF_MESSAGES:
            if self._tally.applies(name):
                self._tally.skip(name, reason)

    def _take_block(self, number: int, item: Block) -> None:
        self._tally.apply("blocks.chain")
        if self._ledger is None:
            self._tally.skip("blocks.chain", "needs the configuration and the records of the endorsed state")
            return
        if self._blocks is None:
            self._blocks = BlockPass(
                chain=self._ledger.chain,
                genesis=self._trust.genesis,
                expected=self._ledger.places,
                height=self._ledger.height,
            )
        for problem in self._blocks.add(item.block, where=f"line {number}"):
            self._tally.add("blocks.chain", problem)

    def _finish(self, digest: bytes) -> None:
        """Everything was read: finish the checks that need all of it."""
        self._judge()
        if self._blocks is not None:
            self._tally.run("blocks.chain", self._blocks.finish())
        if self._ledger is not None:
            self._finish_wishes(self._ledger)
        if self._body is not None:
            self._body.finish(lambda: self._again(digest))

    def _finish_wishes(self, ledger: Ledger) -> None:
        wanted = self._options.min_height
        if wanted is not None:
            late = Problem(f"the evidence is as of block {ledger.as_of_block}, before block {wanted}")
            self._tally.run("height", [late] if ledger.as_of_block < wanted else [])
        if self._options.require_closed:
            is_closed = any(event.kind == "shipment_closed" for event in ledger.book.shipment)
            self._tally.run("closed", [] if is_closed else [Problem("the shipment is open")])

    def _again(self, digest: bytes) -> Iterable[Line]:
        """Read the same file again."""
        self._evidence.seek(0)
        again = _Digesting(self._evidence)
        for _, item in read_lines(again):
            yield item
        if again.digest() != digest:
            raise EncodingError("the file changed while it was read")

    def _report(self) -> Report:
        header = self._lines.header
        return Report(
            checks=self._tally.checks(),
            findings=self._tally.findings,
            shipment=self._shipment(),
            ledger=header.ledger if header else "",
            channel=header.channel if header else "",
            as_of_block=self._ledger.as_of_block if self._ledger else None,
        )

    def _shipment(self) -> Shipment | None:
        if self._ledger is None or self._lines.header is None:
            return None
        intervals = self._body.summaries() if self._body else []
        try:
            return shipment_summary(self._ledger.book, gsin=self._lines.header.gsin, intervals=intervals)
        except VerificationError:
            return None


class _Digesting:
    """A stream of lines that remembers the hash of what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def readline(self, limit: int) -> bytes:
        data = self._stream.readline(limit)
        self._hash.update(data)
        return data

    def digest(self) -> bytes:
        return self._hash.digest()
