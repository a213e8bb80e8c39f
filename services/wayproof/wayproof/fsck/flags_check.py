"""The flags: every judged message judged again, from the log's beginning, by the rules that were in force then."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from wayproof.fsck.finding import Findings, Mismatch, shown
from wayproof.plausibility.copies import Claimed, CopiedSeries, Holder, Runs
from wayproof.plausibility.group import judge_group
from wayproof.plausibility.judge import Flag, Heard, Measured, Memory
from wayproof.plausibility.profile import VERSIONS, RuleSet
from wayproof.store import flags as stored
from wayproof.store import fsck, log_messages, retention
from wayproof.store.connection import Connection
from wayproof.store.flags import StoredFlag
from wayproof.store.log_messages import BEGIN, Leaf, Place
from wayproof_verifier.telemetry import Reading, Rejection, decode

GROUP = 500
"""Messages that are read at once."""

Tick = Callable[[int], None]
FlagKey = tuple[int, int, str]
"""Ingest id, place in the pack, code."""


def check_flags(connection: Connection, findings: Findings, *, tick: Tick) -> None:
    """Judge again all that was judged, and compare. Within the transaction of a snapshot."""
    reached, rules = stored.checkpoint(connection), stored.rules(connection)
    if reached is None:
        findings.unchecked.append("flags: the log was cut after it was judged; `wayproof plausibility` begins anew")
        return
    if not rules:
        return
    if unknown := [place for place, in_force in rules if in_force.versions != VERSIONS]:
        findings.unchecked.append(
            f"flags: the rules from leaf {unknown[0].epoch}/{unknown[0].leaf_index} on are those of another version of "
            "this program; `wayproof plausibility --again` judges everything by this one's"
        )
        return
    _FlagsCheck(connection, findings, reached).run(rules, tick=tick)


class _FlagsCheck:
    def __init__(self, connection: Connection, findings: Findings, reached: Place) -> None:
        self._connection, self._findings, self._reached = connection, findings, reached
        self._memories: dict[int, Memory] = {}
        self._runs = Runs()
        self._dropped = retention.dropped(connection)
        self._erased: set[int] = set()  # streams of which something is gone that was judged

    def run(self, rules: Sequence[tuple[Place, RuleSet]], *, tick: Tick) -> None:
        ends = [place for place, _ in rules[1:]] + [self._reached]
        if rules[0][0] != BEGIN:
            key = f"epoch {BEGIN.epoch}, leaf {BEGIN.leaf_index}"
            self._findings.add(Mismatch("plausibility_rules", key, "", "no row", "rules from the first leaf on"))
            return
        for (begin, in_force), end in zip(rules, ends, strict=True):
            self._memories = {}
            for leaves in self._groups(begin, end):
                self._group(leaves, in_force)
                tick(len(leaves))
        self._findings.extend(
            Mismatch("reading_flag", _key(it), "", shown(it.detail), "no row: its message is not judged yet")
            for it in stored.unjudged_flags(self._connection, self._reached)
        )
        self._findings.extend(self._remembered())
        if self._erased:
            self._findings.notes.append(
                f"flags: {len(self._erased)} streams are compared up to what was erased of them, copied runs not at all"
            )

    def _groups(self, begin: Place, end: Place) -> Iterator[list[Leaf]]:
        place = begin
        while leaves := [it for it in log_messages.leaves(self._connection, place, limit=GROUP) if it.place < end]:
            yield leaves
            place = Place(leaves[-1].place.epoch, leaves[-1].place.leaf_index + 1)

    def _group(self, leaves: Sequence[Leaf], in_force: RuleSet) -> None:
        heard = self._with_dropped([it.heard for it in leaves if it.heard is not None])
        claim = partial(self._claim, most=in_force.most_runs)
        judged = judge_group(heard, memories=self._memories, rules=in_force, claim=claim)
        self._memories.update(judged.memories)
        streams = {it.ingest_id: it.stream_id for it in heard}
        self._erased |= {streams[it.ingest_id] for it in leaves if it.is_erased and it.ingest_id in streams}
        found = stored.flags_of(self._connection, [it.ingest_id for it in leaves])
        self._findings.counts["flags"] += len(found)
        self._findings.extend(self._compared(judged.flags, found))

    def _claim(self, claims: Sequence[Claimed], *, most: int) -> Sequence[Holder]:
        first = self._runs.claim(claims, most=most)
        if claims:
            self._runs.forget(most=most)
        return first

    def _with_dropped(self, heard: list[Heard]) -> list[Heard]:
        """Return messages with what they measured, from their bytes where that was in a week that is dropped."""
        if not self._dropped:
            return heard
        payloads = fsck.payloads(self._connection, [it.ingest_id for it in heard])
        return [
            replace(it, readings=measured(payloads[it.ingest_id])) if it.ingest_id in payloads else it for it in heard
        ]

    def _compared(self, judged: Iterable[tuple[Heard, Flag]], found: Iterable[StoredFlag]) -> Iterator[Mismatch]:
        expected = {
            (heard.ingest_id, flag.ordinal, flag.code): StoredFlag.of(heard, flag)
            for heard, flag in judged
            if self._is_compared(heard.stream_id, flag.code)
        }
        rows = {(it.ingest_id, it.ordinal, it.code): it for it in found if self._is_compared(it.stream_id, it.code)}
        for key in sorted(expected.keys() | rows.keys()):
            yield from _difference(rows.get(key), expected.get(key))

    def _is_compared(self, stream_id: int, code: str) -> bool:
        return stream_id not in self._erased and not (self._erased and code == CopiedSeries.code)

    def _remembered(self) -> Iterator[Mismatch]:
        """Yield what is wrong with what the process remembers: it would judge otherwise from there on."""
        remembered = {key: dict(memory) for key, memory in stored.all_memories(self._connection).items()}
        expected = {key: dict(memory) for key, memory in self._memories.items()}
        yield from _rows("plausibility_memory", "stream_id", remembered, expected, skipped=self._erased)
        if not self._erased:
            runs = {
                key: (it.holder.stream_id, it.holder.observed_at_ms, it.number) for key, it in self._runs.known.items()
            }
            yield from _rows("plausibility_run", "fingerprint", stored.all_runs(self._connection), runs, skipped=set())


def measured(published: tuple[str, bytes]) -> tuple[Measured, ...]:
    """Return what a message of this topic and payload measured, as the store would say it."""
    topic, payload = published
    message = decode(payload, topic=topic)
    if isinstance(message, Rejection):
        return ()
    return tuple(
        Measured(ordinal, it.name, it.unit, it.value, it.scale, it.observed_at_ms)
        if isinstance(it, Reading)
        else Measured(ordinal, it.name, "", None, None, it.observed_at_ms)
        for ordinal, it in enumerate(message.readings)
    )


def _rows(
    table: str, name: str, rows: Mapping[int, object], expected: Mapping[int, object], *, skipped: set[int]
) -> Iterator[Mismatch]:
    for key in sorted((rows.keys() | expected.keys()) - skipped):
        row, wanted = rows.get(key), expected.get(key)
        if row != wanted:
            yield Mismatch(table, f"{name} {key}", "", shown(row), shown(wanted))


def _difference(row: StoredFlag | None, expected: StoredFlag | None) -> Iterator[Mismatch]:
    if row is None and expected is not None:
        yield Mismatch("reading_flag", _key(expected), "", "no row", f"{expected.code}: {expected.detail}")
    elif row is not None and expected is None:
        yield Mismatch("reading_flag", _key(row), "", f"{row.code}: {row.detail}", "no row: the reading is plausible")
    elif row is not None and expected is not None and row != expected:
        columns = ("stream_id", "observed_at_ms", "rule_version", "detail")
        column = next(name for name in columns if getattr(row, name) != getattr(expected, name))
        yield Mismatch("reading_flag", _key(row), column, shown(getattr(row, column)), shown(getattr(expected, column)))


def _key(flag: StoredFlag) -> str:
    return f"ingest_id {flag.ingest_id}, ordinal {flag.ordinal}, {flag.code}"
