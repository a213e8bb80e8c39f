"""Everything before the messages: trust root, configuration, endorsed state, transactions, and what the records say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wayproof_verifier.bundle import Header
from wayproof_verifier.checks import custody, records, transactions, validity
from wayproof_verifier.checks.anchors import Size, attachment_size, check_attachments
from wayproof_verifier.checks.book import Book, read_book
from wayproof_verifier.checks.state import Record, check_state_endorsements, read_records
from wayproof_verifier.checks.tally import Tally
from wayproof_verifier.checks.transactions import Carried
from wayproof_verifier.checks.validity import Signed
from wayproof_verifier.errors import ConfigError, VerificationError
from wayproof_verifier.fabric.block import header_hash, read_block
from wayproof_verifier.fabric.chain import ConfigChain, read_config_chain
from wayproof_verifier.fabric.transaction import Transaction, read_endorsed, read_transaction
from wayproof_verifier.report import Finding, LedgerVersion, Problem
from wayproof_verifier.trust import TrustRoot

EMBEDDED = "embedded"


@dataclass(slots=True)
class LedgerLines:
    """The lines before the messages, each with its number; held until they are judged."""

    header: Header | None = None
    configs: list[tuple[int, bytes]] = field(default_factory=list)
    states: list[tuple[int, bytes]] = field(default_factory=list)
    envelopes: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the messages are checked against.

    `places` says where each transaction's envelope stands in the ledger, `height` is the highest block among them. The
    evidence is *as of* the lowest height that one of its states reached: each was read at a moment of its own.
    """

    chain: ConfigChain
    records: Mapping[str, Record]
    book: Book
    places: Mapping[LedgerVersion, bytes]
    height: int
    as_of_block: int
    anchored: Mapping[int, Size]


def judge_ledger(lines: LedgerLines, *, trust: TrustRoot, tally: Tally, at_ms: int | None) -> Ledger | None:
    """Run every check of these lines; return the facts, or None where the state does not give them.

    `at_ms` is when certificates are called expired, for the findings; None: not at all.
    """
    header = lines.header
    if header is None:
        return None
    tally.run("trust.root", _check_trust_root(header, lines.configs[0][1], trust=trust))
    chain = tally.attempt("config.chain", lambda: _config_chain(lines, header, trust), needs=["trust.root"])
    states = _read_states(lines, tally)
    carried = _read_transactions(lines, tally)
    if chain is None or states is None or carried is None:
        return None
    tally.run("transactions.id", transactions.check_ids(carried))
    signed: list[Signed] = []
    tally.run(
        "state.endorsements",
        check_state_endorsements(states, chain=chain, trust=trust, signed=signed),
        needs=["config.chain"],
    )
    read = tally.attempt(
        "state.records", lambda: _read_records(states, header.gsin, tally), needs=["state.endorsements"]
    )
    if read is None:
        return None
    state, book = read
    versions = transactions.versions_by_transaction(state.values())
    for problem in _left_over(carried, state, book=book, gsin=header.gsin, versions=versions):
        tally.add("file.format", problem)
    _judge_transactions(carried, state, chain=chain, versions=versions, trust=trust, tally=tally, signed=signed)
    for finding in validity.findings(signed, at_ms=at_ms):
        tally.add("transactions.creator", finding)
    _judge_records(state, book, gsin=header.gsin, tally=tally)
    if not tally.passed("records.history"):
        return None
    return Ledger(
        chain=chain,
        records=state,
        book=book,
        places={versions[item.tx_id]: item.envelope for item in carried if item.tx_id in versions},
        height=max(version[0] for version in versions.values()),
        as_of_block=min(_height(item) for _, item in states),
        anchored={
            item.event.version: attachment_size(book, records=state, attachment=item) for item in book.attachments
        },
    )


def _height(endorsed: Transaction) -> int:
    """Return the highest block that an endorsed read saw."""
    return max(version.block_num for version in endorsed.reads.values() if version is not None)


def _check_trust_root(header: Header, genesis: bytes, *, trust: TrustRoot) -> Iterator[Problem]:
    for name, claimed, pinned in (
        ("channel", header.channel, trust.channel),
        ("contract", header.contract, trust.contract),
        ("genesis block", header.genesis.hex(), trust.genesis.hex()),
        ("first config block", header_hash(read_block(genesis).header).hex(), trust.genesis.hex()),
    ):
        if claimed != pinned:
            yield Problem(f"the {name} is {claimed}, and {pinned} is pinned", "line 1")


def _config_chain(lines: LedgerLines, header: Header, trust: TrustRoot) -> ConfigChain:
    blocks = (block for _, block in lines.configs)
    chain = read_config_chain(blocks, channel_id=trust.channel, genesis_hash=trust.genesis)
    is_embedded = any(config.consensus == EMBEDDED for config in chain.configs)
    if is_embedded != (header.ledger == EMBEDDED):
        raise ConfigError(f"the file says that its ledger is {header.ledger}; the configuration says otherwise")
    return chain


def _read_states(lines: LedgerLines, tally: Tally) -> list[tuple[str, Transaction]] | None:
    states: list[tuple[str, Transaction]] = []
    for number, payload in lines.states:
        try:
            states.append((f"line {number}", read_endorsed(payload)))
        except VerificationError as error:
            tally.add("file.format", Problem(f"no endorsed state: {error}", f"line {number}"))
    return states if len(states) == len(lines.states) else None


def _read_transactions(lines: LedgerLines, tally: Tally) -> list[Carried] | None:
    carried: list[Carried] = []
    for number, envelope in lines.envelopes:
        try:
            transaction = read_transaction(envelope)
        except VerificationError as error:
            tally.add("file.format", Problem(f"no transaction: {error}", f"line {number}"))
            continue
        carried.append(Carried(f"line {number}", envelope, transaction))
        if transaction.unusual:
            text = f"its client wrote the transaction as nobody else does, and peers took it: {transaction.unusual}"
            tally.add("file.format", Finding("unusual_encoding", text, f"line {number}"))
    return carried if len(carried) == len(lines.envelopes) else None


def _read_records(states: Sequence[tuple[str, Transaction]], gsin: str, tally: Tally) -> tuple[dict[str, Record], Book]:
    state = read_records(states)
    book = read_book(state, gsin=gsin)
    for problem in records.check_required(state, book=book, gsin=gsin):
        tally.add("state.records", problem)
    return state, book


def _left_over(
    carried: Sequence[Carried],
    state: Mapping[str, Record],
    *,
    book: Book,
    gsin: str,
    versions: Mapping[str, LedgerVersion],
) -> Iterator[Problem]:
    yield from transactions.check_coverage(carried, versions=versions)
    yield from records.check_left_over(state, book=book, gsin=gsin)


def _judge_transactions(
    carried: Sequence[Carried],
    state: Mapping[str, Record],
    *,
    chain: ConfigChain,
    versions: Mapping[str, LedgerVersion],
    trust: TrustRoot,
    tally: Tally,
    signed: list[Signed],
) -> None:
    who: transactions.Creators = {}
    tally.run(
        "transactions.creator",
        transactions.check_creators(carried, chain=chain, versions=versions, who=who),
        needs=["state.records"],
    )
    tally.run(
        "transactions.endorsements",
        transactions.check_transaction_endorsements(
            carried, chain=chain, versions=versions, trust=trust, signed=signed
        ),
        needs=["state.records"],
    )
    signed += [
        Signed(who[item.tx_id], item.transaction.timestamp_ns, item.tx_id) for item in carried if item.tx_id in who
    ]
    tally.run(
        "transactions.writes",
        transactions.check_writes(state.values(), carried=carried, who=who),
        needs=["state.records", "transactions.id", "transactions.creator"],
    )


def _judge_records(state: Mapping[str, Record], book: Book, *, gsin: str, tally: Tally) -> None:
    tally.run("records.history", records.check_history(state, book=book, gsin=gsin), needs=["state.records"])
    tally.run("custody", custody.check_custody(book.shipment), needs=["records.history"])
    tally.run("attachments.anchored", check_attachments(book, records=state), needs=["records.history"])
    if tally.passed("records.history"):
        for finding in [*custody.unmonitored(book.shipment), *_endings(book)]:
            tally.add("custody", finding)


def _endings(book: Book) -> Iterator[Finding]:
    """Name what ended on the way: keys, and epochs of logs."""
    for device in book.devices.values():
        for key in device.keys:
            if key.ending:
                reason = key.ending.event.members.get("reason", "another key took over")
                yield Finding("key_ended", f"{key.ending.event.kind}: {reason}", device.device_id)
    for log_id, epochs in book.logs.items():
        for number, epoch in epochs.items():
            if epoch.opened.kind == "log_retired":
                text = f"epoch {number - 1} was retired: {epoch.opened.members.get('reason')}"
                yield Finding("log_retired", text, log_id)
