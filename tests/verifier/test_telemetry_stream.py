"""The chain of an interval, in any order of arrival: gaps, breaks, contradictions, duplicates, and bounded memory."""

import hashlib
import random
from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from wayproof_verifier.telemetry.stream import BEGINNING, Chain, Link, Position, Walk, position_before

ZEROS = bytes(32)


def digest(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def stream(boots: Sequence[int]) -> list[Link]:
    """A device's messages: boot 1 has boots[0] of them, and so on."""
    links: list[Link] = []
    previous, before = ZEROS, BEGINNING
    for boot, count in enumerate(boots, start=1):
        for sequence in range(1, count + 1):
            link = Link((boot, sequence), digest(boot, sequence), previous, before, (1, len(links)))
            links.append(link)
            previous, before = link.hash, link.position
    return links


def walked(links: Iterable[Link], *, start: Link | None, end: Link | None) -> tuple[Walk, Chain]:
    """Walk as the verifier does: pass after pass until nothing more must be held."""
    held: set[Position] = set()
    messages = list(links)
    while True:
        chain = Chain(
            start=(start.position, start.hash) if start else (BEGINNING, ZEROS),
            end=(end.position, end.hash) if end else None,
            held=held,
        )
        for link in messages:
            chain.add(link)
        walk = chain.walk()
        if not walk.hold:
            return walk, chain
        assert not walk.hold <= held
        held |= walk.hold


@settings(max_examples=200)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.randoms(use_true_random=False), st.booleans())
def test_missing_messages_are_gaps_whatever_the_order(boots: list[int], chance: random.Random, is_open: bool) -> None:  # noqa: FBT001
    links = stream(boots)
    kept = [link for link in links if chance.random() < 0.7]
    last = None if is_open else links[-1]
    ordered, _ = walked(kept, start=None, end=last)
    chance.shuffle(kept)
    walk, _ = walked(kept, start=None, end=last)
    assert (walk.gaps, walk.runs) == (ordered.gaps, ordered.runs)
    assert not walk.breaks
    assert not walk.contradictions
    missing = {link.position for link in links} - {link.position for link in kept}
    named = {(boot, sequence) for boot, first, end in walk.gaps for sequence in range(first, end + 1)}
    assert named <= missing
    known = {link.position for link in kept} | ({links[-1].position} if last else set())
    followers = {position_before(link.position, after=link.before) for link in kept}
    assert {position for position in missing if position in followers or position in known} <= named


def test_a_whole_interval_is_one_run() -> None:
    links = stream([5, 3])
    walk, chain = walked(links[2:], start=links[1], end=links[-1])
    assert walk.runs == [((1, 3), (2, 3))]
    assert not walk.gaps
    assert not walk.breaks
    assert len(chain._pieces) == 1


def test_memory_grows_with_disorder_not_with_messages() -> None:
    links = stream([5000])
    chain = Chain(start=(BEGINNING, ZEROS), end=None, held=())
    for first in range(0, 5000, 2):
        for link in reversed(links[first : first + 2]):
            chain.add(link)
        assert len(chain._pieces) == 1


@given(st.randoms(use_true_random=False))
def test_an_equivocation_is_named_and_the_chain_stays_whole(chance: random.Random) -> None:
    links = stream([4, 4])
    place = chance.randrange(len(links))
    true = links[place]
    false = Link(true.position, digest("false"), true.previous, true.before, (1, 99))
    messages = [*links, false]
    chance.shuffle(messages)
    walk, _ = walked(messages, start=None, end=links[-1])
    assert walk.contradictions == [(true.position, true.position)]
    assert not walk.breaks
    assert not walk.gaps


@given(st.randoms(use_true_random=False))
def test_a_boot_that_forgot_its_last_messages_contradicts_them(chance: random.Random) -> None:
    links = stream([4, 3])
    forgotten = [Link((1, 5), digest(5), links[3].hash, (1, 4), (1, 50))]
    forgotten.append(Link((1, 6), digest(6), forgotten[0].hash, (1, 5), (1, 51)))
    messages = links + forgotten
    chance.shuffle(messages)
    walk, _ = walked(messages, start=None, end=links[-1])
    assert not walk.breaks
    assert not walk.gaps
    named = [(boot, s) for (boot, first), (_, last) in walk.contradictions for s in range(first, last + 1)]
    assert sorted(named) == [(1, 5), (1, 6)]


def test_the_same_message_at_two_leaves_is_a_duplicate() -> None:
    links = stream([3])
    walk, _ = walked([*links, links[1]], start=None, end=links[-1])
    assert walk.duplicates == [(1, 2)]
    assert not walk.contradictions


def test_neighbours_that_do_not_chain_break() -> None:
    links = stream([5])
    links[2] = Link((1, 3), digest("other"), links[1].hash, (1, 2), (1, 2))
    walk, _ = walked(links, start=None, end=links[-1])
    assert len(walk.breaks) == 1
    assert walk.runs == [((1, 4), (1, 5)), ((1, 1), (1, 3))]


def test_bounds_are_held_by_hash() -> None:
    links = stream([5])
    other = Link((1, 5), digest("end"), ZEROS, (1, 4), (1, 0))
    assert walked(links, start=None, end=other)[0].breaks
    start = Link((1, 2), digest("start"), ZEROS, (1, 1), (1, 0))
    assert walked(links[2:], start=start, end=links[-1])[0].breaks


def test_an_empty_interval_is_whole_and_an_absent_end_is_a_gap() -> None:
    links = stream([5])
    assert walked([], start=links[2], end=links[2])[0] == Walk()
    assert walked([], start=links[2], end=links[4])[0].gaps == [(1, 4, 5)]
    assert walked([], start=links[2], end=None)[0].gaps == []


def test_an_erased_first_message_of_a_boot_chains_by_hash() -> None:
    links = stream([3, 3])
    links[3] = Link((2, 1), links[3].hash, links[3].previous, None, (1, 3))
    assert walked(links, start=None, end=links[-1])[0].runs == [((1, 1), (2, 3))]
    without = [link for link in links if link.position != (1, 3)]
    assert walked(without, start=None, end=links[-1])[0].breaks
